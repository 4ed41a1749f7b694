"""exp, log, tanh, erf and erfc of vectors: their errors in units in the last place.

float64 is held against mpmath on samples, float32 against float64's: every 509th of all float32 numbers, or all of
them with FASTLA_SLOW_TESTS=1 (some minutes a target).
"""

import importlib
import os

import mpmath
import numpy as np
import pytest

from fastla._core import core

# (float32, float64): what simd/vmath.h states.
BOUNDS = {"exp": (1.5, 1.5), "log": (1, 1), "tanh": (2, 2), "erf": (2, 2), "erfc": (2, 4)}
STEP = 1 if os.environ.get("FASTLA_SLOW_TESTS") else 509
CHUNK = 1 << 24


def run(target: str, name: str, x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    core.vector_math(importlib.import_module(f"fastla._native.{target}_{x.dtype.name}").kernels, name, x, y)
    return y


def float32_errors(target: str, name: str, x: np.ndarray) -> np.ndarray:
    """In ULP; infinite where NaN or an infinity is out of place."""
    got, exact = run(target, name, x), run(target, name, x.astype(np.float64))
    with np.errstate(all="ignore"):
        right = exact.astype(np.float32)
        place = np.spacing(np.maximum(np.abs(right), np.float32(1e-45))).astype(np.float64)
        errors = np.abs(got - exact) / place
    same = (got == right) | (np.isnan(got) & np.isnan(right))
    return np.where(same, 0, np.where(np.isfinite(errors), errors, np.inf))


@pytest.mark.parametrize("name", BOUNDS)
def test_float32(target: str, name: str) -> None:
    for first in range(0, 1 << 32, CHUNK):
        x = np.arange(first + first // CHUNK * 7 % STEP, first + CHUNK, STEP,
                      dtype=np.uint64).astype(np.uint32).view(np.float32)
        errors = float32_errors(target, name, x)
        assert errors.max() <= BOUNDS[name][0], (x[errors.argmax()], errors.max())


def float64_samples(name: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    n = 20_000 if STEP == 1 else 1000
    tiny = rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-300, 0, n)
    ranges = {"exp": [(-745, 709.7), (-2, 2)], "log": [(0.5, 2), (0.999, 1.001)], "tanh": [(-20, 20), (-1, 1)],
              "erf": [(-7, 7), (-1.2, 1.2)],
              "erfc": [(-6, 27.2), (-1, 2)]}
    parts = [rng.uniform(*bounds, n) for bounds in ranges[name]]
    return np.concatenate([*parts, 10.0 ** rng.uniform(-323, 308, n) if name == "log" else tiny])


@pytest.mark.parametrize("name", BOUNDS)
def test_float64(target: str, name: str) -> None:
    x = float64_samples(name)
    with mpmath.workprec(140):
        for number, got in zip(x, run(target, name, x), strict=True):
            exact = getattr(mpmath, name)(mpmath.mpf(float(number)))
            error = abs(exact - mpmath.mpf(float(got))) / float(np.spacing(max(abs(float(exact)), 5e-324)))
            assert error <= BOUNDS[name][1], (number, float(error))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_numbers(target: str, dtype: str) -> None:
    x = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal],
                 dtype)
    inf, nan = np.inf, np.nan
    want = {
        "exp": [1, 1, np.e, 1 / np.e, inf, 0, nan, inf, 1], "log": [-inf, -inf, 0, nan, inf, nan, nan, np.log(x[7]),
                                                                    np.log(x[8])],
        "tanh": [0, 0, np.tanh(1), -np.tanh(1), 1, -1, nan, 1, x[8]], "erf": [0, 0, 0.8427007929497149,
                -0.8427007929497149, 1, -1, nan, 1, x[8]],
        "erfc": [1, 1, 0.15729920705028513, 1.8427007929497149, 0, 2, nan, 0, 1],
    }
    for name, values in want.items():
        got = run(target, name, x)
        np.testing.assert_allclose(got, np.array(values, dtype), rtol=4 * np.finfo(dtype).eps, atol=0, err_msg=name)
        if name in ("tanh", "erf"):
            assert np.signbit(got[1])
            assert not np.signbit(got[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights(target: str, dtype: str) -> None:
    """exp of what is not positive: where the result is denormal it may be 0, and far below it is."""
    x = -np.concatenate([np.geomspace(1e-10, 700 if dtype == "float64" else 87, 20_000),
                         [0, 1e4, np.inf, 3e38]]).astype(dtype)
    got = run(target, "exp_weight", x)
    np.testing.assert_allclose(got, np.exp(x.astype(np.longdouble)).astype(np.float64),
                               rtol=1.1 * np.finfo(dtype).eps, atol=1e-38)
    assert (got[-3:] == 0).all()
    assert got[-4] == 1
    assert np.isnan(run(target, "exp_weight", np.full(40, np.nan, dtype))).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lengths(target: str, dtype: str) -> None:
    """A number's result does not hang on its place."""
    x = np.linspace(-3, 3, 67).astype(dtype)
    for name in ("exp", "tanh", "erf", "erfc"):
        whole = run(target, name, x)
        for n in range(1, 67):
            assert (run(target, name, x[:n]) == whole[:n]).all()
