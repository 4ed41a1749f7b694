"""Which route a search takes (search/routes.pxi), and that each one finds the nearest rows."""

import numpy as np
import pytest
import reference
from grids import combinations

import fastla
from fastla import _core
from fastla._core import core

PREFILTERS = ("avx512vnni", "wide")     # setup.py's `prefilters`
METRICS = ["cosine", "dot", "euclidean"]
D = 20


def data(m: int, n: int, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(m + n)
    return rng.standard_normal((m, D)).astype(dtype), rng.standard_normal((n, D)).astype(dtype)


def check(q: np.ndarray, x: np.ndarray, k: int, metric: str, found: tuple, tolerance: float = 1e-5) -> None:
    s = reference.scores(q, x, metric)
    best = np.take_along_axis(s, reference.nearest(s, k, metric), 1)
    np.testing.assert_allclose(found[0], best, atol=tolerance)
    np.testing.assert_allclose(np.take_along_axis(s, found[1], 1), best, atol=tolerance)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("m", "n", "k", "dtype", "prefiltered", "otherwise"),
    [
        (1, 3000, 3, "float32", "raw few", "raw few"),
        (8, 3000, 3, "float32", "raw few", "raw few"),
        (9, 3000, 3, "float32", "raw", "raw"),
        (24, 3000, 3, "float32", "raw prefilter", "raw"),
        (24, 3000, 4, "float32", "raw", "raw"),             # too few rows for each of the k best
        (24, 3000, 3, "float64", "raw", "raw"),
        (24, 3000, 3, "float16", "raw prefilter", "raw"),
    ],
)
def test_raw_rows(target, metric, m, n, k, dtype, prefiltered, otherwise):
    q, x = data(m, n, dtype)
    storage = "float64" if dtype == "float64" else "float32"
    request = core.Request(_core.search(storage), metric, x, q)
    assert request.route(k) == (prefiltered if target in PREFILTERS else otherwise)
    check(q, x, k, metric, fastla.knn(q, x, k, metric=metric))


@pytest.mark.parametrize(("metric", "storage"), combinations(METRICS, ["float32", "float16", "bfloat16", "int8"]))
def test_stored_rows(target, metric, storage):
    mr = core.describe(_core.search(storage))["mr"]
    _, x = data(1, 3000)
    index = fastla.FlatIndex(D, metric=metric, dtype=storage)
    index.add(x)
    kept = np.stack([index.reconstruct(i) for i in index.ids])
    prefilters = target in PREFILTERS and storage != "int8"
    many = "stored prefilter" if prefilters else "stored"
    for m, k, route in ((1, 5, "scan"), (3 * mr - 1, 5, "scan"), (3 * mr, 5, "stored"), (60, 3, many)):
        q, _ = data(m, 1)
        assert core.Request(_core.search(storage), metric, index._blocks, q).route(k) == route
        check(q, kept, k, metric, index.search(q, k), 1e-5 if storage != "int8" else 2e-3)


@pytest.mark.parametrize("density", [0.01, 0.3])
def test_masked_rows_are_counted(target, density):
    """By the rows that are scored: those that a mask allows, where they are gathered."""
    q, x = data(60, 3000)
    mask = np.random.default_rng(0).random(3000) < density
    request = core.Request(_core.search("float32"), "dot", x, q, mask.view(np.uint8))
    assert request.route(3) == "raw"
    scores, ids = fastla.knn(q, x, 3, metric="dot", mask=mask)
    check(q, x[mask], 3, "dot", (scores, np.searchsorted(np.flatnonzero(mask), ids)))
