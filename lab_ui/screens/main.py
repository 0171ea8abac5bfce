"""What Streamlit runs for each viewer. All of it is in `shell`, which is imported once."""

from lab_ui.screens.shell import show

show()
