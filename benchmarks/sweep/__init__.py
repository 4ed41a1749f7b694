"""Looking for what is slower than NumPy among random calls."""
