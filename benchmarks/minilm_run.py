"""The sentence encoder as an operation to measure, its row of the report, and the command of minilm.py."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
import sys
from collections.abc import Callable

import numpy as np

from benchmarks import minilm, minilm_files, pairs, report
from benchmarks.cases import Case, Operation
from benchmarks.docstrings import docstrings

SENTENCES = 512
QUICK_TOKENS = 48   # cuts the longer half of the docstrings: a pass takes about half as long
QUICK_LIMIT_S = 20.0    # a round takes 17 s on two idle cores; on a busy machine one round must do
AGREEMENT = 1e-5    # between embeddings, which have length 1
SIDES = ("numpy", "numpy folded", "fastla")
# Long and short texts, so that padding is masked.
HANDFUL = Case("minilm", "model", m=8, n=minilm.WIDTH, k=minilm.MAX_TOKENS)
Call = Callable[[], np.ndarray]


def _folded(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a @ b by NumPy, a stack times one matrix as a single product."""
    if b.ndim > 2:
        return np.matmul(a, b)
    return np.matmul(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], -1)


def _by(library: minilm.Library) -> Callable[[Case, list[minilm.Batch]], Call]:
    return lambda case, batches: lambda: minilm.embed(batches, library)


def _by_torch(case: Case, batches: list[minilm.Batch]) -> Call:
    return lambda: importlib.import_module("benchmarks.minilm_torch").embed(batches)


def _check(case: Case, batches: list[minilm.Batch], result: np.ndarray) -> float:
    """Only that the lengths are 1: whether the sides agree is for `Model` to say, which has all the results."""
    return float(np.abs(np.linalg.norm(result.astype(np.float64), axis=1) - 1).max() / AGREEMENT)


# m texts of at most k tokens become vectors of n numbers.
OPERATION = Operation(
    make=lambda case, seed: minilm.tokenize(docstrings(case.m), case.k),
    sides={"numpy": _by(minilm.by_numpy()), "fastla": _by(minilm.BY_FASTLA), "torch": _by_torch,
           "numpy folded": _by(minilm.by_numpy(_folded))},
    check=_check,
    label=lambda case: f"MiniLM-L6, {case.m} docstrings of up to {case.k} tokens",
)


def measure(threads: int, *, quick: bool = False, offline: bool = False) -> report.Model:
    """Measure the model by NumPy and by fastla.

    Parameters
    ----------
    threads : int
        For every side.
    quick : bool
        Shorter texts and fewer rounds: under a minute on two cores.
    offline : bool
        Fetch nothing.

    Raises
    ------
    minilm_files.Unavailable
        Where the weights are neither in the user's cache nor can be fetched.
    pairs.SideFailed
        Where a side raises or dies.
    """
    minilm_files.ensure(offline=offline)
    case = Case("minilm", "model", m=SENTENCES, n=minilm.WIDTH, k=QUICK_TOKENS if quick else minilm.MAX_TOKENS)
    with pairs.Workers(threads, SIDES) as workers:
        handful = workers.measure(HANDFUL, 0, results=True).results["fastla"]   # this warms the processes up, too
        found = workers.measure(case, 2 if quick else 3, 0.0, min_calls=1, warm=False, results=True,
                                limit_s=QUICK_LIMIT_S if quick else math.inf)
    ours = found.results["fastla"]
    difference = max(float(np.abs(ours - found.results[peer]).max()) for peer in SIDES if peer != "fastla")
    from_torch = None
    if importlib.util.find_spec("torch"):
        with pairs.Workers(threads, ("torch",)) as workers:
            torchs = workers.measure(HANDFUL, 0, results=True).results["torch"]
        from_torch = float(np.abs(handful - torchs).max())
    return report.Model(found, difference, from_torch, AGREEMENT)


def main() -> int:
    """Run `python -m benchmarks.minilm`; return 1 where the embeddings disagree or a side fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.minilm", description=minilm.__doc__.splitlines()[0])
    report.add_arguments(parser)
    args = parser.parse_args()
    try:
        models = [measure(threads, quick=args.quick, offline=args.offline) for threads in report.thread_counts(args)]
    except (minilm_files.Unavailable, pairs.SideFailed) as error:
        print(f"The model was not run: {error}", file=sys.stderr)
        return 1
    print(report.machine(), report.model_table(models), sep="\n\n")
    return 0 if all(model.right for model in models) else 1
