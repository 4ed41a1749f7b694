"""How much memory attention takes beyond its inputs and outputs, where a score matrix would take half a gigabyte.

    python -m benchmarks.attention_memory dense | causal | masked

The report (`python -m benchmarks`) has a sentence of all three.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.timing import memory

SHAPE, THREADS = (1, 8, 4096, 64), 2
BOUND_MB = 32       # MiB
KINDS = ("dense", "causal", "masked")


def _worker(kind: str) -> float:
    """MiB that a call takes; the mask allows half of the pairs, in no order."""
    import fastla

    rng = np.random.default_rng(0)
    query, key, value = (rng.standard_normal(SHAPE, np.float32) for _ in range(3))
    length = SHAPE[2]
    mask = rng.random((length, length), np.float32) < 0.5 if kind == "masked" else None
    fastla.set_num_threads(THREADS)
    few = slice(0, 256)         # what is loaded at first use is not this call's
    fastla.attention(query[:, :1, few], key[:, :1, few], value[:, :1, few],
                     None if mask is None else mask[few, few], is_causal=kind == "causal")
    return memory.taken_by(lambda: fastla.attention(query, key, value, mask, is_causal=kind == "causal"))


def measure() -> dict[str, float]:
    """Return MiB by kind, each in a process of its own."""
    return {kind: memory.apart("benchmarks.attention_memory", kind) for kind in KINDS}


def within(found: dict[str, float]) -> bool:
    """Whether all stay within the bound."""
    return max(found.values()) < BOUND_MB


def sentence(found: dict[str, float]) -> str:
    """Return what was measured."""
    of_each = ", ".join(f"{kind} {size:.1f} MiB" for kind, size in found.items())
    scores = SHAPE[0] * SHAPE[1] * SHAPE[2] ** 2 * 4 / 2**20
    wrong = "" if within(found) else f" WRONG: above {BOUND_MB} MiB."
    return (f"Memory that `attention` takes beyond inputs and outputs, {SHAPE} float32, {THREADS} threads: {of_each}; "
            f"the matrix of scores would take {scores:.0f} MiB.{wrong}")


if __name__ == "__main__":
    print(_worker(sys.argv[1]))
