"""The model alone, without the table of cases.

    python -m benchmarks.minilm [--quick] [--threads N] [--offline]

It fetches the weights when they are not in the user's cache (files.py).
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.minilm import model, run
from benchmarks.reporting import options
from benchmarks.reporting.machine import machine
from benchmarks.timing.sides import SideFailed
from benchmarks.wheels import Unavailable


def main() -> int:
    """Run the model; return 1 where the embeddings disagree or a side fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.minilm", description=model.__doc__.splitlines()[0])
    options.add_measuring(parser)
    options.add_offline(parser)
    args = parser.parse_args()
    try:
        models = [run.measure(count, quick=args.quick, offline=args.offline) for count in options.thread_counts(args)]
    except (Unavailable, SideFailed) as error:
        print(f"The model was not run: {error}", file=sys.stderr)
        return 1
    print(machine(), run.section(models, "simple"), sep="\n\n")
    return 0 if all(found.right for found in models) else 1


if __name__ == "__main__":
    sys.exit(main())
