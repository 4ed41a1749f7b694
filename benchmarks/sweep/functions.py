"""The public functions as random calls: shapes, stacks, layouts, types and axes, beside a NumPy user's lines.

A function here draws the calls of one of fastla's; api.py has the table of them, to which a new one adds a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

ELEMENTS = 3e6              # of an operand, about
LARGEST = 4096              # dimension of a matrix
LAYOUTS = ("C", "C", "C", "Fortran", "every other column", "rows reversed", "padded rows")
FLOATS = ("float32", "float32", "float64")
ROUNDING = {"float32": 3e-4, "float64": 1e-9}
PRODUCTS = (*FLOATS, *FLOATS, "int32")


class Drawn(NamedTuple):
    """A random call.

    Attributes
    ----------
    label : str
        Its operands.
    theirs : () -> result
        NumPy's lines.
    ours : fastla -> () -> result
        The call, prepared.
    values : result -> array
        What is compared.
    tolerance : float, or None
        Of the largest of these, or of 1 where they are smaller; None: as their type rounds.
    """

    label: str
    theirs: Callable[[], Any]
    ours: Callable[[ModuleType], Callable[[], Any]]
    values: Callable[[Any], np.ndarray] = np.asarray
    tolerance: float | None = None

    def error(self, result: Any) -> float:
        """Return how far a result is from NumPy's, in units of the tolerance."""
        found, wanted = self.values(result), self.values(self.theirs())
        if found.shape != wanted.shape:
            return math.inf
        if wanted.dtype.kind == "i" and self.tolerance is None:
            return 0.0 if np.array_equal(found, wanted) else math.inf
        tolerance = self.tolerance or ROUNDING[wanted.dtype.name]
        found, wanted = found.astype(np.float64), wanted.astype(np.float64)
        missing = np.isnan(found)
        if not np.array_equal(missing, np.isnan(wanted)):
            return math.inf
        differences = np.abs(found - wanted)[~missing]
        largest = np.max(np.abs(wanted[~missing]), initial=1)
        return float(np.max(differences, initial=0) / (tolerance * largest))


def size(rng: np.random.Generator, low: int, high: float) -> int:
    """Return a log-uniform whole number."""
    return int(np.exp(rng.uniform(np.log(low), np.log(max(low, int(high)) + 1))))


def stack_and_sizes(rng: np.random.Generator) -> tuple[tuple[int, ...], int, int, int]:
    """Return the dimensions of a stack, none in half the calls, and three sizes of what is stacked."""
    stack = tuple(size(rng, 1, 300) for _ in range(rng.choice([0, 0, 1, 2])))
    most = min(LARGEST, math.sqrt(ELEMENTS / math.prod(stack)))
    return stack, *(size(rng, 1, most) for _ in range(3))


