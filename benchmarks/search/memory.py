"""How much memory a search of a large raw corpus takes beyond its inputs and outputs.

In a process of its own: the peak of its resident memory (Linux: VmHWM, reset before the search) less what was resident
before and what the results take up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

QUERIES, ROWS, DIM, K, THREADS = 1000, 1_000_000, 384, 100, 2
BOUND_MB = 64       # MiB


def _resident(what: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {what} in /proc/self/status")


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
    Path("/proc/self/clear_refs").write_text("5")
    before = _resident("VmRSS")
    scores, indices = fastla.knn(q, x, K, mask=mask)
    return (_resident("VmHWM") - before - scores.nbytes - indices.nbytes) / 2**20


def measure() -> dict[bool, float]:
    """Return MiB, without and with a mask that allows half the rows."""
    found = {}
    for masked in (False, True):
        command = [sys.executable, "-m", "benchmarks.search.memory", "masked" if masked else "all"]
        found[masked] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def within(found: dict[bool, float]) -> bool:
    """Whether both stay within the bound."""
    return max(found.values()) < BOUND_MB


def sentence(found: dict[bool, float]) -> str:
    """Return what was measured."""
    return (f"Memory that `knn` takes beyond inputs and outputs, {QUERIES} queries x {ROWS:,} x {DIM} raw float32, "
            f"cosine, k = {K}, {THREADS} threads: {found[False]:.0f} MiB; with a mask {found[True]:.0f} MiB.")


if __name__ == "__main__":
    print(json.dumps(_worker(sys.argv[1] == "masked")))
