"""What knn, range_search and FlatIndex share: queries made ready, batches of them, results of which there are too few.

A corpus here is an array of rows or a `Blocks`; `kernels` the row of the target that searches it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from fastla import _core, _validate
from fastla._core import core
from fastla._storage.blocks import INT8_MOST, Blocks, level_scale, power_of_two
from fastla.config import get_num_threads

# Queries prepared and searched at a time: what is copied of them, and the candidates of each thread, stay small.
BATCH = 1024
CANDIDATE_BYTES = 32 << 20


# How far from 1 the numbers of a query may be that meets panels: their rows have steps, which products know nothing of.
FAR = 2.0**60


class Queries(NamedTuple):
    """elements: what is multiplied; plain: numbers as the scores mean them; scale: what dot products are multiplied by.

    unit: what the scores of each query are still to be multiplied by, a power of two; None: they are done.
    """

    elements: np.ndarray
    plain: np.ndarray
    scale: np.ndarray | None
    unit: np.ndarray | None


def _largest(x: np.ndarray) -> np.ndarray:
    return np.max(np.abs(x), axis=1, initial=0)


def prepare(x: np.ndarray, metric: str, storage: str, panels: bool = False) -> Queries:
    """Queries (m, d) of any type, for a corpus stored as `storage`, in panels or not."""
    dtype = np.dtype(np.float64 if storage == "float64" else np.float32)
    unit = None
    with np.errstate(all="ignore"):
        if metric == "cosine":
            computed = np.result_type(dtype, _validate.score_dtype(x))
            plain = np.empty(x.shape, computed)
            core.row_norms(_core.search(computed.name), x, None, plain)
            plain = plain.astype(dtype, copy=False)
        else:
            plain = np.ascontiguousarray(x, dtype)
        elements = plain
        if metric == "euclidean":
            # Queries whose products overflow: without products they reach every row, and are measured exactly.
            huge = _largest(plain) > (2.0**400 if storage == "float64" else 2.0**50)
            if huge.any():
                elements = np.where(huge[:, np.newaxis], dtype.type(0), plain)
        elif metric == "dot" and panels:
            most = _largest(plain)
            far = (most > FAR) | (most < 1 / FAR) & (most > 0)
            if far.any():
                # So little that no product of small ones overflows, and so much that none of large ones with denormal rows loses bits.
                size = np.where(most > FAR, np.float32(2.0**24), np.float32(1 / FAR))
                unit = np.where(far & np.isfinite(most), power_of_two(most) / size, np.float32(1))
                elements = plain = plain / unit[:, np.newaxis]
        if storage != "int8":
            return Queries(elements, plain, None, unit)
        return Queries(*_pairs(plain, elements), unit)


def _pairs(plain: np.ndarray, multiplied: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    # int16, as fine as 32 bits can sum: more of the query is kept than of the corpus, at the same cost. Two go into one int32.
    m, d = multiplied.shape
    most = min(np.iinfo(np.int16).max, np.iinfo(np.int32).max // (INT8_MOST * max(1, d)))
    scale = level_scale(_largest(multiplied), most)
    divisor = np.where((scale > 0) & np.isfinite(scale), scale, 1)[:, np.newaxis]
    levels = np.zeros((m, d + d % 2), np.int16)
    # Beside an infinity finite numbers are nothing.
    finite = np.where(np.isfinite(scale)[:, np.newaxis], np.rint(multiplied / divisor), 0)
    levels[:, :d] = np.where(np.isinf(multiplied), np.sign(multiplied), finite)
    meant = np.where((multiplied == plain).all(axis=1, keepdims=True), levels[:, :d] * scale[:, np.newaxis], plain)
    return levels.view(np.int32), np.ascontiguousarray(meant, np.float32), scale


def _bytes(mask: np.ndarray | None, rows: slice) -> np.ndarray | None:
    if mask is None:
        return None
    return np.ascontiguousarray(mask[rows] if mask.ndim == 2 else mask).view(np.uint8)


def batches(m: int, most: int = BATCH) -> Iterator[slice]:
    """Cut m queries into parts of at most `most`, as even as can be.

    Few queries meet raw rows in another order of sums (FEW in panels.pxi): a last part of few would have other bits than the rest.
    """
    count = -(-m // most)
    for i in range(count):
        yield slice(m * i // count, m * (i + 1) // count)


def _requests(
    x: np.ndarray, corpus: Any, storage: str, metric: str, mask: np.ndarray | None, exclude: np.ndarray | None, batch: int
) -> Any:
    kernels = _core.search(storage)
    shared = _bytes(mask, slice(None)) if mask is not None and mask.ndim == 1 else None
    for rows in batches(len(x), batch):
        chosen = shared if shared is not None else _bytes(mask, rows)
        left_out = None if exclude is None else exclude[rows]
        elements, plain, scale, unit = prepare(x[rows], metric, storage, isinstance(corpus, Blocks))
        yield rows, unit, core.Request(kernels, metric, corpus, elements, plain, scale, chosen, left_out)


def best(
    name: str, x: np.ndarray, corpus: Any, n: int, storage: str, k: int, metric: str, mask: np.ndarray | None,
    exclude: np.ndarray | None, pad: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and rows (m, k) of the best k of n rows for each query (m, d)."""
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
    for rows, unit, request in _requests(x, corpus, storage, metric, mask, exclude, batch):
        scores, ids, counts = request.best(found)
        if unit is not None:
            _multiply(scores, ids, counts, unit)
            for i in np.flatnonzero((unit != 1) & (counts == found) & ~_normal(scores[:, -1])):
                query = slice(rows.start + i, rows.start + i + 1)
                masked = None if mask is None else mask if mask.ndim == 1 else mask[query]
                left_out = None if exclude is None else exclude[query]
                scores[i], ids[i] = _with_ties(x[query], corpus, storage, masked, left_out, scores[i])
        if found < k:
            scores, ids = _wider(scores, k), _wider(ids, k)
        for i in np.flatnonzero(counts < k):
            _fill(scores[i], ids[i], counts[i], n, mask, exclude, rows.start + i, worst)
        parts.append((scores, ids))
    if len(parts) == 1:
        return parts[0]
    return np.concatenate([scores for scores, _ in parts]), np.concatenate([ids for _, ids in parts])


