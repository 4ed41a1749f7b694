"""What layers and their norms work on: rows, weights, and what is added to their product."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from fastla._core import core
from fastla._jit.functions.user_function import compiled
from fastla._validate.common import numbers, output, real

FLOATS = ("float16", "bfloat16", "float32", "float64")
NARROW = ("float16", "bfloat16")
ACTIVATIONS: Collection[str] = tuple(core.ACTIVATIONS)


class Layer(NamedTuple):
    """Operands of a layer; x, residual and out of one dtype, bias of the type that is computed in."""

    x: np.ndarray
    weight: Any                 # (n, d): an array of x's dtype, or a core.Weight
    up: Any                     # the same, or None
    bias: np.ndarray | None
    activation: Any             # None, a name, or a compiled function
    residual: np.ndarray | None
    out: np.ndarray | None
    shape: tuple[int, ...]      # of the result


class RowNorm(NamedTuple):
    """Operands of a norm of rows; weight and bias of the type that is computed in, the rest of x's dtype."""

    x: np.ndarray
    residual: np.ndarray | None
    weight: np.ndarray | None
    bias: np.ndarray | None
    eps: float
    out: np.ndarray | None
    out_sum: np.ndarray | None


def computed(dtype: np.dtype) -> np.dtype:
    """What a layer of this dtype is computed in."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def floating(dtype: np.dtype) -> np.dtype:
    """The dtype as a floating-point one: that of NumPy's promotion for integers."""
    return dtype if dtype.name in FLOATS else np.result_type(dtype, np.float16)


def common(*dtypes: np.dtype) -> np.dtype:
    """The dtype that holds numbers of all of these."""
    found = {floating(dtype) for dtype in dtypes}
    if len(found) == 1:
        return found.pop()
    return np.dtype(np.float64 if np.dtype(np.float64) in found else np.float32)


def activation(name: str, value: Any, dtype: np.dtype) -> Any:
    """None, one of the activations that have a name, or a function compiled for the type that is computed in."""
    if value is None:
        return None
    if isinstance(value, str) and value in ACTIVATIONS:
        return str.__str__(value)       # NumPy's strings and enumerations too
    if callable(value):
        return compiled(name, "activation", value, dtype)
    shown = ", ".join(map(repr, ACTIVATIONS))
    raise ValueError(f"{name}: activation must be None, one of {shown}, or a function, not {value!r}")


def weight(name: str, label: str, value: Any) -> Any:
    """A matrix of numbers, or a packed one as it is."""
    if isinstance(value, core.Weight):
        return value
    array = numbers(name, label, value)
    if array.ndim != 2:
        raise ValueError(f"{name}: {label} has shape {array.shape}, expected (outputs, inputs)")
    return array


def _result_dtype(x: np.ndarray, weights: list[Any]) -> np.dtype:
    dtypes = [x.dtype]
    for w in weights:
        if not isinstance(w, core.Weight):
            dtypes.append(w.dtype)
        elif w.stored == "int8":
            return np.dtype(np.float32)
        elif w.stored in NARROW:            # they only store: the result is x's
            dtypes.append(x.dtype if x.dtype.name in NARROW else np.dtype(np.float32))
        else:
            dtypes.append(np.dtype(w.stored))
    return common(*dtypes)


def _usable(w: Any, dtype: np.dtype) -> Any:
    """The weight as the kernels of a result dtype take it: those of float64 have no narrower blocks, nor vice versa."""
    if not isinstance(w, core.Weight):
        return np.require(w, dtype, "A")
    return w if (w.stored == "float64") == (dtype == np.float64) else w.dequantize().astype(dtype)


def _added(name: str, label: str, value: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    """What is added to a result of this shape."""
    if value is None:
        return None
    array = numbers(name, label, value)
    try:
        return np.broadcast_to(np.require(array, dtype, "A"), shape)
    except ValueError:
        raise ValueError(f"{name}: {label} has shape {array.shape}, expected {shape}") from None


def _vector(name: str, label: str, value: Any, n: int, dtype: np.dtype) -> np.ndarray | None:
    """A number a column."""
    if value is None:
        return None
    array = numbers(name, label, value)
    if array.shape != (n,):
        raise ValueError(f"{name}: {label} has shape {array.shape}, expected ({n},)")
    return np.require(array, dtype, "AC")


def _rows(name: str, x: Any, last: str) -> np.ndarray:
    array = numbers(name, "x", x)
    if array.ndim == 0:
        raise ValueError(f"{name}: x has shape (), expected (..., {last})")
    return array


def layer(name: str, x: Any, labelled: dict[str, Any], bias: Any, act: Any, residual: Any, out: Any) -> Layer:
    """What `linear` and `gated_linear` work on; labelled: their one or two weights by argument name."""
    rows = _rows(name, x, "inputs")
    weights = {label: weight(name, label, value) for label, value in labelled.items()}
    for label, w in weights.items():
        if rows.shape[-1] != w.shape[1]:
            raise ValueError(
                f"{name}: x has shape {rows.shape} and {label} has shape {tuple(w.shape)}: "
                f"{rows.shape[-1]} inputs of x would meet {w.shape[1]} of {label}, expected as many"
            )
    first, *others = weights.items()
    for label, w in others:
        if w.shape != first[1].shape:
            raise ValueError(f"{name}: {label} has shape {tuple(w.shape)}, expected {first[0]}'s {first[1].shape}")
    n = first[1].shape[0]
    dtype = _result_dtype(rows, list(weights.values()))
    shape = (*rows.shape[:-1], n)
    usable = [_usable(w, dtype) for w in weights.values()]
    return Layer(
        np.require(rows, dtype, "A"), usable[0], usable[1] if others else None,
        _vector(name, "bias", bias, n, computed(dtype)), activation(name, act, computed(dtype)),
        _added(name, "residual", residual, shape, dtype), output(name, out, shape, dtype), shape,
    )


def row_norm(name: str, x: Any, weight_: Any, bias: Any, eps: Any, residual: Any, out: Any) -> RowNorm:
    """What `layer_norm` and `rms_norm` work on."""
    rows = _rows(name, x, "d")
    dtype, n = floating(rows.dtype), rows.shape[-1]
    least = real(name, "eps", eps)
    if not 0 <= least < np.inf:
        raise ValueError(f"{name}: eps must be finite and not negative, not {eps!r}")
    added = None if residual is None else numbers(name, "residual", residual)
    if added is not None and added.shape != rows.shape:
        raise ValueError(f"{name}: residual has shape {added.shape}, expected x's {rows.shape}")
    total = None
    if isinstance(out, tuple):
        if added is None or len(out) != 2:
            raise ValueError(f"{name}: out is a tuple of {len(out)}, expected an array, or a pair with residual")
        out, total = out
    places = output(name, out, rows.shape, dtype), output(name, total, rows.shape, dtype)
    if places[0] is not None and places[1] is not None and np.may_share_memory(*places):
        raise ValueError(f"{name}: the two arrays of out share memory, expected two apart")
    return RowNorm(
        np.require(rows, dtype, "A"), None if added is None else np.require(added, dtype, "A"),
        _vector(name, "weight", weight_, n, computed(dtype)), _vector(name, "bias", bias, n, computed(dtype)), least,
        *places,
    )
