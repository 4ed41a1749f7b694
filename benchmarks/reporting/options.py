"""The options that several commands have."""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.timing.load import cores


def add_measuring(parser: argparse.ArgumentParser) -> None:
    """Add the options of what measures the table of cases."""
    parser.add_argument("--quick", action="store_true", help="a selection, in under three minutes")
    parser.add_argument("--threads", type=positive, metavar="N", help="with N threads only (else 1 and 2; quick: 2)")


def add_offline(parser: argparse.ArgumentParser) -> None:
    """Add the option of what runs the model."""
    parser.add_argument("--offline", action="store_true", help="fetch nothing: without its weights, no model")


def add_readme(parser: argparse.ArgumentParser) -> None:
    """Add the option of what README.md has a block for."""
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md, between its markers")


def natural(text: str) -> int:
    """Return an option's whole number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number is expected, not {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Return an option's whole number, 1 or more."""
    if natural(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 is expected, not {text!r}")
    return int(text)


def thread_counts(args: argparse.Namespace) -> list[int]:
    """Return the numbers of threads to measure with."""
    if args.threads:
        return [args.threads]
    return [1] if len(cores()) < 2 else [2] if args.quick else [1, 2]


def fresh_seed() -> int:
    """Return a seed that nobody has used: it is to be printed."""
    return int(np.random.SeedSequence().generate_state(1)[0])
