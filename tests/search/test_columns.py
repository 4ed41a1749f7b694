"""Few queries against corpora in Fortran order, whose columns are read where they lie, against float64 brute force."""

import numpy as np
import pytest
import reference
from grids import combinations

import fastla
from fastla import _core
from fastla._core import core

METRICS = ["cosine", "dot", "euclidean"]
MOST = 24       # queries


def route(q: np.ndarray, x: np.ndarray, mask: np.ndarray | None = None) -> str:
    storage = "float64" if x.dtype == np.float64 else "float32"
    return core.Request(_core.search(storage), "dot", x, q, mask).route(1)


def random(m: int, n: int, d: int, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(m + n + d)
    return rng.standard_normal((m, d)).astype(dtype), np.asfortranarray(rng.standard_normal((n, d)).astype(dtype))


def test_routes(target):
    q, x = random(MOST + 1, 500, 20)
    for queries, corpus in ((q[:1], x), (q[:MOST], x), (q[:1, 1:], x[3:-2, 1:]), (q[:1], x[:, ::-1])):
        assert route(queries, corpus) == "columns"
    assert route(q, x) != "columns"
    assert route(q[:2], x, np.ones((2, 500), np.uint8)) == "columns"
    assert route(q[:2], x, np.ones(500, np.uint8)) == "raw few"         # which gathers the rows
    for other in (x.copy("C"), x[::-1], x[::2], x.astype(np.float16), x.astype(">f4")):
        assert route(q[:1], other) == "raw few"
    assert route(*(z.astype(np.float64) for z in (q[:1], x))) == "columns"


@pytest.mark.parametrize(("metric", "dtype"), combinations(METRICS, ["float32", "float64"]))
def test_random_data(target, metric, dtype):
    for m, n, d in ((1, 2, 2), (1, 47, 3), (3, 48, 8), (24, 49, 17), (8, 2017, 128), (2, 5000, 129), (1, 3000, 300)):
        q, x = random(m, n, d, dtype)
        assert route(q, x) == "columns"
        s = reference.scores(q, x, metric)
        k = min(n, 9)
        scores, ids = fastla.knn(q, x, k, metric=metric)
        best = np.take_along_axis(s, reference.nearest(s, k, metric), 1)
        tolerance = (2e-6 if dtype == "float32" else 1e-14) * (d**0.5 if metric == "dot" else 4)
        np.testing.assert_allclose(scores, best, atol=tolerance)
        np.testing.assert_allclose(np.take_along_axis(s, ids, 1), best, atol=tolerance)
        threshold = float(np.median(s))
        lims, scores, ids = fastla.range_search(q, x, threshold, metric=metric)
        for i in range(m):
            here = slice(lims[i], lims[i + 1])
            np.testing.assert_allclose(scores[here], s[i, ids[here]], atol=tolerance)
            sign = 1 if metric == "euclidean" else -1
            sure = np.flatnonzero(sign * s[i] < sign * threshold - tolerance)
            assert np.isin(sure, ids[here]).all()
            assert (sign * s[i, ids[here]] <= sign * threshold + tolerance).all()


@pytest.mark.parametrize("m", [1, 5, MOST])
def test_equal_rows_tie_wherever_they_are(target, m):
    rng = np.random.default_rng(m)
    distinct = rng.standard_normal((11, 37), dtype=np.float32) * np.float32([[3]] * 9 + [[1e-25]] * 2)
    distinct[5] = 0
    kinds = rng.integers(0, 11, 6000)
    x = np.asfortranarray(distinct[kinds])
    q = rng.standard_normal((m, 37), dtype=np.float32)
    for metric in METRICS:
        with fastla.num_threads(1):
            alone = fastla.knn(q, x, 700, metric=metric)
        scores, ids = fastla.knn(q, x, 700, metric=metric)
        np.testing.assert_array_equal(scores, alone[0])
        np.testing.assert_array_equal(ids, alone[1])
        for row_scores, row in zip(scores, ids, strict=True):
            for kind in range(11):
                copies = kinds[row] == kind
                assert len(np.unique(row_scores[copies])) <= 1
                assert (np.diff(row[copies]) > 0).all()


@pytest.mark.parametrize(("metric", "dtype"), combinations(METRICS, ["float32", "float64"]))
def test_rows_of_any_magnitude(target, metric, dtype):
    """Zeros, NaN, infinities, and rows whose squares leave the dtype's range, in blocks with others that do not."""
    q, x = random(3, 400, 30, dtype)
    x[7] = 0
    x[50:53] *= 1e-30 if dtype == "float32" else 1e-200
    x[100] *= 1e25 if dtype == "float32" else 1e150
    x[101] *= 1e25 if dtype == "float32" else 1e150
    x[200, 3] = np.nan
    x[399, 29] = np.nan
    scores, ids = fastla.knn(q, x, 400, metric=metric)
    same_scores, same = fastla.knn(q, x.copy("C"), 400, metric=metric)
    np.testing.assert_allclose(scores, same_scores, rtol=2e-4 if dtype == "float32" else 1e-12, atol=1e-6)
    np.testing.assert_array_equal(ids[:, -2:], [[200, 399]] * 3)
    np.testing.assert_array_equal(np.sort(ids), np.sort(same))
    right = np.take_along_axis(reference.scores(q, x, metric), ids, 1)[:, :-2]
    np.testing.assert_allclose(scores[:, :-2], right, rtol=1e-5, atol=1e-5)
    x[300, 3] = np.inf
    for scores, ids in (fastla.knn(q, x, 400, metric=metric), fastla.knn(q, x.copy("C"), 400, metric=metric)):
        found = np.take_along_axis(scores, np.argmax(ids == 300, axis=1)[:, np.newaxis], 1)[:, 0]
        if metric == "cosine":
            assert np.isnan(found).all()
        else:
            np.testing.assert_array_equal(found, np.inf if metric == "euclidean" else np.sign(q[:, 3]) * np.inf)


def test_queries_that_are_no_numbers(target):
    q, x = random(4, 300, 20)
    q[0, 3], q[1], q[2, 5] = np.nan, 0, np.inf
    for metric in METRICS:
        scores, ids = fastla.knn(q, x, 5, metric=metric)
        assert np.isnan(scores[0]).all()
        np.testing.assert_array_equal(ids[0], range(5))
        np.testing.assert_array_equal(ids[3], fastla.knn(q[3], x, 5, metric=metric)[1])
    np.testing.assert_array_equal(fastla.knn(q[1], x, 3)[1], range(3))


@pytest.mark.parametrize("metric", METRICS)
def test_masks_and_excluded_rows(target, metric):
    q, x = random(6, 700, 12)
    rng = np.random.default_rng(0)
    own, exclude = rng.random((6, 700)) < 0.02, rng.integers(-1, 700, 6)
    own[2] = False
    s = reference.scores(q, x, metric)
    may = own.copy()
    may[exclude >= 0, exclude[exclude >= 0]] = False
    scores, ids = fastla.knn(q, x, 30, metric=metric, mask=own, exclude=exclude, pad=True)
    for i in range(6):
        count = may[i].sum()
        order = np.argsort(s[i, may[i]] * (1 if metric == "euclidean" else -1))
        np.testing.assert_array_equal(ids[i, :count], np.flatnonzero(may[i])[order][:30])
        assert (ids[i, count:] == -1).all()
        assert np.isinf(scores[i, count:]).all()


def test_batches_of_a_call_take_the_same_route(target):
    """Where k is so large that queries are searched a few at a time."""
    x = np.asfortranarray(np.random.default_rng(0).standard_normal((60_000, 3), dtype=np.float32))
    q = np.repeat(x[:1], 30, axis=0)
    scores, ids = fastla.knn(q, x, 60_000, metric="dot")
    assert (scores == scores[0]).all()
    assert (ids == ids[0]).all()


def test_the_numbers_around_a_corpus_are_not_read(target):
    """Blocks and columns of an array within another, whose other numbers are NaN."""
    for n, d in ((1, 2), (50, 9), (97, 130), (2100, 5)):
        around = np.full((n + 32, d + 2), np.nan, np.float32, order="F")
        x = around[16:16 + n, 1:-1]
        x[:] = np.random.default_rng(n).integers(-9, 10, (n, d))
        for metric in METRICS:
            want = fastla.knn(x[:1], x.copy("C"), n, metric="dot")
            np.testing.assert_equal(fastla.knn(x[:1], x, n, metric="dot"), want)
            assert np.isfinite(fastla.knn(x[:3], x, n, metric=metric)[0]).all()
