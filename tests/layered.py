"""Naive float64 layers, and what they are tried on."""

import math
from typing import Any

import numpy as np

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def expit(v: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-v)), without overflow."""
    e = np.exp(-np.abs(v))
    return np.where(v < 0, e, 1) / (1 + e)


ACTIVATIONS = {
    None: lambda v: v,
    "relu": lambda v: np.maximum(v, 0),
    "gelu": lambda v: v / 2 * _erfc(-v / np.sqrt(2)),
    "gelu_tanh": lambda v: v * expit(2 * np.sqrt(2 / np.pi) * (v + 0.044715 * v**3)),
    "silu": lambda v: v * expit(v),
    "sigmoid": expit,
    "tanh": np.tanh,
}
EPSILON = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}


def dtype_of(name: str) -> np.dtype:
    if name == "bfloat16":
        import ml_dtypes
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def normal(seed: int, *shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype_of(dtype))


def wide(x: Any) -> np.ndarray:
    return np.asarray(x).astype(np.float64)


def check_layer(got: np.ndarray, x: Any, w: Any, bias: Any = None, activation: Any = None, residual: Any = None,
                dtype: str = "float32", slack: float = 1.0) -> None:
    """Within the rounding of sums and result; every activation's slope is below 1.2."""
    x, w = wide(x), wide(w)
    added = np.zeros(w.shape[0]) if bias is None else wide(bias)
    expected = ACTIVATIONS[activation](x @ w.T + added)
    bound = (np.abs(x) @ np.abs(w).T + np.abs(added)) * EPSILON["float64" if dtype == "float64" else "float32"]
    if residual is not None:
        expected = expected + wide(residual)
    bound = slack * (16 * bound + 8 * EPSILON[dtype] * (np.abs(expected) + (residual is not None)))
    assert got.dtype == dtype_of(dtype)
    assert got.shape == expected.shape
    assert (np.abs(wide(got) - expected) <= bound + 1e-300).all()
