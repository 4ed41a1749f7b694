"""power_iteration: converged is said only where the residual is small."""

import numpy as np
import pytest
from eigenproblems import hidden

import fastla


def residual(a, r) -> float:
    return np.linalg.norm(a @ r.vector - r.value * r.vector)


def test_dominant_pairs(target):
    for values in ([3, 2, 1], [-3, 2, 1, 0.5], np.r_[1, np.linspace(0.9, 0, 400)]):
        a = hidden(values)
        r = fastla.power_iteration(a)
        assert r.converged and 0 < r.iterations <= 1000
        np.testing.assert_allclose(r.value, values[0], atol=1e-9)
        assert residual(a, r) <= 2e-10 * abs(values[0])
        assert r.vector[np.argmax(np.abs(r.vector))] > 0


def test_general_and_complex_matrices():
    rng = np.random.default_rng(0)
    a = np.abs(rng.standard_normal((50, 50)))
    r = fastla.power_iteration(a)
    assert r.converged and residual(a, r) < 1e-9 * np.linalg.norm(a, 2)
    np.testing.assert_allclose(r.value, np.abs(np.linalg.eigvals(a)).max(), rtol=1e-9)
    h = hidden([4, 2, 1, -1], np.complex128)
    r = fastla.power_iteration(h)
    assert r.converged and abs(r.value - 4) < 1e-9


def test_ties_and_complex_pairs_do_not_converge():
    path = np.eye(3, k=1) + np.eye(3, k=-1)
    assert not fastla.power_iteration(path).converged
    shifted = fastla.power_iteration(path, shift=-1.0)
    assert shifted.converged and abs(shifted.value - np.sqrt(2)) < 1e-8
    rotation = np.zeros((4, 4))
    rotation[:2, :2] = [[0.6, -0.8], [0.8, 0.6]]
    r = fastla.power_iteration(rotation, maxiter=300)
    assert not r.converged and r.iterations == 300 and np.isfinite(r.vector).all()


def test_zero_nilpotent_and_extreme_matrices():
    zero = fastla.power_iteration(np.zeros((4, 4)))
    assert zero.value == 0 and zero.converged
    nilpotent = fastla.power_iteration(np.eye(4, k=1))
    assert np.isfinite(nilpotent.vector).all() and abs(nilpotent.value) < 1e-6
    for scale in (1e-200, 1e200):
        r = fastla.power_iteration(hidden([3, 1, 0.5]) * scale)
        assert r.converged
        np.testing.assert_allclose(r.value, 3 * scale, rtol=1e-8)


def test_a_start_orthogonal_to_the_answer():
    a = np.diag([2.0, 1, 0.5])
    r = fastla.power_iteration(a, v0=[0, 1, 0])
    assert r.converged
    np.testing.assert_allclose(r.value, 2, atol=1e-9)
    exact = fastla.power_iteration(a, v0=[1, 0, 0])
    assert exact.converged and exact.iterations < fastla.power_iteration(a).iterations


def test_operators_float32_and_budget():
    a = fastla.linear_operator((100, 100), lambda x: np.linspace(0, 1, 100) ** 9 * x)
    r = fastla.power_iteration(a)
    assert r.converged and abs(r.value - 1) < 1e-9
    assert fastla.power_iteration(hidden([3, 1, 1], np.float32)).vector.dtype == np.float32
    short = fastla.power_iteration(hidden(np.linspace(1, 0.99, 50)), maxiter=3)
    assert not short.converged and short.iterations == 3


def test_errors():
    for call, words in (
        (lambda: fastla.power_iteration(np.ones((2, 3))), "a has shape"),
        (lambda: fastla.power_iteration(np.full((2, 2), np.nan)), "NaN"),
        (lambda: fastla.power_iteration(np.eye(2), tol=np.inf), "tol"),
        (lambda: fastla.power_iteration(np.eye(2), shift=np.nan), "shift"),
        (lambda: fastla.power_iteration(np.empty((0, 0))), "side"),
        (lambda: fastla.power_iteration(np.eye(2), maxiter=0), "maxiter"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
