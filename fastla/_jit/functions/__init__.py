"""Functions that only the user knows, compiled into callbacks over tiles (`user_function.py`)."""
