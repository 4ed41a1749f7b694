"""What the tests of attention share: operands, and fastla's answer against the formula."""

from typing import Any

import numpy as np
import reference

import fastla

TOLERANCE = {"float64": 1e-13, "float32": 1e-5, "float16": 2e-3, "bfloat16": 1.2e-2}


def dtype_of(name: str) -> np.dtype:
    """A dtype by name; bfloat16 is ml_dtypes'."""
    if name == "bfloat16":
        import ml_dtypes
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def normal(seed: int, *shape: int, dtype: Any = "float32") -> np.ndarray:
    """Normally distributed numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype_of(dtype) if isinstance(dtype,
            str) else dtype)


def operands(b: int = 1, h: int = 1, hk: int | None = None, sq: int = 1, skv: int = 1, d: int = 8,
             dv: int | None = None,
             dtype: Any = "float32", seed: int = 0) -> list[np.ndarray]:
    """Query, key and value."""
    hk, dv = hk or h, d if dv is None else dv
    shapes = (b, h, sq, d), (b, hk, skv, d), (b, hk, skv, dv)
    return [normal(seed + i, *shape, dtype=dtype) for i, shape in enumerate(shapes)]


def check_close(got: np.ndarray, want: np.ndarray, dtype: np.dtype, what: object = "") -> None:
    """Within the tolerance of a dtype, relative to the largest number; NaN and infinities where they are due."""
    assert got.shape == want.shape, what
    got = np.asarray(got).astype(np.float64)
    largest = max(1.0, np.abs(want[np.isfinite(want)]).max(initial=0))
    np.testing.assert_allclose(got, want, rtol=0, atol=TOLERANCE[dtype.name] * largest, err_msg=str(what))


def check(query: np.ndarray, key: np.ndarray, value: np.ndarray, what: object = "", **keywords: Any) -> np.ndarray:
    """fastla.attention is the formula, its lse too; the result."""
    out, lse = fastla.attention(query, key, value, return_lse=True, **keywords)
    want, want_lse = reference.attention(query, key, value, **keywords)
    assert out.dtype == query.dtype
    assert lse.dtype == (np.float64 if query.dtype == np.float64 else np.float32)
    check_close(out, want, query.dtype, what)
    check_close(lse, want_lse, lse.dtype, what)
    return out


def bits(x: np.ndarray) -> bytes:
    """An array's bits."""
    return np.ascontiguousarray(x).tobytes()