def _multiply(scores: np.ndarray, ids: np.ndarray, counts: np.ndarray, unit: np.ndarray) -> None:
    """Scores times each query's unit: of those that become equal, beyond the range of their dtype, the lower row comes first."""
    for i in np.flatnonzero(unit != 1):
        row, row_ids = scores[i, :counts[i]], ids[i, :counts[i]]
        with np.errstate(all="ignore"):
            row *= unit[i]
        order = np.lexsort((row_ids, -row))
        row[:], row_ids[:] = row[order], row_ids[order]


def _normal(scores: np.ndarray) -> np.ndarray:
    """Whether a multiplication by a power of two that has led to a float32 score has lost nothing: no others have become equal."""
    return (np.abs(scores) >= np.finfo(np.float32).tiny) & np.isfinite(scores)


def _with_ties(
    x: np.ndarray, corpus: Any, storage: str, mask: np.ndarray | None, exclude: np.ndarray | None, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The best rows for one query with a unit: of all whose score is the last one's, those that come first."""
    (_, unit, request), = _requests(x, corpus, storage, "dot", mask, exclude, 1)
    # Half a step below it, and a little: before it is multiplied, the least score that may become the last one.
    last = float(scores[-1])
    least = {np.inf: 2.0**128 - 2.0**103, -np.inf: -np.inf}.get(last, last - 2.0**-150) / float(unit[0])
    with np.errstate(all="ignore"):
        _, found, ids = request.reaching(float(np.nextafter(np.float32(least), np.float32(-np.inf))))
        found = found * unit[0]
    kept = found >= scores[-1]
    found, ids = found[kept], ids[kept]
    first = np.lexsort((ids, -found))[:len(scores)]
    return found[first], ids[first]


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
    scores: np.ndarray, ids: np.ndarray, count: int, n: int, mask: np.ndarray | None, exclude: np.ndarray | None, query: int,
    worst: float,
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


def reaching(x: np.ndarray, corpus: Any, storage: str, metric: str, threshold: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lims, scores, rows): query i has those from lims[i] to lims[i + 1], best first."""
    parts = []
    # The corpus is raw rows: no query has a unit.
    for rows, _, request in _requests(x, corpus, storage, metric, None, None, BATCH):
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
