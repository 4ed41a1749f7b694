"""What the bench_<topic>.py have in common: a test for each case of a table and each side, a group a case.

For looking at one case closely, and for comparing two commits (--benchmark-autosave, --benchmark-compare). All the
sides share a process here, so to compare fastla with others prefer `python -m benchmarks`, where they cannot disturb
each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.cases import CASES
from benchmarks.operations import Case
from benchmarks.timing.sides import PAUSE_S

SEED = 7


def of_table(name: str) -> Callable[..., None]:
    """Return the test function of the cases that belong to one table of the report."""
    rows = [(case, side) for case in CASES if case.TABLE == name for side in case.installed_sides()]
    ids = [f"{case.family}-{case.label()}-{case.dtype}-{side}" for case, side in rows]

    @pytest.mark.parametrize(("case", "side"), rows, ids=ids)
    def test(benchmark: Callable[[Callable[[], Any]], Any], case: Case, side: str) -> None:
        operands = case.make(SEED)
        call = case.SIDES[side](case, operands)
        benchmark.group = f"{case.family}: {case.label()} {case.dtype}"
        benchmark.extra_info["flops"] = case.flops()
        time.sleep(PAUSE_S)     # until the other side's pool sleeps
        result = benchmark(call)
        assert case.check(operands, result) <= 1
    return test
