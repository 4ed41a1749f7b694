"""Values for pytest.mark.parametrize: what the default run takes, and what `python -m pytest -m slow` adds."""

import itertools
from typing import Any

import pytest


def slow(*values: Any) -> list:
    """These values, for the slow run alone. Of several arguments each value is a tuple."""
    return [pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow) for value in values]


def few_of_all(few: Any, every: Any) -> list:
    """One argument that a test loops over: a few sizes that take every path, and slowly the whole grid."""
    return [pytest.param(few, id="few"), pytest.param(every, id="all", marks=pytest.mark.slow)]


def combinations(*axes: Any) -> list:
    """Every combination of one value of each axis: so many by default that each value is in one, the others slowly."""
    columns = [list(axis) for axis in axes]
    lengths = [len(column) for column in columns]
    # Where an axis begins anew it is shifted, so that it meets other values of the axes before it.
    kept = {tuple((i + i // n * j) % n for j, n in enumerate(lengths)) for i in range(max(lengths))}
    return [
        pytest.param(*(column[i] for column, i in zip(columns, places, strict=True)),
                     marks=() if places in kept else pytest.mark.slow)
        for places in itertools.product(*map(range, lengths))
    ]
