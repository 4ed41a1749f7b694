"""The one nearest of few rows for each of many queries, as k-means asks for it, against float64 brute force and against
the best of two, which another route finds."""

import threading

import numpy as np
import pytest
import reference
from grids import combinations

import fastla
from fastla import _core
from fastla._core import core

METRICS = ["cosine", "dot", "euclidean"]
LEAST, MOST = 192, 2016     # queries, rows


def route(q: np.ndarray, x: np.ndarray, k: int = 1, **keywords: np.ndarray) -> str:
    storage = "float64" if x.dtype == np.float64 else "float32"
    return core.Request(_core.search(storage), "dot", x, q, **keywords).route(k)


def random(m: int, n: int, d: int, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(m + n + d)
    x = rng.integers(-99, 99, (m + n, d)) if dtype == "int8" else rng.standard_normal((m + n, d))
    return x[:m].astype(dtype), x[m:].astype(dtype)


def check_as_best_of_two(q: np.ndarray, x: np.ndarray, metric: str) -> None:
    """The same numbers and ids, bit by bit."""
    scores, ids = fastla.knn(q, x, 1, metric=metric)
    two = fastla.knn(q, x, 2, metric=metric)
    np.testing.assert_array_equal(scores, two[0][:, :1])
    np.testing.assert_array_equal(ids, two[1][:, :1])


def test_routes(target):
    q, x = random(LEAST, MOST + 1, 8)
    assert route(q, x[:MOST]) == route(q, x[:1]) == route(q, x[:50].astype(np.float64)) == "nearest"
    assert route(q, x[::2]) == route(q[:, ::-1], np.asfortranarray(x[:50])) == "nearest"
    assert route(q, x[:50], mask=np.ones(50, np.uint8)) == "nearest"
    for other in (route(q[1:], x[:50]), route(q, x), route(q, x[:50], 2), route(*random(LEAST, 780, 700)),
                  route(q, x[:50], mask=np.ones((LEAST, 50), np.uint8)),
                  route(q, x[:50], exclude=np.zeros(LEAST, np.int64))):
        assert other != "nearest"


@pytest.mark.in_turn
@pytest.mark.parametrize(("metric", "dtype"), combinations(METRICS, ["float32", "float64", "float16", "int8"]))
def test_random_data(target, metric, dtype):
    for m, n, d in ((192, 1, 1), (193, 2, 3), (500, 47, 8), (401, 48, 9), (999, 49, 16), (5000, 99, 5), (300, 767, 33)):
        q, x = random(m, n, d, dtype)
        s = reference.scores(q, x, metric)
        best = np.take_along_axis(s, reference.nearest(s, 1, metric), 1)
        scores, ids = fastla.knn(q, x, 1, metric=metric)
        tolerance = (1e-14 if dtype == "float64" else 4e-6) * (np.abs(best).max() if metric == "dot" else 4)
        np.testing.assert_allclose(scores, best, rtol=0 if metric != "euclidean" else 1e-6, atol=tolerance)
        np.testing.assert_allclose(np.take_along_axis(s, ids, 1), best, atol=16 * tolerance)
        if n > 1:
            check_as_best_of_two(q, x, metric)


@pytest.mark.parametrize("metric", METRICS)
def test_ties_have_the_lowest_id(target, metric):
    """Equal rows, rows of few whole numbers, queries that are rows, rows of zeros."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 7)).astype(np.float32)
    q = rng.standard_normal((700, 7)).astype(np.float32)
    equal = x[np.arange(120) % 50]
    _, ids = fastla.knn(np.concatenate([q, x]), equal, 1, metric=metric)
    assert ids.max() < 50
    check_as_best_of_two(np.concatenate([q, x]), equal, metric)
    check_as_best_of_two(np.round(q), np.round(x), metric)
    check_as_best_of_two(q * 0, x, metric)
    check_as_best_of_two(q, x * 0, metric)
    s = reference.scores(np.round(q), np.round(x), metric)
    if metric != "cosine":      # exact
        best = s.argmin(1) if metric == "euclidean" else s.argmax(1)
        np.testing.assert_array_equal(fastla.knn(np.round(q), np.round(x), 1, metric=metric)[1][:, 0], best)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_without_products(target, metric, dtype):
    """NaN, infinities, and numbers whose squares overflow or vanish, in queries and rows, among others."""
    q, x = random(400, 130, 6, dtype)
    large, small = (1e30, 1e-30) if dtype == "float32" else (1e250, 1e-250)
    rows, queries = x.copy(), q.copy()
    rows[7], rows[8, 2], rows[9] = np.nan, np.inf, -np.inf
    queries[3], queries[4, 1], queries[5, 0] = np.nan, np.inf, -np.inf
    for i, factor in enumerate((large, small)):
        rows[20 + i] *= factor
        queries[20 + i] *= factor
    with np.errstate(all="raise"):      # a search raises none
        for these, those in ((q, rows), (queries, x), (queries, rows), (queries, rows[7:9]), (q, rows[[7, 7]])):
            check_as_best_of_two(these, those, metric)
        check_as_best_of_two(q * q.dtype.type(large), x * x.dtype.type(large), metric)
        check_as_best_of_two(q * q.dtype.type(small), x * x.dtype.type(small), metric)


@pytest.mark.parametrize("metric", METRICS)
def test_distances_near_each_other(target, metric):
    """Far from zero, where products tell no rows apart: they are measured."""
    q, x = random(300, 90, 5)
    check_as_best_of_two(q + 1000, x + 1000, metric)
    if metric == "euclidean":
        s = reference.scores(q + np.float32(1000), x + np.float32(1000), metric)
        found = fastla.knn(q + np.float32(1000), x + np.float32(1000), 1, metric=metric)
        np.testing.assert_allclose(found[0][:, 0], s.min(1), rtol=1e-6)
        np.testing.assert_allclose(np.take_along_axis(s, found[1], 1)[:, 0], s.min(1), rtol=1e-6)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("dtype", "d"), [("float32", 66), ("float32", 87), ("float64", 33)])
def test_rows_of_several_chunks(target, metric, dtype, d):
    q, x = random(1000, MOST, d, dtype)
    check_as_best_of_two(q, x, metric)
    for factor in (1e18, 1e-20):        # a row without a product leads every query
        rows = x.copy()
        rows[1234] *= x.dtype.type(factor)
        check_as_best_of_two(q, rows, metric)


def test_a_mask_that_is_written_meanwhile(target):
    """Rows are found that it allowed at some time; nothing is overrun."""
    q, x = random(20_000, 10_000, 33, "float64")
    for _ in range(3):
        mask = np.zeros(10_000, bool)
        mask[:MOST] = True
        writer = threading.Timer(0.01, mask.fill, [True])
        writer.start()
        ids = fastla.knn(q, x, 1, metric="dot", mask=mask)[1]
        writer.join()
        assert ids.min() >= 0 and ids.max() < 10_000


def test_a_mask_leaves_its_rows(target):
    q, x = random(500, 200, 9)
    mask = np.random.default_rng(1).random(200) < 0.2
    scores, ids = fastla.knn(q, x, 1, metric="euclidean", mask=mask)
    among = fastla.knn(q, x[mask], 1, metric="euclidean")
    np.testing.assert_array_equal(scores, among[0])
    np.testing.assert_array_equal(ids, np.flatnonzero(mask)[among[1]])


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_not_on_the_number_of_threads(target, k, threads):
    """Groups of queries are other ones with other numbers of threads."""
    q, x = random(3001, 60, 11)
    before = [fastla.knn(q, x, k, metric=metric) for metric in METRICS]
    fastla.set_num_threads(threads)
    for metric, (scores, ids) in zip(METRICS, before, strict=True):
        found = fastla.knn(q, x, k, metric=metric)
        np.testing.assert_array_equal(scores, found[0])
        np.testing.assert_array_equal(ids, found[1])


@pytest.mark.parametrize("metric", METRICS)
def test_groups_of_queries(target, metric):
    """Queries of which a task does everything, several batches of them, for more than one of the best."""
    q, x = random(70_000, 20, 3)
    s = reference.scores(q, x, metric)
    scores, ids = fastla.knn(q, x, 4, metric=metric)
    best = np.take_along_axis(s, reference.nearest(s, 4, metric), 1)
    np.testing.assert_allclose(scores, best, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(s, ids, 1), best, rtol=1e-5, atol=1e-5)
    found = fastla.range_search(q, x, float(np.median(best)), metric=metric)
    reached = s <= np.float32(np.median(best)) if metric == "euclidean" else s >= np.float32(np.median(best))
    assert abs(len(found[2]) - reached.sum()) < 20
