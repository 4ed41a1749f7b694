"""`pytest benchmarks`: the cases of matmul under pytest-benchmark, a group a case with every side in it.

For looking at one case closely, and for comparing two commits (--benchmark-autosave, --benchmark-compare). All the
sides share a process here, so to compare fastla with NumPy prefer `python -m benchmarks`, where they cannot disturb
each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.cases import CASES, Case, flops, label, make, operation
from benchmarks.pairs import PAIR, PAUSE_S

SEED = 7
ROWS = [case for case in CASES if case.operation == "matmul"]


@pytest.mark.parametrize("side", PAIR)
@pytest.mark.parametrize("case", ROWS, ids=[f"{case.family}-{row}" for row, case in enumerate(ROWS)])
def test_matmul(benchmark: Callable[[Callable[[], Any]], Any], case: Case, side: str) -> None:
    """Time one case on one side, and check its result."""
    entry = operation(case)
    operands = make(case, SEED)
    call = entry.sides[side](case, operands)
    benchmark.group = f"{case.family}: {label(case)} {case.dtype}"
    benchmark.extra_info["flops"] = flops(case)
    time.sleep(PAUSE_S)     # until the other side's pool sleeps
    result = benchmark(call)
    assert entry.check(case, operands, result) <= 1
