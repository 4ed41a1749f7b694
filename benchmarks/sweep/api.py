"""Random calls of every public function beside NumPy's lines, and how each function stands.

What is below 0.85x of NumPy's time is measured again in fresh processes; the shortest call of all counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from tqdm import tqdm

import fastla
from benchmarks.operations import Call, Case
from benchmarks.reporting import text
from benchmarks.reporting.machine import machine
from benchmarks.sweep import attention, eigen, functions, layers, searches
from benchmarks.sweep.functions import Drawn
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.sides import SideFailed, Workers

# Every public function, and how its calls are drawn; one that this fastla does not have is left out.
FUNCTIONS = {
    **{name: partial(functions.product, name, shapes) for name, shapes in functions.SHAPES.items()},
    "dot": functions.dot,
    "vector_norm": functions.vector_norm,
    "normalize": functions.normalize,
    "cosine_similarity": functions.cosine_similarity,
    "paired_cosine_similarity": functions.paired_cosine_similarity,
    "knn": searches.knn,
    "range_search": searches.range_search,
    "FlatIndex.search": searches.index_search,
    **{name: partial(attention.along_axis, name) for name in attention.LINES},
    "attention": attention.attention,
    "attention_varlen": attention.attention_varlen,
    "KVCache.attend": attention.kv_cache,
    "linear": layers.linear,
    "gated_linear": layers.gated_linear,
    **{name: partial(layers.norm, name) for name in layers.LINES},
    "eigh": eigen.eigh,
    "eigsh": eigen.eigsh,
    "power_iteration": eigen.power_iteration,
    "svds": eigen.svds,
    "PCA.fit": eigen.pca,
}
ROUNDS, AGAIN_ROUNDS = (2, 0.03), (2, 0.1)      # how many, and the seconds of a turn in each
AGAIN, SLOW, WORST = 0.85, 0.8, 0.5
LEAST_MEAN, MOST_SLOW = 1.2, 0.02               # of every function; the share of calls below SLOW
SHOWN = 40


def _fastla_side(case: RandomCall, drawn: Drawn) -> Call:
    return drawn.ours(fastla)


@dataclass(frozen=True)
class RandomCall(Case):
    """A call of the function that `family` names, drawn from a seed of its own."""

    seed: int
    TABLE: ClassVar = "api"
    SIDES: ClassVar = {"numpy": lambda case, drawn: drawn.theirs, "fastla": _fastla_side}

    def make(self, seed: int = 0) -> Drawn:
        """Return the operands and both calls."""
        with np.errstate(all="ignore"):
            return FUNCTIONS[self.family](np.random.default_rng(self.seed))

    def label(self) -> str:
        """Return the operands."""
        return self.make().label

    def check(self, operands: Drawn, result: object) -> float:
        """Return how far the result is from NumPy's."""
        with np.errstate(all="ignore"):
            return operands.error(result)


def offered(names: Sequence[str]) -> list[str]:
    """Return those of some functions that this fastla has."""
    return [name for name in names if hasattr(fastla, name.split(".")[0])]


def draw(seed: int, count: int, names: Sequence[str]) -> list[RandomCall]:
    """Return so many calls of each function; a call is the same whichever others are drawn."""
    return [RandomCall(name, seed=int(np.random.SeedSequence([seed, place, *name.encode()]).generate_state(1)[0]))
            for name in names for place in range(count)]


def measure(calls: Sequence[RandomCall], threads: int, rounds: tuple[int, float],
            what: str) -> dict[RandomCall, Measurement | str]:
    """Measure calls on one pair of processes; where a side fails, why, and new ones take over."""
    found: dict[RandomCall, Measurement | str] = {}
    left = list(calls)
    with tqdm(total=len(left), desc=what, unit="call", disable=None) as bar:
        while left:
            with Workers(threads) as workers:
                while left:
                    call = left.pop(0)
                    bar.update()
                    try:
                        found[call] = workers.measure(call, *rounds)
                    except SideFailed as error:
                        found[call] = str(error).splitlines()[-1]
                        break
    return found


def sweep(seed: int, count: int, names: Sequence[str], threads: int, count_disturbed: bool) -> bool:
    """Run a sweep and print how each function stands; return whether all are as they must be."""
    print(f"{machine()}\n\nseed {seed}, {count} calls a function, {threads} threads", end="\n\n", flush=True)
    found = measure(draw(seed, count, names), threads, ROUNDS, "calls")
    measured = {call: row for call, row in found.items() if isinstance(row, Measurement)}
    slow = [call for call, row in measured.items() if row.right and row.best_ratio() < AGAIN]
    for call, again in measure(slow, threads, AGAIN_ROUNDS, "again").items():
        if isinstance(again, Measurement):
            measured[call].add(again)
    counted = {call: row.best_ratio() for call, row in measured.items()
               if row.right and (count_disturbed or not row.disturbed)}
    for call in sorted(counted, key=counted.get)[:SHOWN]:
        if counted[call] < SLOW:
            print(f"{counted[call]:7.3f}x {call.family}({call.label()})")
    wrong = [f"WRONG {call.family}({call.label()}): {row if isinstance(row, str) else 'differs'}"
             for call, row in found.items() if isinstance(row, str) or not row.right]
    print(*wrong, sep="\n", end="\n\n" if wrong else "\n")
    print(standing(names, counted), end="\n\n")
    below = sum(ratio < SLOW for ratio in counted.values())
    print(f"{below} of {len(counted)} calls below {SLOW}x of NumPy's lines, {len(wrong)} wrong; "
          f"{len(found) - len(counted) - len(wrong)} were disturbed and left out.\n"
          f"Repeat with --api {seed} --count {count} --threads {threads}")
    return not wrong and stands(names, counted)


def _of(name: str, counted: dict[RandomCall, float]) -> list[float]:
    return [ratio for call, ratio in counted.items() if call.family == name]


def standing(names: Sequence[str], counted: dict[RandomCall, float]) -> str:
    """Return the table of functions."""
    body: list[list[object]] = []
    for name in names:
        ratios = _of(name, counted)
        if ratios:
            body.append([name, len(ratios), f"{text.geometric_mean(ratios):.2f}x",
                         f"{np.mean(np.less(ratios, SLOW)):.0%}", f"{min(ratios):.3f}x"])
    return text.table(body, ("function", "calls", "geometric mean", f"below {SLOW}x", "worst"), "simple", left=1)


def stands(names: Sequence[str], counted: dict[RandomCall, float]) -> bool:
    """Whether every function's mean, the share of slow calls and the worst call are as they must be."""
    means = [text.geometric_mean(_of(name, counted)) for name in names]
    ratios = list(counted.values())
    return min(means) >= LEAST_MEAN and np.mean(np.less(ratios, SLOW)) <= MOST_SLOW and min(ratios) >= WORST
