"""What knn, range_search and FlatIndex share: batches of queries, and results of which there are too few.

A corpus here is an array of rows or a `Blocks`; `kernels` the row of the target that searches it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastla import _core
from fastla._core import core
from fastla.config import get_num_threads

# Queries searched at a time: what is copied of them, and the candidates of each thread, stay small.
BATCH = 1024
CANDIDATE_BYTES = 32 << 20


def _bytes(mask: np.ndarray | None, rows: slice) -> np.ndarray | None:
    if mask is None:
        return None
    return np.ascontiguousarray(mask[rows] if mask.ndim == 2 else mask).view(np.uint8)


def batches(m: int, most: int = BATCH) -> Iterator[slice]:
    """Cut m queries into parts of at most `most`, as even as can be.

    Few queries against raw rows are summed in another order (FEW in routes.pxi): a last part of few would have other
    bits than the rest.
    """
    count = -(-m // most)
    for i in range(count):
        yield slice(m * i // count, m * (i + 1) // count)


def _requests(
    x: np.ndarray, corpus: Any, storage: str, metric: str, mask: np.ndarray | None, exclude: np.ndarray | None,
    batch: int,
) -> Iterator[tuple[slice, Any]]:
    kernels = _core.search(storage)
    shared = _bytes(mask, slice(None)) if mask is not None and mask.ndim == 1 else None
    for rows in batches(len(x), batch):
        chosen = shared if shared is not None else _bytes(mask, rows)
        yield rows, core.Request(kernels, metric, corpus, x[rows], chosen, None if exclude is None else exclude[rows])


def best(
    name: str, x: np.ndarray, corpus: Any, n: int, storage: str, k: int, metric: str, mask: np.ndarray | None,
    exclude: np.ndarray | None, pad: bool, score_by: tuple | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows (m, k) of the best k of n rows for each query (m, d).

    score_by: for metric "dot", a function of the user's that makes scores of it, and the norms of queries and rows.
    """
    m = len(x)
    candidates = _candidates(m, n, mask, exclude)
    if not pad and m and candidates.min() < k:
        least = int(candidates.min())
        raise ValueError(
            f"{name}: k is {k}, but {'there are only' if mask is None else 'the mask leaves only'} {least} candidates"
            f"{'' if exclude is None else ' besides the excluded'}; pass pad=True for rows of index -1"
        )
    found = min(k, n)
    dtype = np.float64 if storage == "float64" else np.float32
    worst = np.inf if metric == "euclidean" else -np.inf
    if not (m and found):
        return np.full((m, k), worst, dtype), np.full((m, k), -1)
    batch = max(48, min(BATCH, CANDIDATE_BYTES // (get_num_threads() * 16 * (2 * found + 8))))
    parts = []
    for rows, request in _requests(x, corpus, storage, metric, mask, exclude, batch):
        if score_by is not None:
            function, query_norms, row_norms = score_by
            request.score_by(function, rows.start, query_norms, row_norms)
        scores, ids, counts = request.best(found)
        if found < k:
            scores, ids = _wider(scores, k), _wider(ids, k)
        for i in np.flatnonzero(counts < k):
            _fill(scores[i], ids[i], counts[i], n, mask, exclude, rows.start + i, worst)
        parts.append((scores, ids))
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([scores for scores, _ in parts]), np.concatenate([ids for _, ids in parts])


def _candidates(m: int, n: int, mask: np.ndarray | None, exclude: np.ndarray | None) -> np.ndarray:
    """How many rows each query may find."""
    if mask is None or mask.ndim == 1:
        counts = np.full(m, n if mask is None else np.count_nonzero(mask))
    else:
        counts = np.count_nonzero(mask, axis=1)
    if exclude is not None and n:
        allowed = exclude >= 0
        if mask is not None:
            allowed &= mask[exclude] if mask.ndim == 1 else mask[np.arange(m), exclude]
        counts = counts - allowed
    return counts


def _wider(x: np.ndarray, k: int) -> np.ndarray:
    wide = np.empty((len(x), k), x.dtype)
    wide[:, :x.shape[1]] = x
    return wide


def _fill(
    scores: np.ndarray, ids: np.ndarray, count: int, n: int, mask: np.ndarray | None, exclude: np.ndarray | None,
    query: int, worst: float,
) -> None:
    """After the numbers that were found come rows whose score is NaN, lowest first, then the padding."""
    k = len(ids)
    row_mask = None if mask is None else mask[query] if mask.ndim == 2 else mask
    # A copy: of a mask that is written meanwhile, flatnonzero returns what was never set.
    rows = np.arange(min(n, k + 1)) if row_mask is None else np.flatnonzero(row_mask.copy())[:k + 1]
    rest = np.setdiff1d(rows, ids[:count])
    if exclude is not None:
        rest = rest[rest != exclude[query]]
    rest = rest[:k - count]
    ids[count:] = -1
    scores[count:] = worst
    ids[count:count + len(rest)] = rest
    scores[count:count + len(rest)] = np.nan


def reaching(
    x: np.ndarray, corpus: Any, storage: str, metric: str, threshold: float, mask: np.ndarray | None = None,
    exclude: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lims, scores, rows): query i has those from lims[i] to lims[i + 1], best first."""
    parts = []
    for rows, request in _requests(x, corpus, storage, metric, mask, exclude, BATCH):
        queries, scores, ids = request.reaching(threshold)
        parts.append((queries + rows.start, scores, ids))
    dtype = np.float64 if storage == "float64" else np.float32
    if not parts:
        return np.zeros(len(x) + 1, np.int64), np.empty(0, dtype), np.empty(0, np.int64)
    queries, scores, ids = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((ids, scores if metric == "euclidean" else -scores, queries))
    lims = np.zeros(len(x) + 1, np.int64)
    np.cumsum(np.bincount(queries, minlength=len(x)), out=lims[1:])
    return lims, scores[order], ids[order]
