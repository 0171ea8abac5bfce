"""The command line and whole-system start."""
