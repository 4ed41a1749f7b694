"""Look for calls in which fastla is slower than NumPy: a sweep of random ones, with a fresh seed that is printed.

    python -m benchmarks.sweep [--seed S] [--count 200] [--rounds 3] [--threads 2]

Products, each side in a process of its own. Exits with 1 if any is behind also when measured again, or wrong.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.reporting import options
from benchmarks.sweep import products
from benchmarks.timing.sides import SideFailed


def main() -> int:
    """Run the sweep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=options.natural, help="of the cases (default: a fresh one, printed)")
    parser.add_argument("--count", type=options.positive, default=200, help="how many products (default: 200)")
    parser.add_argument("--rounds", type=options.positive, default=3, help="in which each side has a turn (default: 3)")
    parser.add_argument("--threads", type=options.positive, default=2, help="for each side (default: 2)")
    args = parser.parse_args()
    seed = options.fresh_seed() if args.seed is None else args.seed
    try:
        return 0 if products.sweep(seed, args.count, args.rounds, args.threads) else 1
    except SideFailed as error:
        raise SystemExit(f"{error}") from None


if __name__ == "__main__":
    sys.exit(main())
