"""Timing the same work on several sides, each in a process of its own, in turn, with an eye on who else is working."""
