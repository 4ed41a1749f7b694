"""What knn, range_search and FlatIndex share. A corpus here is an array of rows or a `Blocks`."""

from typing import Any

import numpy as np

from fastla import _core, _validate
from fastla._core import core


def best(
    name: str, x: np.ndarray, corpus: Any, n: int, storage: str, k: int, metric: str, mask: np.ndarray | None,
    exclude: np.ndarray | None, pad: bool, score_by: tuple | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows (m, k) of the best k of n rows for each query (m, d).

    score_by: for metric "dot", a function of the user's that makes scores of it, and the norms of queries and rows.
    """
    if not pad and len(x):
        _validate.candidates(name, k, _fewest(len(x), n, mask, exclude), mask, exclude)
    request = core.Request(_core.search(storage), metric, corpus, x, mask, exclude)
    if score_by is not None:
        request.score_by(*score_by)
    return request.best(k)


def _fewest(m: int, n: int, mask: np.ndarray | None, exclude: np.ndarray | None) -> int:
    """How many rows that query may find which may find fewest."""
    if mask is None:
        return n - bool(exclude is not None and n and exclude.max() >= 0)
    counts = np.count_nonzero(mask, axis=-1)
    if exclude is not None and n:
        allowed = exclude >= 0
        allowed &= mask[exclude] if mask.ndim == 1 else mask[np.arange(m), exclude]
        counts = counts - allowed
    return int(np.min(counts))


def reaching(
    x: np.ndarray, corpus: Any, storage: str, metric: str, threshold: float, mask: np.ndarray | None = None,
    exclude: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lims, scores, rows): query i has those from lims[i] to lims[i + 1], best first."""
    return core.Request(_core.search(storage), metric, corpus, x, mask, exclude).reaching(threshold)
