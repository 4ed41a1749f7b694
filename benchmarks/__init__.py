"""How fast fastla is: `python -m benchmarks` (against NumPy, and a real model), `pytest benchmarks`, and a sweep."""
