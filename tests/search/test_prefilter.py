"""The prefilter changes no bit of a result. A search of few queries goes without: it is the oracle of one of many."""

from collections.abc import Iterator

import numpy as np
import pytest
from grids import combinations, few_of_all

import fastla
from fastla import _core

PREFILTERING = [name for name in _core.runnable_targets() if name in ("avx512vnni", "wide")]   # setup.py's `prefilters`
UNFILTERED = 20     # queries at a time: fewer than the prefilter asks for, and too many for dot products of raw rows
METRICS = ["cosine", "dot", "euclidean"]
SHAPES = [      # m, n, d, k: as many rows for each of the k best as the prefilter asks for
    (24, 801, 16, 1), (61, 2500, 48, 3), (97, 4801, 129, 6), (200, 1700, 50, 2), (49, 2400, 387, 3), (300, 3300, 66, 4),
    (40, 850, 1501, 1),
]


@pytest.fixture(params=PREFILTERING)
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """As conftest's, of the targets that prefilter."""
    before = _core.current_target()
    _core.use_target(request.param)
    yield request.param
    _core.use_target(before)


def normal(rng: np.random.Generator, m: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((m, d), dtype=np.float32), rng.standard_normal((n, d), dtype=np.float32)


def duplicates(rng: np.random.Generator, m: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    q, x = normal(rng, m, n, d)
    return q, x[rng.integers(0, max(1, n // 9), n)]


def clusters(rng: np.random.Generator, m: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that no prefilter can tell apart, and queries that are among them."""
    _, x = normal(rng, 1, n, d)
    x = x[rng.integers(0, 5, n)] + np.float32(1e-4) * x
    return x[rng.integers(0, n, m)], x


def magnitudes(rng: np.random.Generator, m: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and queries from 1e-14 to 1e14, beyond the range that is prefiltered; some of zeros."""
    q, x = normal(rng, m, n, d)
    q *= 10 ** rng.uniform(-14, 14, (m, 1)).astype(np.float32)
    x *= 10 ** rng.uniform(-14, 14, (n, 1)).astype(np.float32)
    q[rng.random(m) < 0.1] = x[rng.random(n) < 0.3] = 0
    return q, x


def strange(rng: np.random.Generator, m: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Infinities and NaN here and there, in otherwise usual data."""
    q, x = normal(rng, m, n, d)
    x[rng.integers(0, n, 5), rng.integers(0, d, 5)] = np.nan
    x[rng.integers(0, n, 5), rng.integers(0, d, 5)] = np.inf
    q[3, 0], q[7, d - 1], q[9] = np.nan, -np.inf, 0
    return q, x


def far_away(rng: np.random.Generator, m: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Distances that are small beside the norms, from which they are computed."""
    q, x = normal(rng, m, n, d)
    return q + np.float32(300), x + np.float32(300)


def lone_number(rng: np.random.Generator, m: int, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """One number a row is so large that the levels of all others are 0."""
    q, x = normal(rng, m, n, d)
    x[np.arange(n), rng.integers(0, d, n)] *= 1e4
    return q, x


DATA = [normal, duplicates, clusters, magnitudes, strange, far_away, lone_number]


def same(one: tuple[np.ndarray, ...], other: tuple[np.ndarray, ...]) -> None:
    for x, y in zip(one, other, strict=True):
        np.testing.assert_array_equal(x, y, strict=True)


def in_parts(
    search, q: np.ndarray, mask: np.ndarray | None, exclude: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    parts = []
    for i in range(0, len(q), UNFILTERED):
        # The last part is as long as the others, for few queries are done in another way.
        rows = slice(max(0, min(i, len(q) - UNFILTERED)), min(i + UNFILTERED, len(q)))
        own = mask[rows] if mask is not None and mask.ndim == 2 else mask
        found = search(q[rows], own, None if exclude is None else exclude[rows])
        parts.append([x[i - rows.start:] for x in found])
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


@pytest.mark.in_turn
@pytest.mark.parametrize("shapes", few_of_all(SHAPES[2:5:2], SHAPES[::2]))
@pytest.mark.parametrize(("metric", "data"), combinations(METRICS, DATA))
def test_knn(target, metric, data, shapes):
    for m, n, d, k in shapes:
        rng = np.random.default_rng(m + n)
        q, x = data(rng, m, n, d)
        exclude = rng.integers(-1, n, m)
        for mask in (None, rng.random((m, n)) < 0.6):
            def search(some, own, left_out, x=x, k=k):
                return fastla.knn(some, x, k, metric=metric, mask=own, exclude=left_out, pad=True)

            whole = search(q, mask, exclude)
            same(whole, in_parts(search, q, mask, exclude))
        with fastla.num_threads(3):
            same(whole, search(q, mask, exclude))


@pytest.mark.in_turn
@pytest.mark.parametrize(("metric", "dtype", "data"), combinations(METRICS, ["float32", "float16", "bfloat16"], DATA))
def test_an_index(target, dtype, metric, data):
    for m, n, d, k in SHAPES[4:6]:       # re-ranked rows are gathered, and transposed (TRANSPOSE_ROWS)
        rng = np.random.default_rng(m + n)
        q, x = data(rng, m, n, d)
        index = fastla.FlatIndex(d, metric=metric, dtype=dtype)
        index.add(x)
        for mask in (None, rng.random(n) < 0.7):
            def search(some, own, _=None, index=index, k=k):
                return index.search(some, k, mask=own, pad=True)

            whole = search(q, mask)
            same(whole, in_parts(search, q, mask))
        with fastla.num_threads(3):
            same(whole, search(q, mask))


RANGE_DATA = [normal, duplicates, clusters, magnitudes, lone_number]


@pytest.mark.parametrize(("metric", "data"), combinations(METRICS, RANGE_DATA))
def test_range_search(target, metric, data):
    for m, n, d, k in SHAPES[1::2]:
        q, x = data(np.random.default_rng(m + n), m, n, d)
        scores, _ = fastla.knn(q, x, k, metric=metric)
        threshold = float(np.median(scores[:, -1]))     # a score that is reached exactly
        lims, scores, ids = fastla.range_search(q, x, threshold, metric=metric)
        first = 0
        while first < m:
            part = slice(min(first, m - UNFILTERED), min(first, m - UNFILTERED) + UNFILTERED)
            part_lims, part_scores, part_ids = fastla.range_search(q[part], x, threshold, metric=metric)
            found = slice(lims[part.start], lims[part.stop])
            whole = lims[part.start:part.stop + 1] - lims[part.start], scores[found], ids[found]
            same(whole, (part_lims, part_scores, part_ids))
            first += UNFILTERED


def check_in_parts(search, q: np.ndarray) -> None:
    """As many queries at once as few at a time."""
    same(search(q), in_parts(lambda some, *_: search(some), q, None))


@pytest.mark.parametrize("size", [1e10, 1e20, 1e37, 5e37, 3e38])
def test_queries_of_any_size(target, size):
    rng = np.random.default_rng(3)
    x = np.abs(rng.standard_normal((2400, 64), dtype=np.float32)) * np.float32(1e-5)
    check_in_parts(lambda q: fastla.knn(q, x, 3, metric="dot"), np.full((48, 64), size, np.float32))


def test_a_query_with_an_infinity_changes_nothing_and_loses_nothing(target):
    x, q = np.ones((2400, 32), np.float32), np.ones((60, 32), np.float32)
    q[7, 0] = np.inf
    check_in_parts(lambda q: fastla.knn(q, x, 3, metric="dot"), q)
    lims, scores, _ = fastla.range_search(q, x, 0.5, metric="dot")
    assert lims[-1] == 60 * 2400
    assert (scores[lims[7]:lims[8]] == np.inf).all()


@pytest.mark.parametrize("size", [1e-44, 1e-43, 1e-41, 1e-30])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_rows_with_denormal_steps(target, dtype, size):
    rng = np.random.default_rng(4)
    index = fastla.FlatIndex(64, metric="dot", dtype=dtype)
    index.add(rng.standard_normal((2400, 64)) * size)
    for scale in (1e-5, 1, 1e9):
        check_in_parts(lambda q: index.search(q, 3), (rng.standard_normal((60, 64)) * scale).astype(np.float32))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_rows_whose_norm_overflows(target, dtype):
    rng = np.random.default_rng(5)
    x, q = normal(rng, 96, 2400, 64)
    x[::48] = 3e38
    q[:48] = 0
    index = fastla.FlatIndex(64, metric="dot", dtype=dtype)
    index.add(x)
    check_in_parts(lambda q: index.search(q, 3), q)


def test_a_query_out_of_range_finds_rows_of_zeros(target):
    """Zero times what such a query may be off by is 0, not NaN."""
    x = np.zeros((2400, 32), np.float32)
    x[::2] = -1
    q = np.full((48, 32), 1e15, np.float32)
    scores, ids = fastla.knn(q, x, 3, metric="dot")
    assert (scores == 0).all()
    assert (ids == [1, 3, 5]).all()


def test_infinite_scores_come_by_index(target):
    x = np.full((4800, 64), 1e9, np.float32)
    q = np.full((48, 64), 1e35, np.float32)
    scores, ids = fastla.knn(q, x, 5, metric="dot")
    assert (scores == np.inf).all()
    assert (ids == np.arange(5)).all()
