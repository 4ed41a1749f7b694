"""Activations, number by number, by way of a layer that multiplies by one."""

import numpy as np
import pytest
from layered import ACTIVATIONS

import fastla

NAMES = [name for name in ACTIVATIONS if name]


def applied(name: str, x: np.ndarray) -> np.ndarray:
    return fastla.linear(x[:, None], np.ones((1, 1), x.dtype), activation=name)[:, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_values(target, name, dtype):
    x = np.concatenate([np.linspace(-12, 12, 4097), np.geomspace(1e-12, 1, 200), -np.geomspace(1e-12, 1, 200)])
    x = x.astype(dtype)
    eps = np.finfo(dtype).eps
    expected = ACTIVATIONS[name](x.astype(np.float64))
    # A rounded argument of erfc or exp moves the result by its own size times eps.
    argument = {"gelu": x**2, "gelu_tanh": np.abs(x) ** 3}.get(name, 0 * x).astype(np.float64)
    bound = (8 + 4 * argument) * eps * np.abs(expected) + 1e-37
    assert (np.abs(applied(name, x) - expected) <= bound).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_limits(target, name, dtype):
    low, high = {"sigmoid": (0, 1), "tanh": (-1, 1)}.get(name, (0, np.inf))
    got = applied(name, np.array([-np.inf, np.inf, np.nan, -1e30, 1e30], dtype))
    finite = {"sigmoid": 1, "tanh": 1}.get(name, 1e30)
    np.testing.assert_array_equal(got, np.array([low, high, np.nan, low, finite], dtype))
