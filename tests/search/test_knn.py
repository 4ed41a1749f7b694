"""k nearest neighbours and range search against float64 brute force, over every target."""

import functools
import tracemalloc

import numpy as np
import pytest
import reference
from grids import combinations, slow
from operands import row_masks

import fastla

METRICS = ["cosine", "dot", "euclidean"]
SHAPES = [      # m, n, d, k
    (1, 5, 1, 3), (1, 1000, 7, 10), (3, 300, 33, 5), (4, 97, 48, 97), (5, 130, 16, 130), (50, 777, 20, 10),
    (97, 49, 5, 1),
    (200, 2000, 24, 33), (2, 50, 2500, 7), (60, 100, 1500, 9), (300, 3, 17, 2), (1, 1, 1, 1), (6, 48, 3, 48),
]


def integers(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Small integers: dot products and squared distances are exact, and ties many."""
    return rng.integers(-3, 4, shape)


@functools.cache
def exact_case(m: int, n: int, d: int, metric: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Queries, rows and their scores: once for all targets."""
    rng = np.random.default_rng(m * n)
    q, x = integers(rng, m, d), integers(rng, n, d)
    return q, x, reference.scores(q, x, metric)


@pytest.mark.parametrize(("metric", "dtype"), combinations(METRICS, ["float32", "float64", "float16", "int8"]))
def test_exact_data(target, metric, dtype):
    for m, n, d, k in SHAPES:
        q, x, s = exact_case(m, n, d, metric)
        q, x = q.astype(dtype), x.astype(dtype)
        scores, indices = fastla.knn(q, x, k, metric=metric)
        assert scores.dtype == (np.float64 if dtype == "float64" else np.float32)
        assert indices.dtype == np.int64
        if metric == "cosine":
            found = np.take_along_axis(s, indices, 1)
            best = np.take_along_axis(s, reference.nearest(s, k, metric), 1)
            np.testing.assert_allclose(found, best, atol=1e-6)
            ties = (np.diff(scores) == 0) & (np.diff(indices) < 0)
            assert not ties.any(), "equal scores come by index"
            assert (np.diff(scores) <= 0).all()
        else:
            # Ties among them go to the lower index; the squares are integers, so rounding hides none.
            np.testing.assert_array_equal(indices, reference.nearest(s, k, metric))
        np.testing.assert_allclose(scores, np.take_along_axis(s, indices, 1), rtol=1e-6, atol=1e-6)


RANDOM = [(1, 3000, 384, 10), (7, 3000, 129, 100), (120, 5000, 64, 20), (400, 500, 31, 50)]      # m, n, d, k


@pytest.mark.in_turn
@pytest.mark.parametrize(("metric", "shape"), combinations(METRICS, RANDOM))
def test_random_data(target, metric, shape):
    m, n, d, k = shape
    rng = np.random.default_rng(n + m)
    q, x = rng.standard_normal((m, d), dtype=np.float32), rng.standard_normal((n, d), dtype=np.float32)
    s = reference.scores(q, x, metric)
    scores, indices = fastla.knn(q, x, k, metric=metric)
    best = np.take_along_axis(s, reference.nearest(s, k, metric), 1)
    tolerance = 2e-6 * d**0.5 if metric == "dot" else 2e-6 * (10 if metric == "euclidean" else 1)
    np.testing.assert_allclose(np.take_along_axis(s, indices, 1), best, atol=tolerance)
    np.testing.assert_allclose(scores, best, atol=tolerance)
    assert all(len(set(row)) == k for row in indices.tolist())


@pytest.mark.parametrize("m", [1, 5, 100, *slow(4, 500)])
def test_equal_rows_tie_wherever_they_are(target, m):
    """Copies in other tiles, chunks and threads' parts have the very same score, so they come by index."""
    rng = np.random.default_rng(m)
    d, n = 37, 6000
    distinct = rng.standard_normal((11, d), dtype=np.float32) * 3
    x = distinct[rng.integers(0, 11, n)]
    q = rng.standard_normal((m, d), dtype=np.float32)
    for metric in METRICS:
        scores, indices = fastla.knn(q, x, 700, metric=metric)
        for row_scores, row in zip(scores, indices, strict=True):
            for value in np.unique(row_scores):
                same = row[row_scores == value]
                assert (np.diff(same) > 0).all()
                others = np.flatnonzero((x == x[same[0]]).all(1))
                assert set(same) <= set(others)
                assert value == row_scores[-1] or len(same) == len(others)
                np.testing.assert_array_equal(same, others[:len(same)])


@pytest.mark.in_turn
@pytest.mark.parametrize(("metric", "m"), combinations(METRICS, [1, 3, 40, 700]))
def test_threads_do_not_show(target, metric, m):
    rng = np.random.default_rng(5)
    q, x = rng.standard_normal((m, 50), dtype=np.float32), rng.standard_normal((9000, 50), dtype=np.float32)
    x[4000:4100] = x[:100]
    results = []
    for threads in (1, 2, 3, 7):
        with fastla.num_threads(threads):
            near = fastla.range_search(q, x, 0.4 if metric != "euclidean" else 8.0, metric=metric)
            results.append((*fastla.knn(q, x, 12, metric=metric), *near))
    for other in results[1:]:
        for first, second in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(first, second)


@pytest.mark.in_turn
@pytest.mark.parametrize("m", [49, 1025])
def test_a_last_batch_of_few_queries_does_not_show(target, m):
    """Few queries are summed in another order: not the last ones of many, whatever threads make of the batches."""
    rng = np.random.default_rng(7)
    q, x = rng.standard_normal((m, 100), dtype=np.float32), rng.standard_normal((3000, 100), dtype=np.float32)
    q[-1] = q[0]
    for threads in (1, 7):
        with fastla.num_threads(threads):
            for k in (10, 3000):
                for result in fastla.knn(q, x, k):
                    np.testing.assert_array_equal(result[-1], result[0])
            s = fastla.cosine_similarity(q, x)
            np.testing.assert_array_equal(s[-1], s[0])


@pytest.mark.parametrize("order", ["rising", "falling", "equal"])
@pytest.mark.parametrize("m", [1, 60])
def test_sorted_corpora(target, order, m):
    n = 20_000
    factor = {"rising": np.arange(n), "falling": np.arange(n)[::-1], "equal": np.ones(n)}[order]
    x = np.outer(factor, np.ones(4)).astype(np.float32)
    scores, indices = fastla.knn(np.ones((m, 4), np.float32), x, 50, metric="dot")
    expected = {"rising": np.arange(n)[:-51:-1], "falling": np.arange(50), "equal": np.arange(50)}[order]
    np.testing.assert_array_equal(indices, np.broadcast_to(expected, (m, 50)))
    np.testing.assert_array_equal(scores[0], 4 * factor[expected])


def test_scores_all_negative(target):
    x = -np.arange(1.0, 1001.0, dtype=np.float32)[:, np.newaxis]
    scores, indices = fastla.knn(np.ones((3, 1), np.float32), x, 4, metric="dot")
    np.testing.assert_array_equal(indices, [[0, 1, 2, 3]] * 3)
    np.testing.assert_array_equal(scores, [[-1, -2, -3, -4]] * 3)


@pytest.mark.parametrize("m", [1, 60])
def test_near_duplicates_are_told_apart(target, m):
    """Far from the origin, |x|^2 + |y|^2 - 2 x.y has no digit left of a distance."""
    rng = np.random.default_rng(2)
    x = (1000 + rng.standard_normal((3000, 20))).astype(np.float32)
    q = x[:m] + rng.standard_normal((m, 20), dtype=np.float32) * np.float32(0.01)
    s = reference.scores(q, x, "euclidean")
    scores, indices = fastla.knn(q, x, 5, metric="euclidean")
    np.testing.assert_array_equal(indices, reference.nearest(s, 5, "euclidean"))
    np.testing.assert_allclose(scores, np.sort(s)[:, :5], rtol=1e-6)


@pytest.mark.parametrize("m", [1, 60])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_equal_vectors_have_distance_zero(target, m, dtype):
    rng = np.random.default_rng(11)
    for size in (1, 1e11, 1e18, 1e30) + ((1e149, 1e200, 1e300) if dtype == "float64" else ()):
        x = (rng.standard_normal((500, 8)) * size).astype(dtype)
        x[7, 3] += np.spacing(x[7, 3])
        scores, indices = fastla.knn(x[:m], x, 2, metric="euclidean")
        np.testing.assert_array_equal(indices[:, 0], np.arange(m))
        assert (scores[:, 0] == 0).all()
        np.testing.assert_array_equal(np.diff(fastla.range_search(x[:m], x, 0, metric="euclidean")[0]), np.ones(m))
    close = np.array([[3, 1e-20], [3, 0]], dtype)
    scores, indices = fastla.knn(np.array([[3, 0]] * m, dtype), close, 2, metric="euclidean")
    np.testing.assert_array_equal(indices, [[1, 0]] * m)
    huge = np.array([[1e30, 1e30]] * m, dtype)
    scores, indices = fastla.knn(huge, np.array([[1e16, -1e16], [1, 1]], dtype), 2, metric="euclidean")
    np.testing.assert_allclose(scores, 2**0.5 * 1e30, rtol=1e-6)


@pytest.mark.parametrize("m", [1, 60])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_magnitude(target, m, dtype):
    rng = np.random.default_rng(3)
    q, x = rng.standard_normal((m, 30)).astype(dtype), rng.standard_normal((500, 30)).astype(dtype)
    plain = fastla.knn(q, x, 8)
    powers = (30, -30) if dtype == "float32" else (250, -250)
    for power in powers:
        factor = np.asarray(10.0**power, dtype)
        mixed = x.copy()
        mixed[::3] *= factor
        for q2, x2 in ((q * factor, x), (q, x * factor), (q * factor, mixed)):
            scores, indices = fastla.knn(q2, x2, 8)
            np.testing.assert_array_equal(indices, plain[1])
            np.testing.assert_allclose(scores, plain[0], atol=1e-6)
    far = x * np.asarray(10.0**powers[0], dtype)
    far[7] = 0
    scores, indices = fastla.knn(q, far, 2, metric="euclidean")
    assert (indices[:, 0] == 7).all()
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("m", [1, 60])
@pytest.mark.parametrize("metric", METRICS)
def test_nan_never_comes_before_a_number(target, metric, m):
    rng = np.random.default_rng(4)
    x = rng.standard_normal((200, 9), dtype=np.float32)
    x[::2, 3] = np.nan
    q = rng.standard_normal((m, 9), dtype=np.float32)
    scores, indices = fastla.knn(q, x, 150, metric=metric)
    assert (np.sort(indices[:, :100]) == np.arange(1, 200, 2)).all()
    assert np.isfinite(scores[:, :100]).all()
    assert np.isnan(scores[:, 100:]).all()
    np.testing.assert_array_equal(indices[:, 100:], np.broadcast_to(np.arange(0, 100, 2), (m, 50)))
    q[0] = np.nan
    scores, indices = fastla.knn(q, x, 3, metric=metric)
    assert np.isnan(scores[0]).all()
    np.testing.assert_array_equal(indices[0], [0, 1, 2])


def test_infinities(target):
    x = np.array([[1, 0], [np.inf, 0], [-np.inf, 0], [0, 1]], np.float32)
    for m in (1, 60):
        q = np.tile(np.array([[1, 1]], np.float32), (m, 1))
        scores, indices = fastla.knn(q, x, 4, metric="dot")
        np.testing.assert_array_equal(indices[0], [1, 0, 3, 2])
        np.testing.assert_array_equal(scores[0], [np.inf, 1, 1, -np.inf])
        scores, indices = fastla.knn(q, x, 4, metric="cosine")
        np.testing.assert_array_equal(indices[0], [0, 3, 1, 2])
        assert np.isnan(scores[0, 2:]).all()
        scores, indices = fastla.knn(q, x, 4, metric="euclidean")
        np.testing.assert_array_equal(indices[0], [0, 3, 1, 2])
        np.testing.assert_array_equal(scores[0], [1, 1, np.inf, np.inf])


@pytest.mark.parametrize("m", [1, 60])
def test_zero_rows_have_similarity_zero(target, m):
    x = np.zeros((100, 6), np.float32)
    x[50:60] = -1
    scores, indices = fastla.knn(np.ones((m, 6), np.float32), x, 95)
    np.testing.assert_array_equal(indices[0], [*range(50), *range(60, 100), *range(50, 55)])
    assert (scores[:, :90] == 0).all()
    assert (fastla.knn(np.zeros((m, 6), np.float32), x, 3)[0] == 0).all()


# --- masks, exclusions, padding -------------------------------------------------------------------------------------
@pytest.mark.in_turn
@pytest.mark.parametrize("density", [0.0005, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("metric", METRICS)
def test_masks(target, metric, density):
    rng = np.random.default_rng(6)
    m, n, d = 30, 4000, 11
    q, x = rng.standard_normal((m, d), dtype=np.float32), rng.standard_normal((n, d), dtype=np.float32)
    worst = np.inf if metric == "euclidean" else -np.inf
    shared = rng.random(n) < density
    own = rng.random((m, n)) < density
    own[3] = False
    s = reference.scores(q, x, metric)
    for mask in (shared, own, own[:, ::-1][:, ::-1], np.asfortranarray(own)):
        for rows in (slice(0, 1), slice(None)):
            chosen = mask if mask.ndim == 1 else mask[rows]
            masked = np.where(chosen, s[rows], worst)
            scores, indices = fastla.knn(q[rows], x, 12, metric=metric, mask=chosen, pad=True)
            counts = np.minimum(np.broadcast_to(chosen, masked.shape).sum(1), 12)
            expected = reference.nearest(masked, 12, metric)
            for i, count in enumerate(counts):
                np.testing.assert_array_equal(indices[i, :count], expected[i, :count])
                assert (indices[i, count:] == -1).all()
                assert (scores[i, count:] == worst).all()


@pytest.mark.in_turn
@pytest.mark.parametrize(("metric", "dtype"), combinations(METRICS, ["float32", "float64", "float16", "int16"]))
def test_a_mask_is_a_corpus_of_the_rows_that_it_allows(target, metric, dtype):
    """To the bit, for few queries and for groups of many."""
    rng = np.random.default_rng(8)
    n, d, k = 1500, 37, 12
    x = (rng.standard_normal((n, d)) * (100 if dtype == "int16" else 1)).astype(dtype)
    x[1::7] = x[::7][:len(x[1::7])]     # ties
    x[5::50] = 0
    q = rng.standard_normal((400, d), dtype=np.float32)
    for name, mask in row_masks(n, rng).items():
        rows = np.flatnonzero(mask)
        for m in (1, 9, 60, 400):
            scores, places = fastla.knn(q[:m], x[rows], k, metric=metric, pad=True)
            expected = scores, np.where(places >= 0, rows[places], -1)
            for threads in (1, 2):
                with fastla.num_threads(threads):
                    results = fastla.knn(q[:m], x, k, metric=metric, mask=mask, pad=True)
                    for found, right in zip(results, expected, strict=True):
                        np.testing.assert_array_equal(found, right, err_msg=f"{name}, {m} queries, {threads} threads")


@pytest.mark.parametrize("metric", ["dot", "euclidean"])
def test_first_thresholds(target, metric):
    """Many queries against a few tiles: rows that no query may find, ties and NaN are among the first."""
    for n, m in ((17, 60), (49, 500), (385, 50), (1000, 50)):
        rng = np.random.default_rng(n)
        q, x = (integers(rng, rows, 6).astype(np.float32) for rows in (m, n))
        x[::7, 0] = np.nan
        own = rng.random((m, n)) < 0.6
        s = reference.scores(q, x, metric)
        for mask in (None, own):
            right = s if mask is None else np.where(mask, s, np.nan)
            fewest = np.count_nonzero(~np.isnan(right), axis=1).min()
            order = reference.nearest(right, min(17, n), metric)
            for k in (1, 5, 16, 17):
                if k <= fewest:
                    scores, indices = fastla.knn(q, x, k, metric=metric, mask=mask)
                    np.testing.assert_array_equal(indices, order[:, :k])
                    np.testing.assert_allclose(scores, np.take_along_axis(right, indices, 1), rtol=1e-6)


def test_exclude(target):
    rng = np.random.default_rng(7)
    x = rng.standard_normal((300, 8), dtype=np.float32)
    plain_scores, plain = fastla.knn(x, x, 6)
    assert (plain[:, 0] == np.arange(300)).all()
    scores, indices = fastla.knn(x, x, 5, exclude=True)
    np.testing.assert_array_equal(indices, plain[:, 1:])
    np.testing.assert_array_equal(scores, plain_scores[:, 1:])
    second = plain[:, 1]
    np.testing.assert_array_equal(fastla.knn(x, x, 5, exclude=second)[1], np.delete(plain, 1, axis=1))
    np.testing.assert_array_equal(fastla.knn(x, x, 6, exclude=np.full(300, -1))[1], plain)
    np.testing.assert_array_equal(fastla.knn(x[4], x, 5, exclude=4)[1], plain[4, 1:])
    mask = np.zeros(300, bool)
    mask[[4, 9]] = True
    scores, indices = fastla.knn(x[4], x, 3, exclude=4, mask=mask, pad=True)
    np.testing.assert_array_equal(indices, [9, -1, -1])


def test_too_few_candidates(target):
    x = np.eye(3, dtype=np.float32)
    with pytest.raises(ValueError, match="k is 4, but there are only 3 candidates; pass pad=True"):
        fastla.knn(x, x, 4)
    with pytest.raises(ValueError, match="the mask leaves only 1 candidates"):
        fastla.knn(x, x, 2, mask=[True, False, False])
    with pytest.raises(ValueError, match="2 candidates besides the excluded"):
        fastla.knn(x, x, 3, exclude=True)
    scores, indices = fastla.knn(x, x, 5, pad=True)
    assert (indices[:, 3:] == -1).all()
    assert (scores[:, 3:] == -np.inf).all()
    empty = np.zeros((0, 3), np.float32)
    scores, indices = fastla.knn(x, empty, 2, pad=True, metric="euclidean")
    assert (indices == -1).all()
    assert (scores == np.inf).all()
    assert fastla.knn(empty, x, 2)[0].shape == (0, 2)


# --- layouts and dtypes ---------------------------------------------------------------------------------------------
def test_one_query_is_a_vector(target):
    x = np.random.default_rng(8).standard_normal((50, 4), dtype=np.float32)
    scores, indices = fastla.knn(x[3], x, 2)
    assert scores.shape == indices.shape == (2,)
    assert indices[0] == 3


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("m", [2, 60])
def test_layouts(target, metric, m, tmp_path):
    rng = np.random.default_rng(9)
    x = integers(rng, 500, 22).astype(np.float32)
    q = integers(rng, m, 22).astype(np.float32)
    expected = fastla.knn(q, x, 20, metric=metric)
    wide = np.zeros((1000, 44), np.float32)
    wide[::2, ::2] = x
    readonly = x.copy()
    readonly.flags.writeable = False
    x.tofile(tmp_path / "x")
    unaligned = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    unaligned[:] = x
    padded = np.zeros((500, 25), np.float32)
    padded[:, :22] = x
    variants = {
        "strided": wide[::2, ::2], "columns": np.asfortranarray(x), "backwards": x[::-1].copy()[::-1],
        "mirrored": x[:, ::-1].copy()[:, ::-1], "readonly": readonly, "swapped": x.astype(">f4"),
        "unaligned": unaligned, "mapped": np.memmap(tmp_path / "x", np.float32, "r", shape=x.shape),
        "padded": padded[:, :22], "list": x.tolist(), "int64": x.astype(np.int64),
        "uint16": (x + 8).astype(np.uint16), "int8": x.astype(np.int8), "float16": x.astype(np.float16),
    }
    for name, variant in variants.items():
        if name == "uint16":
            if metric == "dot":
                continue
            query, right = q + 8, fastla.knn(q + 8, x + 8, 20, metric=metric)
        else:
            query, right = q, expected
        scores, indices = fastla.knn(query, variant, 20, metric=metric)
        # The list and int64 are computed in float64.
        np.testing.assert_allclose(scores, right[0], atol=1e-5, err_msg=name)
        if scores.dtype == np.float32:
            np.testing.assert_array_equal(indices, right[1], err_msg=name)
    broadcast = np.broadcast_to(x[3], (100, 22))
    np.testing.assert_array_equal(fastla.knn(q, broadcast, 5, metric=metric)[1], np.broadcast_to(np.arange(5), (m, 5)))


def test_half_precision_reads_every_number(target):
    """All 65536 bit patterns of float16, as a corpus of one column."""
    x = np.arange(65536, dtype=np.uint16).view(np.float16)[:, np.newaxis]
    finite = np.isfinite(x[:, 0])
    scores, indices = fastla.knn(np.ones(1, np.float32), x, 65536, metric="dot")
    number = ~np.isnan(x[indices, 0])
    np.testing.assert_array_equal(scores[number], x[indices[number], 0].astype(np.float32))
    assert number[:np.count_nonzero(finite) + 2].all()


def test_bfloat16(target):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    rng = np.random.default_rng(10)
    x = rng.standard_normal((300, 12)).astype(ml_dtypes.bfloat16)
    for m in (1, 60):
        scores, indices = fastla.knn(x[:m], x, 3)
        right = fastla.knn(x[:m].astype(np.float32), x.astype(np.float32), 3)
        assert scores.dtype == np.float32
        np.testing.assert_array_equal(indices, right[1])
        np.testing.assert_array_equal(scores, right[0])


def test_a_corpus_is_not_copied():
    """Searching float16 takes a small part of what a float32 copy would."""
    x = np.ones((200_000, 64), np.float16)
    x[123_456] = 2
    with fastla.num_threads(2):
        tracemalloc.start()
        _, indices = fastla.knn(np.ones((30, 64), np.float32), x, 3, metric="dot")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (indices == [123_456, 0, 1]).all()
    assert peak < 1 << 20


# --- range search ---------------------------------------------------------------------------------------------------
@pytest.mark.in_turn
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("m", "n", "d"), [(1, 2000, 6), (3, 500, 50), (70, 3000, 9), (1500, 40, 3)])
def test_range_search(target, metric, m, n, d):
    rng = np.random.default_rng(m + n)
    q, x = integers(rng, m, d).astype(np.float32), integers(rng, n, d).astype(np.float32)
    s = reference.scores(q, x, metric)
    threshold = {"cosine": 0.31, "dot": 3, "euclidean": 4}[metric]
    lims, scores, indices = fastla.range_search(q, x, threshold, metric=metric)
    near = s <= threshold if metric == "euclidean" else s >= threshold - 1e-7
    np.testing.assert_array_equal(np.diff(lims), near.sum(1))
    for i in range(m):
        found = slice(lims[i], lims[i + 1])
        assert set(indices[found]) == set(np.flatnonzero(near[i]))
        np.testing.assert_allclose(scores[found], s[i, indices[found]], atol=1e-5)
        better = np.diff(scores[found]) * (1 if metric == "euclidean" else -1)
        assert ((better > 0) | (better == 0) & (np.diff(indices[found]) > 0)).all()


def test_range_search_finds_nothing_or_all(target):
    x = np.eye(4, dtype=np.float32)
    lims, scores, indices = fastla.range_search(x, x, 2.0)
    assert (lims == 0).all()
    assert (len(scores), len(indices)) == (0, 0)
    lims, _, indices = fastla.range_search(x, x, -np.inf)
    np.testing.assert_array_equal(indices.reshape(4, 4)[:, 0], np.arange(4))
    assert len(fastla.range_search(x, x, np.inf, metric="euclidean")[1]) == 16
    assert len(fastla.range_search(x, x, 0, metric="euclidean")[1]) == 4
    assert len(fastla.range_search(x, x, -1, metric="euclidean")[1]) == 0
    assert fastla.range_search(np.zeros((0, 4)), x, 0)[0].tolist() == [0]


# --- errors ---------------------------------------------------------------------------------------------------------
class Sparse:
    nnz = 3

    def toarray(self):
        raise AssertionError("not to be called")


X = np.zeros((5, 3), np.float32)


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((X, np.zeros((5, 4))), {}, ValueError,
         r"queries has shape \(5, 3\), expected \(m, 4\) or \(4,\) for a corpus of shape \(5, 4\)"),
        ((X, np.zeros(3)), {}, ValueError, r"corpus has shape \(3,\), expected \(n, d\)"),
        ((np.zeros((1, 2, 3)), X), {}, ValueError, r"queries has shape \(1, 2, 3\)"),
        ((X, X, 0), {}, ValueError, "k must be at least 1, not 0"),
        ((X, X, 2.0), {}, TypeError, "k must be an integer, not 2.0 of type float"),
        ((X, X, True), {}, TypeError, "k must be an integer"),
        ((X, X), {"metric": "l2"}, ValueError, "metric must be one of 'cosine', 'dot', 'euclidean', not 'l2'"),
        ((X, Sparse()), {}, TypeError, "corpus is a SciPy sparse array, expected a dense one: pass corpus.toarray()"),
        ((X, X.astype(complex)), {}, TypeError, "corpus has dtype complex128, expected real numbers"),
        ((np.full((5, 3), None), X), {}, TypeError, "queries has dtype object, with None of type NoneType"),
        ((np.ma.masked_array(X), X), {}, TypeError, "queries is a masked array"),
        ((X, X, 1), {"mask": np.ones(5)}, TypeError, "mask has dtype float64, expected bool"),
        ((X, X, 1), {"mask": np.ma.masked_array(np.ones(5, bool))}, TypeError,
         "mask is a masked array, expected a plain one"),
        ((X, X, 1), {"mask": np.ones((4, 5), bool)}, ValueError,
         r"mask has shape \(4, 5\), expected \(5,\) or \(5, 5\)"),
        ((X[:2], X, 1), {"exclude": True}, ValueError, "there are 2 and 5 rows"),
        ((X, X, 1), {"exclude": [1, 2]}, ValueError, r"exclude has shape \(2,\), expected \(5,\)"),
        ((X, X, 1), {"exclude": [0, 1, 2, 3, 5]}, ValueError, "exclude has indices from 0 to 5, expected from -1"),
        ((X, X, 1), {"exclude": np.zeros(5)}, TypeError, "exclude has dtype float64"),
    ],
)
def test_errors_name_the_argument(arguments, keywords, error, message):
    with pytest.raises(error, match="knn: .*" + message):
        fastla.knn(*arguments, **keywords)