def array(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> tuple[np.ndarray, str]:
    """Return numbers in a random layout of the last two axes, and what it is."""
    x = rng.integers(-1000, 1000, shape) if dtype == "int32" else rng.standard_normal(shape)
    x = x.astype(dtype)
    layout = str(rng.choice(LAYOUTS)) if x.ndim > 1 else "C"
    if layout == "Fortran":
        x = np.ascontiguousarray(x.swapaxes(-1, -2)).swapaxes(-1, -2)
    elif layout == "every other column":
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    elif layout == "rows reversed":
        x = np.ascontiguousarray(x[..., ::-1, :])[..., ::-1, :]
    elif layout == "padded rows":
        x = np.concatenate([x, np.zeros((*x.shape[:-1], 7), dtype)], axis=-1)[..., :-7]
    return x, f"{shape}{'' if layout == 'C' else ' ' + layout}"


def _call(name: str, *arguments: Any, **keywords: Any) -> Callable[[ModuleType], Callable[[], Any]]:
    return lambda fastla: partial(getattr(fastla, name), *arguments, **keywords)


def _unit(x: np.ndarray, axis: int = -1) -> np.ndarray:
    return x / np.linalg.norm(x, axis=axis, keepdims=True)


def product(name: str, shapes: Callable[[int, int, int], tuple[tuple[int, ...], tuple[int, ...]]],
            rng: np.random.Generator) -> Drawn:
    """Draw a product of NumPy's: stacks broadcast, in a third of the calls."""
    dtype = str(rng.choice(PRODUCTS))
    stack, m, n, k = stack_and_sizes(rng)
    stack_a = stack if rng.random() < 0.7 else stack[1:]
    stack_b = stack if rng.random() < 0.7 else (1,) * len(stack)
    (a, text_a), (b, text_b) = (array(rng, (*lead, *core), dtype)
                                for lead, core in zip((stack_a, stack_b), shapes(m, n, k), strict=True))
    return Drawn(f"{text_a}, {text_b}, {dtype}", partial(getattr(np, name), a, b), _call(name, a, b))


def dot(rng: np.random.Generator) -> Drawn:
    """Draw numpy.dot, of which a stack is multiplied with each matrix of another."""
    dtype = str(rng.choice(PRODUCTS))
    m, n, k = (size(rng, 1, 300) for _ in range(3))
    a, text_a = array(rng, ((m,) if rng.random() < 0.2 else ()) + (n, k), dtype)
    b, text_b = array(rng, [(k,), (k, m), (3, k, m)][rng.integers(3)], dtype)
    return Drawn(f"{text_a}, {text_b}, {dtype}", partial(np.dot, a, b), _call("dot", a, b))


def vector_norm(rng: np.random.Generator) -> Drawn:
    """Draw norms along any axis."""
    dtype = str(rng.choice(FLOATS))
    stack, m, _, k = stack_and_sizes(rng)
    x, text = array(rng, (*stack, m, k), dtype)
    axis, order = int(rng.integers(-x.ndim, x.ndim)), float(rng.choice([2, 2, 2, 1, np.inf, 3]))
    return Drawn(f"{text}, axis={axis}, ord={order:g}, {dtype}",
                 lambda: np.linalg.vector_norm(x, axis=axis, ord=order), _call("vector_norm", x, axis=axis, ord=order))


def normalize(rng: np.random.Generator) -> Drawn:
    """Draw vectors to be normalized, along any axis."""
    dtype = str(rng.choice(FLOATS))
    stack, m, _, k = stack_and_sizes(rng)
    x, text = array(rng, (*stack, m, k), dtype)
    axis = int(rng.integers(-x.ndim, x.ndim))
    return Drawn(f"{text}, axis={axis}, {dtype}", lambda: _unit(x, axis), _call("normalize", x, axis=axis))


def cosine_similarity(rng: np.random.Generator) -> Drawn:
    """Draw stacks of rows to be compared, in a quarter of the calls with themselves."""
    dtype = str(rng.choice(FLOATS))
    stack, m, n, k = stack_and_sizes(rng)
    x, text_x = array(rng, (*stack, m, k), dtype)
    if rng.random() < 0.25:
        return Drawn(f"{text_x}, {dtype}", lambda: _unit(x) @ _unit(x).swapaxes(-1, -2), _call("cosine_similarity", x))
    y, text_y = array(rng, (*stack, n, k), dtype)
    return Drawn(f"{text_x}, {text_y}, {dtype}", lambda: _unit(x) @ _unit(y).swapaxes(-1, -2),
                 _call("cosine_similarity", x, y))


def paired_cosine_similarity(rng: np.random.Generator) -> Drawn:
    """Draw pairs of rows."""
    dtype = str(rng.choice(FLOATS))
    stack, m, _, k = stack_and_sizes(rng)
    (x, text_x), (y, text_y) = (array(rng, (*stack, m, k), dtype) for _ in range(2))
    return Drawn(f"{text_x}, {text_y}, {dtype}", lambda: np.vecdot(x, y) / np.sqrt(np.vecdot(x, x) * np.vecdot(y, y)),
                 _call("paired_cosine_similarity", x, y))


# Products of NumPy's, by the shapes of their operands without the stack.
SHAPES = {
    "matmul": lambda m, n, k: ((m, k), (k, n)),
    "vecdot": lambda m, n, k: ((m, k), (m, k)),
    "matvec": lambda m, n, k: ((m, k), (k,)),
    "vecmat": lambda m, n, k: ((k,), (k, n)),
}
