"""Searches against float64 brute force over inputs that Hypothesis makes, on every target; and memory that is not theirs."""

import sys

import numpy as np
import pytest
import reference
from grids import combinations
from guard import guarded
from hypothesis import given, settings
from hypothesis import strategies as st

import fastla
from fastla import _core

needs_guards = pytest.mark.skipif(sys.platform == "win32", reason="no mprotect here")
METRICS = ["cosine", "dot", "euclidean"]
LENGTHS = st.one_of(st.integers(1, 12), st.integers(40, 60), st.integers(90, 110))


@st.composite
def problems(draw: st.DrawFn) -> dict:
    """Queries and a corpus of small integers, with rows repeated, zeroed or not numbers."""
    m, n, d = draw(LENGTHS), draw(LENGTHS), draw(st.one_of(st.integers(1, 20), st.integers(30, 70)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["float32", "float64"]))
    x, q = rng.integers(-3, 4, (n, d)).astype(dtype), rng.integers(-3, 4, (m, d)).astype(dtype)
    x = x[rng.integers(0, n, n)] if draw(st.booleans()) else x
    if draw(st.booleans()):
        x[rng.random(n) < 0.2] = 0
    if draw(st.booleans()):
        x[rng.random(n) < 0.2, 0] = np.nan
    mask = draw(st.sampled_from([None, "shared", "own"]))
    if mask is not None:
        mask = rng.random(n if mask == "shared" else (m, n)) < draw(st.sampled_from([0.02, 0.5, 0.95]))
    exclude = rng.integers(-1, n, m) if draw(st.booleans()) else None
    return {"q": q, "x": x, "k": draw(st.integers(1, n + 3)), "metric": draw(st.sampled_from(METRICS)), "mask": mask,
            "exclude": exclude, "threads": draw(st.sampled_from([1, 2, 3])), "target": draw(st.sampled_from(_core.runnable_targets()))}


def brute(p: dict) -> list[np.ndarray]:
    """For each query the rows it may find, best first."""
    s = reference.scores(p["q"], p["x"], p["metric"])
    s = s if p["metric"] == "euclidean" else -s
    found = []
    for i, row in enumerate(s):
        allowed = np.ones(len(row), bool) if p["mask"] is None else np.broadcast_to(p["mask"], s.shape)[i].copy()
        if p["exclude"] is not None and p["exclude"][i] >= 0:
            allowed[p["exclude"][i]] = False
        order = np.argsort(row, kind="stable")
        found.append(order[allowed[order]][:p["k"]])
    return found


@settings(deadline=None, max_examples=100)
@given(problems())
def test_knn_is_brute_force(p):
    before = _core.current_target()
    _core.use_target(p["target"])
    try:
        with fastla.num_threads(p["threads"]):
            scores, indices = fastla.knn(p["q"], p["x"], p["k"], metric=p["metric"], mask=p["mask"], exclude=p["exclude"], pad=True)
    finally:
        _core.use_target(before)
    s = reference.scores(p["q"], p["x"], p["metric"])
    worst = np.inf if p["metric"] == "euclidean" else -np.inf
    for i, expected in enumerate(brute(p)):
        count = len(expected)
        assert (indices[i, count:] == -1).all()
        assert (scores[i, count:] == worst).all()
        np.testing.assert_allclose(scores[i, :count], s[i, expected], atol=2e-6)
        if p["metric"] == "cosine":         # ties in exact arithmetic may differ in the last bit
            np.testing.assert_allclose(s[i, indices[i, :count]], s[i, expected], atol=2e-6)
            assert len(set(indices[i, :count].tolist())) == count
        else:
            np.testing.assert_array_equal(indices[i, :count], expected)


@needs_guards
@pytest.mark.parametrize(("dtype", "m"), combinations(["float32", "float64", "float16", "int8"], [1, 2, 5, 8, 9, 49]))
def test_nothing_beyond_the_operands_is_read_or_written(target, dtype, m):
    rng = np.random.default_rng(m)
    for n, d in [(1, 1), (3, 7), (5, 16), (47, 33), (48, 48), (53, 65), (97, 3)]:
        for end in (False, True):
            q, x = guarded((m, d), dtype, end), guarded((n, d), dtype, end)
            q[...], x[...] = rng.integers(-3, 4, (m, d)), rng.integers(-3, 4, (n, d))
            mask = guarded((n,), "bool", end)
            mask[...] = rng.random(n) < 0.6
            own = guarded((m, n), "bool", end)
            own[...] = rng.random((m, n)) < 0.6
            out = guarded((m, n), "float64" if dtype == "float64" else "float32", end)
            for metric in METRICS:
                for chosen in (None, mask, own):
                    fastla.knn(q, x, 3, metric=metric, mask=chosen, pad=True)
                fastla.range_search(q, x, 1.0, metric=metric)
            fastla.cosine_similarity(q, x, out=out)
            np.testing.assert_allclose(out, reference.scores(q, x, "cosine"), atol=1e-6)
            fastla.vector_norm(x, axis=1)
            fastla.normalize(x)


@needs_guards
@pytest.mark.parametrize("storage", ["float32", "float16", "bfloat16", "int8"])
def test_an_index_reads_its_blocks_alone(target, storage):
    rng = np.random.default_rng(0)
    for n, d in [(1, 1), (48, 7), (96, 16), (100, 33)]:
        index = fastla.FlatIndex(d, dtype=storage)
        index.add(rng.standard_normal((n, d)))
        blocks = index._blocks
        for name in ("data", "scale", "weight", "bias"):
            array = getattr(blocks, name)
            for end in (False, True):
                copy = guarded(array.shape, array.dtype.str, end)
                copy[...] = array
                setattr(blocks, name, copy)
                for m in (1, 3, 60):
                    q = rng.standard_normal((m, d), dtype=np.float32)
                    for mask in (None, rng.random(n) < 0.3):
                        index.search(q, n, mask=mask, pad=True)
