"""What fastla is measured by: `python -m benchmarks` against NumPy and on a real model, `pytest benchmarks`, and a sweep."""
