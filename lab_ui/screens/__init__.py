"""The screens, as functions given to `st.Page`."""
