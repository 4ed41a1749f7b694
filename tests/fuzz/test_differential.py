"""Random calls beside the naive float64 reference, for two minutes, from a seed that is new each time and printed."""

import os
import time
from collections.abc import Callable

import numpy as np
import pytest
import reference

import fastla

SECONDS = float(os.environ.get("FASTLA_FUZZ_SECONDS", "120"))
STORAGE = ("float32", "float16", "bfloat16", "int8")
Draw = np.random.Generator


def _size(draw: Draw, most: int) -> int:
    """Mostly small, now and then around the sizes of tiles and blocks."""
    return int(draw.choice([1, 2, 3, 7, 8, 9, 16, 47, 48, 49, 97, 130, 333, most]))


def _layout(draw: Draw, x: np.ndarray) -> np.ndarray:
    """The same values elsewhere: Fortran order, a slice, reversed, of the other byte order, or as they are."""
    kind = draw.integers(6)
    if kind == 0:
        return np.asfortranarray(x)
    if kind == 1:
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if kind == 2:
        return x[::-1].copy()[::-1]
    return x.astype(x.dtype.newbyteorder()) if kind == 3 else x


def _rows(draw: Draw, n: int, d: int, dtype: object) -> np.ndarray:
    if np.issubdtype(dtype, np.integer) or draw.random() < 0.3:     # many exact ties
        x = draw.integers(-4, 5, (n, d))
    else:
        x = draw.standard_normal((n, d)) * 10.0 ** draw.integers(-3, 4)
    if n and draw.random() < 0.2:
        x[draw.integers(n)] = 0
    return x.astype(dtype)


def _tolerance(dtype: np.dtype, d: int) -> float:
    return float(max(16, d) * np.finfo(dtype).eps)


def _check_scores(s: np.ndarray, scores: np.ndarray, ids: np.ndarray, metric: str, tolerance: np.ndarray) -> None:
    """The scores are those of their rows, and no row that is left out is better than the last."""
    picked = np.take_along_axis(s, ids, 1)
    assert (np.abs(picked - scores) <= tolerance).all()
    assert all(len(set(row)) == len(row) for row in ids.tolist())
    sign = -1 if metric == "euclidean" else 1
    best = sign * np.sort(sign * s, axis=1)[:, ::-1][:, :ids.shape[1]] * 1.0
    assert (np.abs(best - scores) <= tolerance).all()
    assert (sign * np.diff(scores.astype(np.float64), axis=1) <= 0).all()


def _scale(q: np.ndarray, x: np.ndarray, metric: str) -> np.ndarray:
    if metric == "cosine":
        return np.ones((len(q), 1))
    q, x = q.astype(np.float64), x.astype(np.float64)
    sizes = np.linalg.norm(q, axis=1, keepdims=True) * (np.linalg.norm(x, axis=1).max() if metric == "dot" else 1)
    return sizes + (np.linalg.norm(x, axis=1).max() if metric == "euclidean" else 0)


def _knn(draw: Draw) -> None:
    dtype = draw.choice([np.float32, np.float64, np.float16, np.int8])
    m, n, d = _size(draw, 200), _size(draw, 3000), _size(draw, 257)
    q, x = (_layout(draw, _rows(draw, rows, d, dtype)) for rows in (m, n))
    metric = str(draw.choice(["cosine", "dot", "euclidean"]))
    k = int(draw.integers(1, min(n, 40) + 1)) if draw.random() < 0.9 else n
    scores, ids = fastla.knn(q, x, k, metric=metric)
    tolerance = 4 * _tolerance(scores.dtype, d) * _scale(q, x, metric)
    s = reference.scores(q, x, metric)
    _check_scores(s, scores, ids, metric, tolerance)
    mask = draw.random((n,) if draw.random() < 0.5 else (m, n)) < draw.choice([0.02, 0.3, 0.9])
    exclude = draw.integers(-1, n, m)
    scores, ids = fastla.knn(q, x, k, metric=metric, mask=mask, exclude=exclude, pad=True)
    allowed = np.broadcast_to(mask, (m, n)) & (np.arange(n) != exclude[:, np.newaxis])
    counts = np.minimum(allowed.sum(1), k)
    for i in range(m):
        assert (ids[i, counts[i]:] == -1).all()
        assert allowed[i, ids[i, :counts[i]]].all()
        if counts[i]:
            rows = np.flatnonzero(allowed[i])
            found = np.searchsorted(rows, ids[i:i + 1, :counts[i]])
            _check_scores(s[i:i + 1, rows], scores[i:i + 1, :counts[i]], found, metric, tolerance[i:i + 1])


def _range_search(draw: Draw) -> None:
    dtype = draw.choice([np.float32, np.float64])
    m, n, d = _size(draw, 200), _size(draw, 2000), _size(draw, 130)
    q, x = (_layout(draw, _rows(draw, rows, d, dtype)) for rows in (m, n))
    metric = str(draw.choice(["cosine", "dot", "euclidean"]))
    s = reference.scores(q, x, metric)
    threshold = float(np.quantile(s, draw.random()))
    lims, scores, ids = fastla.range_search(q, x, threshold, metric=metric)
    tolerance = 4 * _tolerance(scores.dtype, d) * _scale(q, x, metric)
    for i in range(m):
        mine, found = scores[lims[i]:lims[i + 1]], ids[lims[i]:lims[i + 1]]
        margin = (threshold - s[i] if metric == "euclidean" else s[i] - threshold)
        assert set(np.flatnonzero(margin > tolerance[i])) <= set(found.tolist())
        assert (margin[found] >= -tolerance[i]).all()
        assert (np.abs(s[i, found] - mine) <= tolerance[i]).all()
        order = np.lexsort((found, mine if metric == "euclidean" else -mine))
        assert (order == np.arange(len(found))).all()


