"""Layers as random calls, beside the lines that a NumPy user writes."""

from __future__ import annotations

import numpy as np

from benchmarks.sweep.functions import FLOATS, Drawn, array, stack_and_sizes


def _silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


# What NumPy makes of each activation in a line.
ACTIVATIONS = {None: lambda x: x, "relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "silu": _silu}


def linear(rng: np.random.Generator) -> Drawn:
    """Draw a linear layer, with a bias or without."""
    stack, m, n, k = stack_and_sizes(rng)
    dtype, activation = str(rng.choice(FLOATS)), list(ACTIVATIONS)[rng.integers(len(ACTIVATIONS))]
    (x, text), (w, more) = array(rng, (*stack, m, k), dtype), array(rng, (n, k), dtype)
    bias = rng.standard_normal(n).astype(dtype)
    return Drawn(f"{text}, {more}, {activation}, {dtype}", lambda: ACTIVATIONS[activation](x @ w.T + bias),
                 lambda fastla: lambda: fastla.linear(x, w, bias, activation=activation))


def gated_linear(rng: np.random.Generator) -> Drawn:
    """Draw a SwiGLU layer."""
    stack, m, n, k = stack_and_sizes(rng)
    dtype = str(rng.choice(FLOATS))
    (x, text), (gate, more), (up, _) = (array(rng, shape, dtype) for shape in ((*stack, m, k), (n, k), (n, k)))
    return Drawn(f"{text}, {more}, {dtype}", lambda: _silu(x @ gate.T) * (x @ up.T),
                 lambda fastla: lambda: fastla.gated_linear(x, gate, up))


def _layer_norm(x: np.ndarray) -> np.ndarray:
    centered = x - x.mean(-1, keepdims=True)
    return centered / np.sqrt((centered * centered).mean(-1, keepdims=True) + x.dtype.type(1e-5))


def _rms_norm(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + x.dtype.type(1e-5))


LINES = {"layer_norm": _layer_norm, "rms_norm": _rms_norm}


def norm(name: str, rng: np.random.Generator) -> Drawn:
    """Draw rows for one of LINES."""
    stack, m, n, _ = stack_and_sizes(rng)
    dtype = str(rng.choice(FLOATS))
    x, text = array(rng, (*stack, m, n + 1), dtype)
    return Drawn(f"{text}, {dtype}", lambda: LINES[name](x), lambda fastla: lambda: getattr(fastla, name)(x, eps=1e-5))
