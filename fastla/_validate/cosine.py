"""What cosine similarities work on."""

from typing import Any, NamedTuple

import numpy as np

from fastla._validate.common import output, score_dtype


class Cosine(NamedTuple):
    """What a cosine similarity works in, and the output."""

    dtype: np.dtype
    out: np.ndarray | None


def cosine(a: np.ndarray, b: np.ndarray, out: Any) -> Cosine:
    """Rows (..., n, d) or (d,), and (..., m, d) or (d,)."""
    name = "cosine_similarity"
    if 0 in (a.ndim, b.ndim) or a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"{name}: x has shape {a.shape} and y has shape {b.shape}, expected (..., n, d) and (..., m, d)"
        )
    try:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(
            f"{name}: the leading dimensions {a.shape[:-2]} of x and {b.shape[:-2]} of y cannot be broadcast together"
        ) from None
    dtype = score_dtype(a, b)
    return Cosine(dtype, output(name, out, stack + a.shape[-2:-1] + b.shape[-2:-1], dtype))


def paired(name: str, x: np.ndarray, y: np.ndarray) -> tuple[int, ...]:
    """The shape of what pairs of vectors give, the last axes of x and y."""
    if 0 in (x.ndim, y.ndim) or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"{name}: x has shape {x.shape} and y has shape {y.shape}, expected (..., d) both")
    try:
        return np.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    except ValueError:
        raise ValueError(f"{name}: shapes {x.shape} of x and {y.shape} of y cannot be broadcast together") from None
