"""Tokens a second of a language model, read and written.

    python -m benchmarks.smollm [--weights FILE.safetensors] [--threads N] [--quick]

Without a file the weights are random, in the shape of SmolLM2-135M.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np

from benchmarks.reporting import options, text
from benchmarks.reporting.machine import machine
from benchmarks.smollm.cases import LanguageModel
from benchmarks.smollm.model import SMOLLM, parameters
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.sides import SideFailed, Workers, here

READ, WRITTEN = 256, 16
BYTES = {"fastla int8": 1}      # of a weight; else 4


def table(found: list[Measurement], sides: list[str]) -> str:
    """Return tokens a second by side, and the memory that the weights' reading takes."""
    body: list[list[object]] = []
    for measured in found:
        case = measured.case
        rates = {side: case.tokens / measured.median(side) for side in sides}
        body.append([case.label(), measured.threads, *(f"{text.digits(rates[side])}/s" for side in sides)])
        if case.writes:
            moved = {side: rates[side] * parameters(case.shape) * BYTES.get(side, 4) / 1e9 for side in sides}
            body.append(["  weights, GB/s", measured.threads, *(text.digits(moved[side]) for side in sides)])
    return text.table(body, ("tokens", "threads", *sides), "simple", left=1)


def drift(read: Measurement) -> str:
    """Return how far each side's logits are from fastla's."""
    ours = read.results["fastla"]
    spread = float(np.std(ours))
    return "\n".join(
        f"Logits of {side} differ from fastla's by {np.abs(logits - ours).max() / spread:.1e} at most, in standard "
        f"deviations; the likeliest token is {'the same' if logits.argmax() == ours.argmax() else 'another'}."
        for side, logits in read.results.items() if side != "fastla"
    )


def main() -> int:
    """Run the model; return 1 where a side fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smollm", description=__doc__.splitlines()[0])
    options.add_measuring(parser)
    parser.add_argument("--weights", type=Path, metavar="FILE", help="of the model, .safetensors (default: random)")
    args = parser.parse_args()
    sides = ["numpy", "fastla", "fastla int8", *(["torch"] if importlib.util.find_spec("torch") else [])]
    rounds = 2 if args.quick else 5
    found = []
    try:
        for threads in options.thread_counts(args):
            with Workers(threads, [here(side) for side in sides]) as workers:
                found += [
                    workers.measure(LanguageModel("model", tokens, writes, SMOLLM, args.weights), rounds, 0.0,
                                    warm=False, results=not writes)
                    for tokens, writes in ((READ, False), (WRITTEN, True))
                ]
    except SideFailed as error:
        print(f"The model was not run: {error}", file=sys.stderr)
        return 1
    kind = "random weights" if args.weights is None else args.weights.name
    print(machine(), f"SmolLM2-135M's shape, {kind}.", table(found, sides), drift(found[0]), sep="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
