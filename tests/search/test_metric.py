"""knn(metric=f): the best by a user's function of the dot product and both norms."""

import numpy as np
import pytest

import fastla

pytest.importorskip("numba")


def _data(m, n, d, dtype, seed=0):
    make = np.random.default_rng(seed).standard_normal
    return make((m, d)).astype(dtype), make((n, d)).astype(dtype)


@pytest.mark.in_turn
@pytest.mark.parametrize(("m", "n"), [(1, 30), (3, 500), (60, 700), (300, 2500), (1500, 60)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_best_by_a_function(target, m, n, dtype):
    q, x = _data(m, n, 24, dtype)
    age = np.random.default_rng(1).uniform(0, 3, n)

    def metric(dot, norm_q, norm_x, q_idx, x_idx):
        return dot / (norm_q * norm_x) - 0.125 * age[x_idx] + 0.001 * q_idx
    scores, rows = fastla.knn(q, x, 9, metric=metric)
    wide = q.astype(float) @ x.astype(float).T / np.linalg.norm(q, axis=1)[:, None] / np.linalg.norm(x, axis=1)
    wide = wide - 0.125 * age + 0.001 * np.arange(m)[:, None]
    best = -np.sort(-wide, axis=1)[:, :9]
    np.testing.assert_allclose(np.take_along_axis(wide, rows, 1), best, 1e-4, 1e-5)
    np.testing.assert_allclose(scores, best, 1e-4, 1e-5)


@pytest.mark.parametrize("m", [2, 70])
def test_ties_nan_masks_and_exclusions(target, m):
    q, x = _data(m, 300, 5, np.float32)
    rank = np.arange(300) // 3 * 1.0
    rank[7] = np.nan
    by_rank = lambda dot, norm_q, norm_x, q_idx, x_idx: -rank[x_idx]     # noqa: E731
    scores, rows = fastla.knn(q, x, 8, metric=by_rank)
    assert (rows == [0, 1, 2, 3, 4, 5, 6, 8]).all(), "ties go to the lower index"
    np.testing.assert_array_equal(scores, np.broadcast_to(-rank[rows[0]], (m, 8)))
    scores, rows = fastla.knn(q, x, 300, metric=by_rank)
    assert (rows[:, -1] == 7).all() and np.isnan(scores[:, -1]).all(), "NaN comes last"
    allowed = np.random.default_rng(2).random(300) < 0.2
    for mask in (allowed, np.broadcast_to(allowed, (m, 300))):
        _, rows = fastla.knn(q, x, 5, metric=by_rank, mask=mask, exclude=np.full(m, np.flatnonzero(allowed)[0]))
        left = [i for i in np.flatnonzero(allowed)[1:] if i != 7]
        assert (rows == left[:5]).all()


def test_norms_and_single_query(target):
    q, x = _data(1, 40, 6, np.float32)
    x[3] = 0
    scores, rows = fastla.knn(q[0], x, 40, metric=lambda dot, norm_q, norm_x, q_idx, x_idx: norm_q * norm_x)
    expected = np.linalg.norm(q[0].astype(float)) * np.linalg.norm(x.astype(float), axis=1)
    np.testing.assert_allclose(scores, -np.sort(-expected), 1e-5)
    assert rows.shape == (40,) and rows[-1] == 3


def test_errors(target):
    q, x = _data(20, 50, 4, np.float32)
    short = np.zeros(49)
    with pytest.raises(IndexError):
        fastla.knn(q, x, metric=lambda dot, norm_q, norm_x, q_idx, x_idx: dot + short[x_idx])
    with pytest.raises(TypeError, match="metric"):
        fastla.knn(q, x, metric=lambda dot: dot)
    with pytest.raises(ValueError, match="metric"):
        fastla.knn(q, x, metric="manhattan")
