"""Look for calls in which fastla is slower than NumPy: a sweep of random ones, with a fresh seed that is printed.

    python -m benchmarks.sweep [--seed S] [--count 200] [--rounds 3] [--threads 2]
    python -m benchmarks.sweep --api [S] [--count 40] [--functions F ...] [--threads 2] [--count-disturbed]

Products (products.py), or with --api all public functions (api.py), each side in a process of its own. Exits with 1
if a product is behind also when measured again, if a function is not ahead or a call far behind, or if a result is
wrong.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.reporting import options
from benchmarks.sweep import api, products
from benchmarks.timing.sides import SideFailed

PRODUCTS, CALLS = 200, 40       # how many, unless --count says


def main() -> int:
    """Run the sweep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=options.natural, help="of the cases (default: a fresh one, printed)")
    parser.add_argument("--api", nargs="?", type=options.natural, const=-1, metavar="S",
                        help="calls of all public functions, from a seed (default: a fresh one, printed)")
    parser.add_argument("--functions", nargs="+", choices=api.FUNCTIONS, metavar="F", help="with --api: only these")
    parser.add_argument("--count-disturbed", action="store_true",
                        help="with --api: count what other processes disturbed, too, for a look on a busy machine")
    parser.add_argument("--count", type=options.positive,
                        help=f"how many products (default: {PRODUCTS}), or calls of each function (default: {CALLS})")
    parser.add_argument("--rounds", type=options.positive, default=3, help="in which each side has a turn (default: 3)")
    parser.add_argument("--threads", type=options.positive, default=2, help="for each side (default: 2)")
    args = parser.parse_args()
    if args.api is not None:
        seed = options.fresh_seed() if args.api < 0 else args.api
        names = api.offered(args.functions or list(api.FUNCTIONS))
        return 0 if api.sweep(seed, args.count or CALLS, names, args.threads, args.count_disturbed) else 1
    seed = options.fresh_seed() if args.seed is None else args.seed
    try:
        return 0 if products.sweep(seed, args.count or PRODUCTS, args.rounds, args.threads) else 1
    except SideFailed as error:
        raise SystemExit(f"{error}") from None


if __name__ == "__main__":
    sys.exit(main())
