"""Nothing outside the arrays is touched: they begin and end at pages that may not be; what lies between is poison."""

import itertools

import numpy as np
import pytest
from attend import check_close, dtype_of, normal
from guard import Guarded
from reference import attention as formula

import fastla

SIZES = [(1, 1, 1, 1), (1, 5, 3, 2), (3, 20, 17, 33), (2, 129, 17, 33), (7, 64, 64, 64), (9, 130, 5, 31),
         (33, 70, 24, 8), (50, 257, 16, 48)]


def fenced(x: np.ndarray, at_end: bool) -> np.ndarray:
    """A copy of x that ends, or begins, at such a page."""
    region = Guarded(max(x.nbytes, 1))
    y = np.ndarray(x.shape, x.dtype, region.memory, 4096 + (region.size - x.nbytes if at_end else 0))
    y[...] = x
    return y


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("at_end", [True, False])
def test_guard_pages(target: str, dtype: str, at_end: bool) -> None:
    for (sq, skv, d, dv), causal in itertools.product(SIZES, (False, True)):
        q, k, v = (normal(i, *shape, dtype=dtype) for i, shape in enumerate([(2, sq, d), (1, skv, d), (1, skv, dv)]))
        mask = np.random.default_rng(3).standard_normal((2, sq, skv)).astype(np.float32)
        out = fenced(np.full((2, sq, dv), np.nan, dtype_of(dtype)), at_end)
        keywords = {"is_causal": causal, "q_offset": "end"}
        fenced_mask = fenced(mask, at_end)
        fastla.attention(fenced(q, at_end), fenced(k, at_end), fenced(v, at_end), fenced_mask, out=out, **keywords)
        check_close(out, formula(q, k, v, mask, **keywords)[0], out.dtype)
        fastla.attention(fenced(q, at_end), fenced(k, at_end), fenced(v, at_end), fenced(mask > 0, at_end), out=out,
                         **keywords)
        check_close(out, formula(q, k, v, mask > 0, **keywords)[0], out.dtype)


def test_poison_around_the_arrays(target: str) -> None:
    """NaN beside every row, before and after every array; nothing but the result is written."""
    for sq, skv, d, dv in SIZES:
        arrays = []
        for i, shape in enumerate([(2, sq, d), (2, skv, d), (2, skv, dv)]):
            base = np.full((4, shape[1] + 2, shape[2] + 3), np.nan, np.float32)
            base[1:3, 1:-1, 1:-2] = normal(i, *shape)
            arrays.append(base[1:3, 1:-1, 1:-2])
        base = np.full((4, sq + 2, dv + 3), np.nan, np.float32)
        out = base[1:3, 1:-1, 1:-2]
        fastla.attention(*arrays, out=out)
        check_close(out, formula(*arrays)[0], out.dtype)
        assert np.isnan(base).sum() == base.size - out.size
