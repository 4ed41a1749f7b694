"""The order that `which` asks for."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fastla._methods import tuning


class End(NamedTuple):
    """An end of the spectrum: values count there by `key`, and those above `edge` are wanted."""

    key: Callable[[np.ndarray], np.ndarray]
    edge: float


def order(values: np.ndarray, which: str) -> np.ndarray:
    """Indices, most wanted first."""
    if which == "LM":
        return np.lexsort((-values, -np.abs(values)))
    if which == "SM":
        return np.argsort(np.abs(values), kind="stable")
    if which == "SA":
        return np.argsort(values, kind="stable")
    down = np.argsort(-values, kind="stable")
    if which == "LA":
        return down
    alternating = np.empty(len(values), int)  # BE: from both ends, the high one first
    alternating[0::2] = down[: (len(values) + 1) // 2]
    alternating[1::2] = down[::-1][: len(values) // 2]
    return alternating


def with_neighbours(values: np.ndarray, residuals: np.ndarray, k: int, which: str) -> int:
    """How many of the pairs, in the wanted order, are the first k and those next to them that are safe to deflate.

    Together those hold next to nothing of a vector that was missed.
    """
    edges, risk = ends(which, values[:k]), 0.0
    for i in range(k, len(values)):
        gap = min(end.edge - end.key(values[i]) for end in edges)
        if gap <= 0:
            return i
        risk += (residuals[i] / gap) ** 2
        if risk > tuning.NEIGHBOURS_RISK:
            return i
    return len(values)


def ends(which: str, accepted: np.ndarray) -> list[End]:
    """The ends at which a value that was missed would beat one that was accepted."""
    if which == "LM":
        return [End(np.abs, np.abs(accepted).min())]
    if which == "LA":
        return [End(np.positive, accepted.min())]
    if which == "SA":
        return [End(np.negative, -accepted.max())]
    ascending = np.sort(accepted)
    low, high = np.split(ascending, [len(ascending) // 2])
    return [End(np.positive, high.min())] + ([End(np.negative, -low.max())] if len(low) else [])
