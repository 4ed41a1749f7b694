"""Layers of neural networks, each in one pass: linear and gated linear ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _core
from fastla._core import core
from fastla._jit.functions.user_function import UserFunction, calling
from fastla._validate import layers as _checks
from fastla._weights import PackedWeight

_PLAIN = ("float32", "float64")
_MOST_AXES = 64                         # that NumPy's arrays have


def _in_place(out: np.ndarray | None, *inputs: Any) -> bool:
    """Whether the kernels may write to `out` while they read the rest."""
    return out is not None and not any(isinstance(x, np.ndarray) and np.may_share_memory(out, x) for x in inputs)


def delivered(result: np.ndarray, out: np.ndarray | None) -> np.ndarray:
    """The result in its place: `out`, if there is one."""
    if out is None or result is out:
        return result
    np.copyto(out, result)
    return out


def _run(call: _checks.Layer) -> np.ndarray:
    with calling(call.activation if isinstance(call.activation, UserFunction) else None):
        return _called(call)


def _called(call: _checks.Layer) -> np.ndarray:
    x, out = call.x, call.out
    # A function of the user's may raise in the midst of it: `out` is then as it was.
    direct = not isinstance(call.activation, UserFunction) and \
        _in_place(out, x, call.weight, call.up, call.bias, call.residual)
    packed = any(isinstance(w, core.Weight) for w in (call.weight, call.up))
    if not packed and x.dtype.name in _PLAIN:
        return delivered(_by_products(call, out if direct else None), out)
    # The kernels' rows are those of a matrix.
    rows = out if direct and out.flags.c_contiguous else np.empty(call.shape, x.dtype)
    n, d = call.shape[-1], x.shape[-1]
    count = math.prod(call.shape[:-1])
    residual = None if call.residual is None else call.residual.reshape(count, n)
    core.linear_by_blocks(
        _core.search(_checks.computed(x.dtype).name), x.reshape(count, d), call.weight, call.up, call.bias,
        call.activation, residual, rows.reshape(count, n),
    )
    return delivered(rows, out)


def _by_products(call: _checks.Layer, out: np.ndarray | None) -> np.ndarray:
    """Weights that are arrays of a dtype that products have: a product with an epilogue, after another one of `up`."""
    if call.x.ndim == _MOST_AXES:           # the product needs an axis more
        flat = [None if a is None else a.reshape(-1, *a.shape[-1:]) for a in (call.x, call.residual)]
        rows = call._replace(x=flat[0], residual=flat[1], out=None, shape=(len(flat[0]), call.shape[-1]))
        return _by_products(rows, None).reshape(call.shape)
    factor = None if call.up is None else core.linear(call.x, call.up, None, None, None, None, None)
    residual = call.residual
    if residual is not None and residual.strides[-1:] != (residual.itemsize,):
        residual = residual.copy()
    for where in (out, None):               # an `out` that the kernels cannot write is copied to
        result = core.linear(call.x, call.weight, call.bias, call.activation, residual, factor, where)
        if result is not None:
            return result
    raise AssertionError("the kernels refused what was made for them")


@core.entry("linear", "(k),(n,k)->(n)")
def linear(
    x: ArrayLike, weight: ArrayLike | PackedWeight, bias: ArrayLike | None = None, *,
    activation: str | Callable | None = None, residual: ArrayLike | None = None, out: np.ndarray | None = None,
) -> np.ndarray:
    """A linear layer: activation(x @ weight.T + bias) + residual, in one pass.

    Parameters
    ----------
    x : array_like, shape (..., inputs)
    weight : array_like, shape (outputs, inputs), or PackedWeight
        As torch.nn.Linear has it; or what `pack` or `quantize` has made of it.
    bias : array_like, shape (outputs,), optional
    activation : {"relu", "gelu", "gelu_tanh", "silu", "sigmoid", "tanh"} or callable, optional
        gelu is the exact one, by erfc. A function f(y) of a number is compiled by Numba and called on tiles of y that
        are in cache (docs/user_functions.md).
    residual : array_like, broadcastable to the result, optional
    out : ndarray, shape (..., outputs), optional
        Where the result goes, in any layout. It may be, or overlap, the operands.

    Returns
    -------
    ndarray, shape (..., outputs)
        Of the dtype that promotion of x and the weight gives, integers counting as floating-point; 16-bit numbers are
        summed in float32. float32 with int8 weights; with weights that are only stored in 16 bits, x's dtype.

    Raises
    ------
    TypeError, ValueError
        If an operand is not of real numbers, a shape does not fit, or an activation is unknown or cannot be compiled.

    Notes
    -----
    With int8 weights each row of x is quantized by its own largest number: what a row gives does not depend on the
    rest of the batch, and a row with NaN or infinity gives NaN.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> weight = np.array([[1.0, 2.0], [-1.0, 0.0], [0.5, 0.5]])
    >>> fastla.linear(np.array([1.0, 2.0]), weight, bias=np.array([0.0, 0.0, 1.0]), activation="relu")
    array([5. , 0. , 2.5])
    >>> fastla.linear(np.ones((4, 7, 2)), weight).shape
    (4, 7, 3)
    """
    return _run(_checks.layer("linear", x, {"weight": weight}, bias, activation, residual, out))


@core.entry("gated_linear", "(k),(n,k)->(n)")
def gated_linear(
    x: ArrayLike, gate: ArrayLike | PackedWeight, up: ArrayLike | PackedWeight, *,
    activation: str | Callable | None = "silu", out: np.ndarray | None = None,
) -> np.ndarray:
    """A gated linear layer: activation(x @ gate.T) * (x @ up.T); with silu, SwiGLU.

    Parameters
    ----------
    x : array_like, shape (..., inputs)
    gate, up : array_like, shape (outputs, inputs), or PackedWeight
    activation : str, callable or None, default "silu"
        As for `linear`.
    out : ndarray, shape (..., outputs), optional
        It may be, or overlap, the operands.

    Returns
    -------
    ndarray, shape (..., outputs)
        Of a dtype as `linear`'s.

    Raises
    ------
    TypeError, ValueError
        As `linear` does.

    Notes
    -----
    Two arrays of float32 or float64 are two products, the second of which meets the gate. All else is one pass over x.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.gated_linear(np.array([1.0, 2.0]), np.eye(2), np.ones((2, 2)), activation="relu")
    array([3., 6.])
    """
    return _run(_checks.layer("gated_linear", x, {"gate": gate, "up": up}, None, activation, None, out))
