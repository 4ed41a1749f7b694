"""How much memory a search of a large raw corpus takes beyond its inputs and outputs."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.timing import memory

QUERIES, ROWS, DIM, K, THREADS = 1000, 1_000_000, 384, 100, 2
BOUND_MB = 64       # MiB


def _worker(masked: bool) -> float:
    """MiB that the search takes."""
    import fastla

    rng = np.random.default_rng(0)
    x = np.empty((ROWS, DIM), np.float32)
    for first in range(0, ROWS, 10_000):
        rng.standard_normal(out=x[first:first + 10_000], dtype=np.float32)
    q = rng.standard_normal((QUERIES, DIM), dtype=np.float32)
    mask = rng.random(ROWS) < 0.5 if masked else None
    fastla.set_num_threads(THREADS)
    fastla.knn(q[:2], x[:1000], 3)          # what is loaded at first use is not this search's
    return memory.taken_by(lambda: fastla.knn(q, x, K, mask=mask))


def measure() -> dict[bool, float]:
    """Return MiB, without and with a mask that allows half the rows."""
    return {masked: memory.apart("benchmarks.search.memory", "masked" if masked else "all") for masked in (False, True)}


def within(found: dict[bool, float]) -> bool:
    """Whether both stay within the bound."""
    return max(found.values()) < BOUND_MB


def sentence(found: dict[bool, float]) -> str:
    """Return what was measured."""
    return (f"Memory that `knn` takes beyond inputs and outputs, {QUERIES} queries x {ROWS:,} x {DIM} raw float32, "
            f"cosine, k = {K}, {THREADS} threads: {found[False]:.0f} MiB; with a mask {found[True]:.0f} MiB.")


if __name__ == "__main__":
    print(_worker(sys.argv[1] == "masked"))