def _index(draw: Draw) -> None:
    storage, metric = str(draw.choice(STORAGE)), str(draw.choice(["cosine", "dot", "euclidean"]))
    m, n, d = _size(draw, 150), _size(draw, 1500), _size(draw, 130)
    index = fastla.FlatIndex(d, metric=metric, dtype=storage)
    for part in np.array_split(_rows(draw, n, d, np.float32), draw.integers(1, 4)):
        index.add(_layout(draw, part))
    gone = draw.choice(n, draw.integers(0, n), replace=False) if draw.random() < 0.5 else np.zeros(0, int)
    index.remove(gone)
    ids = index.ids
    assert sorted(ids) == sorted(set(range(n)) - set(gone.tolist()))
    x, q = index.reconstruct(ids), _layout(draw, _rows(draw, m, d, draw.choice([np.float32, np.float64])))
    k = int(draw.integers(1, min(len(ids), 30) + 1))
    scores, found = index.search(q, k)
    place = {int(name): i for i, name in enumerate(ids)}
    rows = np.vectorize(place.__getitem__, otypes=[np.int64])(found)
    loose = 16 * d / 254 ** 2 + 0.004 if storage == "int8" else 0       # queries are rounded there to 16 bits
    tolerance = (4 * _tolerance(scores.dtype, d) + loose) * _scale(q, x, metric)
    _check_scores(reference.scores(q, x, metric), scores, rows, metric, tolerance)


def _cosine(draw: Draw) -> None:
    dtype = draw.choice([np.float32, np.float64])
    lead = tuple(draw.integers(1, 4, draw.integers(0, 3)))
    n, m, d = _size(draw, 300), _size(draw, 200), _size(draw, 257)
    x, y = (_layout(draw, draw.standard_normal((*lead, rows, d)).astype(dtype)) for rows in (n, m))
    want = reference.unit(x) @ np.swapaxes(reference.unit(y), -1, -2)
    np.testing.assert_allclose(fastla.cosine_similarity(x, y), want, rtol=0, atol=_tolerance(np.dtype(dtype), d))
    if n == m:
        pairs = fastla.paired_cosine_similarity(x, y)
        np.testing.assert_allclose(pairs, reference.paired(x, y), rtol=0, atol=_tolerance(np.dtype(dtype), d))


def _norms(draw: Draw) -> None:
    dtype = draw.choice([np.float32, np.float64])
    x = _layout(draw, (draw.standard_normal(tuple(_size(draw, 60) for _ in range(draw.integers(2, 4)))[:3][:2])
                       * 10.0 ** draw.integers(-20, 20)).astype(dtype))
    axis, order = int(draw.integers(-2, 2)), float(draw.choice([0, 1, 2, 3, np.inf, -np.inf]))
    np.testing.assert_allclose(fastla.vector_norm(x, axis=axis, ord=order), reference.vector_norm(x, axis, order),
                               rtol=_tolerance(np.dtype(dtype), x.shape[axis]))
    want = np.moveaxis(reference.unit(np.moveaxis(x, axis, -1)), -1, axis)
    np.testing.assert_allclose(fastla.normalize(x, axis=axis), want, rtol=0,
                               atol=_tolerance(np.dtype(dtype), x.shape[axis]))


def _matmul(draw: Draw) -> None:
    dtype = draw.choice([np.float32, np.float64, np.int32])
    m, k, n = (_size(draw, 400) for _ in range(3))
    a, b = (_layout(draw, _rows(draw, rows, columns, dtype)) for rows, columns in ((m, k), (k, n)))
    error = np.abs(fastla.matmul(a, b) - a.astype(np.float64) @ b.astype(np.float64))
    eps = 0 if dtype == np.int32 else np.finfo(dtype).eps
    assert (error <= max(16, k) * eps * (np.abs(a.astype(np.float64)) @ np.abs(b.astype(np.float64)))).all()


CASES: list[Callable[[Draw], None]] = [_knn, _range_search, _index, _cosine, _norms, _matmul]


def _run(seed: int) -> None:
    draw = np.random.default_rng(seed)
    fastla.set_num_threads(int(draw.integers(1, 4)))
    CASES[seed % len(CASES)](draw)


@pytest.mark.slow
def test_random_calls_are_right():
    seed = int.from_bytes(os.urandom(5), "little")
    print("first seed", seed)
    end, count = time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        try:
            _run(seed + count)
        except Exception as error:
            raise AssertionError(f"_run({seed + count}), after {count} calls from {seed}") from error
        count += 1
    assert count > len(CASES)


@pytest.mark.parametrize("seed", range(30))
def test_a_few_calls_that_are_always_the_same(seed):
    _run(seed)
