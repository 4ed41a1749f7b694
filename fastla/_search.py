"""What knn, range_search and FlatIndex share. A corpus here is an array of rows or a `Blocks`."""

from typing import Any

import numpy as np

from fastla import _core, _validate
from fastla._core import core


def best(
    name: str, x: np.ndarray, corpus: Any, storage: str, k: int, metric: str, mask: np.ndarray | None,
    exclude: np.ndarray | None, pad: bool, score_by: tuple | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows (m, k) of the best k rows for each query (m, d).

    score_by: for metric "dot", a function of the user's that makes scores of it, and the norms of queries and rows.
    """
    request = core.Request(_core.search(storage), metric, corpus, x, mask, exclude)
    if not pad:
        _validate.candidates(name, k, request.fewest(), mask, exclude)
    if score_by is not None:
        request.score_by(*score_by)
    return request.best(k)


def reaching(
    x: np.ndarray, corpus: Any, storage: str, metric: str, threshold: float, mask: np.ndarray | None = None,
    exclude: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lims, scores, rows): query i has those from lims[i] to lims[i + 1], best first."""
    return core.Request(_core.search(storage), metric, corpus, x, mask, exclude).reaching(threshold)
