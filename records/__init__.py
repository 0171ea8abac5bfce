"""The plain shared vocabulary: nothing here knows a service or a library of one stage."""
