"""Searching docstrings by meaning: what each storage of an index costs and finds, its memory, and its hard cases."""
