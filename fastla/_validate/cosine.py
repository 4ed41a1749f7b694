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
        raise ValueError(f"{name}: x has shape {a.shape} and y has shape {b.shape}, expected (..., n, d) and (..., m, d)")
    try:
        stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ValueError(
            f"{name}: the leading dimensions {a.shape[:-2]} of x and {b.shape[:-2]} of y cannot be broadcast together"
        ) from None
    dtype = score_dtype(a, b)
    return Cosine(dtype, output(name, out, stack + a.shape[-2:-1] + b.shape[-2:-1], dtype))
