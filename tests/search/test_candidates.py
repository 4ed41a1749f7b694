"""Few candidates: after the numbers come rows of NaN by index, then padding, whichever side of a function answers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import reference
from grids import combinations
from hypothesis import given
from hypothesis import strategies as st

import fastla

METRICS = ["cosine", "dot", "euclidean"]
N, D = 70, 9
Found = tuple[np.ndarray, np.ndarray]


def compiled_and_not(function: Callable, *arguments: Any, **keywords: Any) -> Found:
    """The result, which is the same of the Python function alone."""
    results = function(*arguments, **keywords)
    python = getattr(type(function.__self__), function.__name__).__wrapped__.__get__(function.__self__) \
        if hasattr(function, "__self__") else function.__wrapped__
    for result, same in zip(results, python(*arguments, **keywords), strict=True):
        np.testing.assert_array_equal(result, same)
    return results


def limited(m: int, rng: np.random.Generator) -> dict[str, tuple[dict, np.ndarray]]:
    """Arguments, and which of N rows each of m queries may then find."""
    shared, own = rng.random(N) < 0.1, rng.random((m, N)) < 0.1
    shared[0], own[0] = True, False
    one_each, all_of_them = rng.integers(-1, N, m), np.ones((m, N), bool)
    kept = all_of_them.copy()
    kept[np.flatnonzero(one_each >= 0), one_each[one_each >= 0]] = False
    return {
        "all": ({}, all_of_them), "none": ({"mask": np.zeros(N, bool)}, ~all_of_them),
        "shared": ({"mask": shared}, all_of_them & shared), "own": ({"mask": own}, own),
        "own, one mask": ({"mask": np.broadcast_to(shared, (m, N))}, all_of_them & shared),
        "own, in Fortran order": ({"mask": np.asfortranarray(own)}, own),
        "every other byte": ({"mask": np.repeat(shared, 2)[::2]}, all_of_them & shared),
        "excluded": ({"exclude": one_each}, kept),
        "both": ({"mask": own, "exclude": one_each}, own & kept),
        "shared and excluded": ({"mask": shared, "exclude": one_each}, kept & shared),
    }


def check(found: Found, s: np.ndarray, allowed: np.ndarray, metric: str, tolerance: float) -> None:
    worst = np.inf if metric == "euclidean" else -np.inf
    for scores, ids, right, may in zip(*found, s, allowed, strict=True):
        nans = np.flatnonzero(may & np.isnan(right))
        best = np.sort(right[may & ~np.isnan(right)] * (1 if metric == "euclidean" else -1))[:len(ids)]
        end = min(len(ids), len(best) + len(nans))
        np.testing.assert_allclose(scores[:len(best)], np.abs(best) if metric == "euclidean" else -best, atol=tolerance)
        np.testing.assert_allclose(right[ids[:len(best)]], scores[:len(best)], atol=tolerance)
        assert len(set(ids[:end].tolist())) == end
        assert may[ids[:end]].all()
        np.testing.assert_array_equal(ids[len(best):end], nans[:end - len(best)])
        assert np.isnan(scores[len(best):end]).all()
        assert (ids[end:] == -1).all()
        assert (scores[end:] == worst).all()


def with_nans(m: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(m)
    q, x = rng.integers(-3, 4, (m, D)).astype(dtype), rng.integers(-3, 4, (N, D)).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x[::5, 4] = np.nan
        q[m // 2, 0] = np.nan
    return q, x


@pytest.mark.in_turn
@pytest.mark.parametrize(("metric", "dtype"), combinations(METRICS, ["float32", "float64", "float16", "int8"]))
def test_knn(target, metric, dtype):
    for m in (1, 3, 60):
        q, x = with_nans(m, dtype)
        s = reference.scores(q, x, metric)
        for name, (keywords, allowed) in limited(m, np.random.default_rng(m)).items():
            for k in (1, 5, N, N + 30):
                found = compiled_and_not(fastla.knn, q, x, k, metric=metric, pad=True, **keywords)
                check(found, s, allowed, metric, 2e-6)
                fewest = allowed.sum(1).min()
                if k <= fewest:
                    check(compiled_and_not(fastla.knn, q, x, k, metric=metric, **keywords), s, allowed, metric, 2e-6)
                else:
                    with pytest.raises(ValueError, match=f"k is {k}, but .* only {fewest} candidates"):
                        fastla.knn(q, x, k, metric=metric, **keywords)
                        pytest.fail(name)


@pytest.mark.in_turn
@pytest.mark.parametrize(("metric", "storage"), combinations(METRICS, ["float32", "float16", "bfloat16", "int8"]))
def test_index(target, metric, storage):
    for m in (1, 3, 60):
        q, x = with_nans(m, "float32")
        whole, holed = (fastla.FlatIndex(D, metric=metric, dtype=storage) for _ in range(2))
        whole.add(x)
        holed.add(np.concatenate([x, x[:10]]))
        holed.remove(np.arange(N, N + 10))
        kept = whole.reconstruct(np.arange(N))
        s = reference.scores(q, kept, metric)
        tolerance = 2e-6 if storage != "int8" else 1e-2     # queries are rounded to 16 bits
        for keywords, allowed in limited(m, np.random.default_rng(m)).values():
            for index in (whole, holed):
                for k in (5, N + 30):
                    found = compiled_and_not(index.search, q, k, pad=True, **keywords)
                    check(found, s, allowed, metric, tolerance)
                fewest = allowed.sum(1).min()
                if fewest:
                    compiled_and_not(index.search, q, int(fewest), **keywords)
                with pytest.raises(ValueError, match=f"k is {fewest + 1}, but .* only {fewest} candidates"):
                    index.search(q, int(fewest) + 1, **keywords)


@pytest.mark.parametrize(("metric", "dtype"), combinations(METRICS, ["float32", "float64"]))
def test_range_search(target, metric, dtype):
    for m in (1, 3, 60):
        q, x = with_nans(m, dtype)
        s = reference.scores(q, x, metric)
        threshold = 0.4123 if metric == "cosine" else 5.5
        index = fastla.FlatIndex(D, metric=metric)
        index.add(x)
        near = s <= threshold if metric == "euclidean" else s >= threshold
        for keywords, allowed in limited(m, np.random.default_rng(m)).values():
            results = [compiled_and_not(fastla.range_search, q, x, threshold, metric=metric, **keywords)]
            if dtype == "float32":
                results.append(compiled_and_not(index.range_search, q, threshold, **keywords))
            for lims, scores, ids in results:
                for i in range(m):
                    here = slice(lims[i], lims[i + 1])
                    np.testing.assert_array_equal(np.sort(ids[here]), np.flatnonzero(near[i] & allowed[i]))
                    np.testing.assert_allclose(scores[here], s[i, ids[here]], atol=2e-6)


def test_plain_arguments_do_not_meet_python(target, monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, D), dtype=np.float32)
    whole, holed = fastla.FlatIndex(D), fastla.FlatIndex(D, dtype="int8")
    whole.add(x)
    holed.add(x)
    holed.remove(3)
    fastla.knn(x, x, 1), whole.search(x, 1), holed.search(x, 1)     # the storages' kernels are asked for at first
    monkeypatch.setattr(fastla._validate, "queries", None)
    ids, rows, each = np.arange(N), np.ones(N, bool), np.ones((N, N), bool)
    for keywords in ({}, {"mask": rows}, {"mask": each}, {"exclude": ids}, {"mask": each, "exclude": ids}):
        assert fastla.knn(x, x, 5, **keywords)[1].shape == (N, 5)
        assert fastla.knn(x, x, 90, pad=True, **keywords)[1].shape == (N, 90)
        assert fastla.range_search(x, x, 0.5, **keywords)[0].shape == (N + 1,)
    fastla.knn(x, x, 5, exclude=True)
    for index, keywords in [(whole, {}), (whole, {"mask": rows}), (whole, {"mask": each}), (whole, {"exclude": ids}),
                            (holed, {}), (holed, {"exclude": ids})]:
        assert index.search(x, 5, **keywords)[1].shape == (N, 5)
        assert index.search(x, 90, pad=True, **keywords)[1].shape == (N, 90)
        assert index.range_search(x, 0.5, **keywords)[0].shape == (N + 1,)


def test_no_queries():
    none = np.zeros((0, D), np.float32)
    x = np.ones((4, D), np.float32)
    for mask in (None, np.ones(4, bool), np.zeros((0, 4), bool), np.broadcast_to(np.ones(4, bool), (0, 4))):
        assert compiled_and_not(fastla.knn, none, x, 9, mask=mask)[0].shape == (0, 9)
        assert compiled_and_not(fastla.range_search, none, x, 0.0, mask=mask)[0].shape == (1,)
    assert compiled_and_not(fastla.knn, none, x, 9, exclude=np.zeros(0, np.int64))[1].shape == (0, 9)
    assert compiled_and_not(fastla.knn, none, none, 2, exclude=True)[1].shape == (0, 2)


@pytest.mark.parametrize("excluded", [[4], [-2], [2**40], [-2**63]])
def test_excluded_rows_that_are_none(excluded):
    x = np.ones((4, D), np.float32)
    with pytest.raises(ValueError, match="exclude has indices from"):
        fastla.knn(x[:1], x, 1, exclude=np.array(excluded))
    index = fastla.FlatIndex(D)
    index.add(x)
    if excluded[0] < 0:
        with pytest.raises(ValueError, match="expected none below -1"):
            index.search(x[:1], 1, exclude=np.array(excluded))
    else:
        np.testing.assert_array_equal(index.search(x[:1], 4, exclude=np.array(excluded))[1], [[0, 1, 2, 3]])


@given(st.integers(1, 150), st.integers(0, 600), st.integers(1, 3), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_fewest_are_counted(m, n, step, across, seed):
    """Masks of any strides, rows beyond the 255 that a byte counts, excluded rows that are masked and that are not."""
    rng = np.random.default_rng(seed)
    mask = (rng.random((m, n * step)) < 0.7)[:, ::step]
    if across:
        mask = (rng.random((n, m * step)) < 0.7).T[::step]
    exclude = rng.integers(-1, max(n, 1) if n else 0, m)
    counts = mask.sum(1) - [int(i >= 0 and row[i]) for row, i in zip(mask, exclude, strict=True)]
    q, x = np.ones((m, 1), np.float32), np.ones((n, 1), np.float32)
    with pytest.raises(ValueError, match=rf"the mask leaves only {counts.min()} candidates besides the excluded"):
        fastla.knn(q, x, int(counts.min()) + 1, mask=mask, exclude=exclude)
    if counts.min():
        assert (fastla.knn(q, x, int(counts.min()), mask=mask, exclude=exclude)[1] >= 0).all()
