"""Exact nearest neighbours, fused to the top k: no score matrix is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _search, _validate
from fastla._core import core
from fastla._jit.functions.user_function import MOST_ROWS, calling, compiled
from fastla._norms import vector_norm


@core.entry("knn", "(m?,d),(n,d)->(m?,k)")
def knn(
    queries: ArrayLike, corpus: ArrayLike, k: int = 10, *, metric: str | Callable = "cosine",
    mask: ArrayLike | None = None, exclude: ArrayLike | bool | None = None, pad: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of `corpus` for each query, exactly.

    Parameters
    ----------
    queries : array_like, shape (m, d) or (d,)
        A vector is one query, with results of shape (k,).
    corpus : array_like, shape (n, d)
        Real numbers of any dtype, layout and byte order, a memory map too: read where they lie, a few rows at a time,
        never copied or widened whole.
    k : int, default 10
        At least 1.
    metric : {"cosine", "dot", "euclidean"} or callable
        "cosine" and "dot" are similarities, the highest first; "euclidean" a distance, the lowest first. Or a function
        of your own, compiled by Numba (docs/user_functions.md): f(dot, norm_q, norm_x, q_idx, x_idx) -> score, the
        highest first.
    mask : array_like of bool, shape (n,) or (m, n), optional
        True: the row may be returned.
    exclude : array_like of int, shape (m,), or True, optional
        A row for each query that it may not return (-1: none). True: query i is row i of the corpus, and not its own
        neighbour.
    pad : bool, default False
        Where fewer than k rows may be returned, give index -1 and score -inf (euclidean: inf) instead of raising.

    Returns
    -------
    scores : ndarray, shape (m, k)
        float32, or float64 where NumPy's promotion of queries and corpus with float32 gives it; best first.
    indices : ndarray of int64, shape (m, k)

    Raises
    ------
    TypeError
        If an operand is sparse or not of real numbers, or mask not boolean.
    ValueError
        If shapes do not fit, or a query has fewer than k candidates and `pad` is not set.
    ImportError
        If metric is a function and Numba is not installed. What the function raises comes out as it is.

    Notes
    -----
    Rows of equal score come by index. A row of zeros has cosine 0 with all; a row whose score is NaN comes after all
    numbers. Results do not depend on the number of threads, and equal rows have equal scores wherever they
    stand. Each tile of scores is compared with the current k-th best while it is in L1; no score matrix is made.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> scores, indices = fastla.knn(np.array([1.0, 0.1]), np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), k=2)
    >>> indices
    array([1, 2])
    """
    rows = _validate.corpus("knn", corpus)
    x, single = _validate.queries("knn", queries, rows.shape[1], f"a corpus of shape {rows.shape}")
    k = _validate.whole("knn", "k", k, 1)
    own = callable(metric)
    if not own:
        metric = _validate.one_of("knn", "metric", metric, _validate.METRICS)
    allowed = _validate.search_mask("knn", mask, len(x), len(rows))
    left_out = _validate.excluded("knn", exclude, len(x), len(rows))
    storage = _validate.score_dtype(x, rows).name
    if own:
        scores, ids = _best_by(metric, x, rows, storage, k, allowed, left_out, pad)
    else:
        scores, ids = _search.best("knn", x, rows, storage, k, metric, allowed, left_out, pad)
    return (scores[0], ids[0]) if single else (scores, ids)


def _best_by(metric: Callable, x: np.ndarray, rows: np.ndarray, storage: str, k: int, *rest: Any) -> Any:
    """The best by a function of the user's; rest: as for _search.best."""
    if max(len(x), len(rows)) > MOST_ROWS:
        raise ValueError(f"knn: {len(x)} queries and {len(rows)} rows, expected at most {MOST_ROWS} with a function")
    function = compiled("knn", "metric", metric, np.dtype(storage))
    norms = [vector_norm(vectors.astype(storage, copy=False), axis=1) for vectors in (x, rows)]
    with calling(function):
        return _search.best("knn", x, rows, storage, k, "dot", *rest, score_by=(function, *norms))


@core.entry("range", "(m?,d),(n,d)")
def range_search(
    queries: ArrayLike, corpus: ArrayLike, threshold: float, *, metric: str = "cosine", mask: ArrayLike | None = None,
    exclude: ArrayLike | bool | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All rows of `corpus` as near to each query as a threshold.

    Parameters
    ----------
    queries : array_like, shape (m, d) or (d,)
    corpus : array_like, shape (n, d)
        As for `knn`.
    threshold : float
        The least score, or for "euclidean" the greatest distance, both included; rounded to the scores' dtype. The
        cosine of equal rows may fall short of 1 by a rounding error.
    metric : {"cosine", "dot", "euclidean"}
    mask, exclude
        As for `knn`.

    Returns
    -------
    lims : ndarray of int64, shape (m + 1,)
        Query i has found the entries from lims[i] to lims[i + 1].
    scores : ndarray, shape (lims[-1],)
        Best first for each query, equal ones by index.
    indices : ndarray of int64, shape (lims[-1],)

    Raises
    ------
    TypeError, ValueError
        As for `knn`.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> lims, scores, indices = fastla.range_search(np.eye(2), np.array([[1.0, 0.0], [1.0, 1.0]]), 0.5)
    >>> lims, indices
    (array([0, 2, 3]), array([0, 1, 1]))
    """
    rows = _validate.corpus("range_search", corpus)
    x, _ = _validate.queries("range_search", queries, rows.shape[1], f"a corpus of shape {rows.shape}")
    metric = _validate.one_of("range_search", "metric", metric, _validate.METRICS)
    threshold = _validate.real("range_search", "threshold", threshold)
    allowed = _validate.search_mask("range_search", mask, len(x), len(rows))
    left_out = _validate.excluded("range_search", exclude, len(x), len(rows))
    return _search.reaching(x, rows, _validate.score_dtype(x, rows).name, metric, threshold, allowed, left_out)