def test_range_search_errors():
    with pytest.raises(ValueError, match="threshold must be a number, not NaN"):
        fastla.range_search(X, X, np.nan)
    with pytest.raises(TypeError, match="threshold must be a number, not 'far'"):
        fastla.range_search(X, X, "far")


@pytest.mark.parametrize("m", [3, 20, 60])
@pytest.mark.parametrize("size", [1e-30, 1e-15, 2e15, 1e17])
def test_euclidean_of_equals_of_any_size(target, size, m):
    """Tiny rows have products with tiny queries, and huge queries have none: either way a row is measured."""
    q, x = np.full((m, 32), size, np.float32), np.full((500, 32), size, np.float32)
    lims, distances, _ = fastla.range_search(q, x, size / 100, metric="euclidean")
    assert lims[-1] == m * 500
    assert (distances == 0).all()


def test_euclidean_of_tiny_numbers(target):
    rng = np.random.default_rng(6)
    q, x = (rng.integers(-9, 10, (rows, 24)).astype(np.float32) * np.float32(2.0**-55) for rows in (20, 300))
    scores, indices = fastla.knn(q, x, 7, metric="euclidean")
    s = reference.scores(q, x, "euclidean")
    np.testing.assert_array_equal(indices, reference.nearest(s, 7, "euclidean"))
    np.testing.assert_allclose(scores, np.take_along_axis(s, indices, 1), rtol=1e-6)
