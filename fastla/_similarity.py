"""Cosine similarities, and exact nearest neighbours fused to the top k: nothing is normalized into a copy, no score matrix made."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _core, _search, _validate
from fastla._core import core
from fastla._norms import normalize
from fastla._products import vecdot


def cosine_similarity(x: ArrayLike, y: ArrayLike | None = None, *, out: np.ndarray | None = None) -> Any:
    """Cosine of the angle between every row of `x` and every row of `y`.

    Parameters
    ----------
    x : array_like, shape (..., n, d) or (d,)
        Real numbers of any dtype and layout. A vector is one row; its axis is left out of the result.
    y : array_like, shape (..., m, d) or (d,), optional
        Leading dimensions are broadcast. By default `x`: the result is then exactly symmetric, with a diagonal of exactly 1.
    out : ndarray, shape (..., n, m), optional
        Where the result goes, in any layout; of the result's dtype.

    Returns
    -------
    ndarray or scalar, shape (..., n, m)
        float32, or float64 where NumPy's promotion of the operands with float32 gives it. In [-1, 1]; 0 for a row of
        zeros; NaN for rows with NaN or infinity.

    Raises
    ------
    TypeError, ValueError
        If an operand is sparse or not of real numbers, or shapes do not fit; the message names them.

    Notes
    -----
    Rows may be of any magnitude: their norms neither overflow nor underflow. Norms are taken as blocks of `y` are packed
    for the product, which is never followed by another pass over the result.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.cosine_similarity(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 2.0]]))
    array([[0. ],
           [0.8]])
    """
    a = _validate.numbers("cosine_similarity", "x", x)
    b = a if y is None else _validate.numbers("cosine_similarity", "y", y)
    if 0 in (a.ndim, b.ndim) or a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"cosine_similarity: x has shape {a.shape} and y has shape {b.shape}, expected (..., n, d) and (..., m, d)"
        )
    added = (-2,) * (a.ndim == 1) + (-1,) * (b.ndim == 1)
    a2, b2 = np.atleast_2d(a), np.atleast_2d(b)
    try:
        stack = np.broadcast_shapes(a2.shape[:-2], b2.shape[:-2])
    except ValueError:
        raise ValueError(
            f"cosine_similarity: the leading dimensions {a2.shape[:-2]} of x and {b2.shape[:-2]} of y cannot be broadcast together"
        ) from None
    dtype = _validate.score_dtype(a, b)
    shape = (*stack, a2.shape[-2], b2.shape[-2])
    final = tuple(length for axis, length in enumerate(shape, -len(shape)) if axis not in added)
    out = _validate.output("cosine_similarity", out, final, dtype)
    direct = out is not None and out.flags.c_contiguous and not any(np.may_share_memory(out, z) for z in (a, b))
    result = out.reshape(shape) if direct else np.empty(shape, dtype)
    a3, b3 = np.broadcast_to(a2, (*stack, *a2.shape[-2:])), np.broadcast_to(b2, (*stack, *b2.shape[-2:]))
    for index in np.ndindex(stack):
        _cosines(a3[index], b3[index], result[index], y is None)
    if out is None:
        return result.reshape(final)[()]
    if not direct:
        np.copyto(out, result.reshape(final))
    return out


def _cosines(x: np.ndarray, y: np.ndarray, out: np.ndarray, symmetric: bool) -> None:
    storage = out.dtype.name
    for rows in _search.batches(len(x)):
        elements, plain, scale, _ = _search.prepare(x[rows], "cosine", storage)
        corpus = y[:rows.stop] if symmetric else y
        request = core.Request(_core.search(storage), "cosine", corpus, elements, plain, scale, None, None)
        request.matrix(out[rows], rows.start if symmetric else -1)


def paired_cosine_similarity(x: ArrayLike, y: ArrayLike) -> Any:
    """Cosine of the angle between each row of `x` and the same row of `y`.

    Parameters
    ----------
    x, y : array_like, shape (..., d)
        Broadcast against each other but for the last axis.

    Returns
    -------
    ndarray or scalar, shape (...)
        As `cosine_similarity`'s.

    Raises
    ------
    TypeError, ValueError
        If an operand is sparse or not of real numbers, or shapes do not fit; the message names them.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.paired_cosine_similarity(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[2.0, 0.0], [0.0, 1.0]]))
    array([1. , 0.8])
    """
    a, b = (_validate.numbers("paired_cosine_similarity", label, z) for label, z in (("x", x), ("y", y)))
    if 0 in (a.ndim, b.ndim) or a.shape[-1] != b.shape[-1]:
        raise ValueError(f"paired_cosine_similarity: x has shape {a.shape} and y has shape {b.shape}, expected (..., d) both")
    try:
        stack = np.broadcast_shapes(a.shape[:-1], b.shape[:-1])
    except ValueError:
        raise ValueError(f"paired_cosine_similarity: shapes {a.shape} of x and {b.shape} of y cannot be broadcast together") from None
    dtype, d = _validate.score_dtype(a, b), a.shape[-1]
    result = np.empty(stack, dtype)
    if not stack:
        with np.errstate(all="ignore"):
            return vecdot(normalize(a.astype(dtype)), normalize(b.astype(dtype))).clip(-1, 1)
    # So many of the outermost dimension at a time that their copies stay in cache.
    a, b = np.broadcast_to(a, (*stack, d)), np.broadcast_to(b, (*stack, d))
    step = max(1, 16384 // max(1, d * (result.size // max(1, len(result)))))
    for first in range(0, len(result), step):
        rows = slice(first, first + step)
        with np.errstate(all="ignore"):
            x_rows, y_rows = (normalize(z[rows].astype(dtype)) for z in (a, b))
            np.clip(vecdot(x_rows, y_rows), -1, 1, out=result[rows])
    return result


def knn(
    queries: ArrayLike, corpus: ArrayLike, k: int = 10, *, metric: str = "cosine", mask: ArrayLike | None = None,
    exclude: ArrayLike | bool | None = None, pad: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of `corpus` for each query, exactly.

    Parameters
    ----------
    queries : array_like, shape (m, d) or (d,)
        A vector is one query, with results of shape (k,).
    corpus : array_like, shape (n, d)
        Real numbers of any dtype and layout, a memory map too: read in place, a few rows at a time, never copied or
        widened whole (but for another byte order than the machine's).
    k : int, default 10
        At least 1.
    metric : {"cosine", "dot", "euclidean"}
        "cosine" and "dot" are similarities, the highest first; "euclidean" a distance, the lowest first.
    mask : array_like of bool, shape (n,) or (m, n), optional
        True: the row may be returned.
    exclude : array_like of int, shape (m,), or True, optional
        A row for each query that it may not return (-1: none). True: query i is row i of the corpus, and not its own neighbour.
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
    metric = _validate.one_of("knn", "metric", metric, _validate.METRICS)
    allowed = _validate.search_mask("knn", mask, len(x), len(rows))
    left_out = _validate.excluded("knn", exclude, len(x), len(rows))
    storage = _validate.score_dtype(x, rows).name
    scores, ids = _search.best("knn", x, rows, len(rows), storage, k, metric, allowed, left_out, pad)
    return (scores[0], ids[0]) if single else (scores, ids)


def range_search(
    queries: ArrayLike, corpus: ArrayLike, threshold: float, *, metric: str = "cosine"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All rows of `corpus` as near to each query as a threshold.

    Parameters
    ----------
    queries : array_like, shape (m, d) or (d,)
    corpus : array_like, shape (n, d)
        As for `knn`.
    threshold : float
        The least score, or for "euclidean" the greatest distance, both included; rounded to the scores' dtype. The cosine of equal
        rows may fall short of 1 by a rounding error.
    metric : {"cosine", "dot", "euclidean"}

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
    return _search.reaching(x, rows, _validate.score_dtype(x, rows).name, metric, threshold)
