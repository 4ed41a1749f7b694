"""Layers touch nothing beside their operands: each ends, or begins, at a page that may not be touched."""

import itertools
from typing import Any

import numpy as np
import pytest
from guard import guarded
from layered import check_layer, dtype_of, normal, wide

import fastla
from fastla._weights import PackedWeight

# Rows and outputs of whole and cut tiles and blocks, depths of whole and cut vectors, quads and pieces.
SHAPES = [(1, 1, 1), (1, 47, 5), (2, 49, 67), (5, 48, 64), (9, 97, 259), (17, 13, 31), (33, 50, 3)]
STORED = ["float32", "float64", "float16", "bfloat16", "int8"]
AT_END = pytest.mark.parametrize("at_end", [True, False], ids=["end", "start"])


def beside_pages(x: np.ndarray, at_end: bool) -> np.ndarray:
    """A copy of an array between guard pages."""
    plain = x.view(np.uint16) if x.dtype.name == "bfloat16" else x
    made = guarded(x.shape, plain.dtype.name, at_end)
    made[...] = plain
    return made.view(x.dtype)


def packed_beside_pages(weight: PackedWeight, at_end: bool) -> PackedWeight:
    parts = [None if x is None else beside_pages(x, at_end) for x in (weight.elements, weight.scale, weight.starts)]
    return PackedWeight(parts[0], weight.shape, weight.stored, *parts[1:])


def operands(m: int, n: int, k: int, dtype: str, at_end: bool) -> tuple[np.ndarray, ...]:
    """x, two weights, a bias, a residual, and a place for the result that holds NaN."""
    shapes = [(m, k), (n, k), (n, k), (n,), (m, n)]
    made = [beside_pages(normal(seed, *shape, dtype=dtype), at_end) for seed, shape in enumerate(shapes)]
    return *made, beside_pages(np.full((m, n), np.nan, dtype_of(dtype)), at_end)


@AT_END
@pytest.mark.parametrize("dtype", STORED[:4])
def test_layers_of_arrays(target, dtype, at_end):
    for m, n, k in SHAPES:
        x, gate, up, bias, residual, out = operands(m, n, k, dtype, at_end)
        assert fastla.linear(x, gate, bias, activation="relu", residual=residual, out=out) is out
        check_layer(out, x, gate, bias, "relu", residual, dtype)
        assert np.isfinite(wide(fastla.gated_linear(x, gate, up, out=out))).all()
        assert np.isfinite(wide(fastla.linear(x[:, ::-1], gate[::-1, ::-1]))).all()


@AT_END
@pytest.mark.parametrize("stored", STORED)
def test_layers_of_packed_weights(target, stored, at_end):
    for m, n, k in SHAPES:
        dtype = stored if stored == "float64" else "float32"
        x, gate, up, bias, residual, out = operands(m, n, k, dtype, at_end)
        kept: list[Any] = [
            packed_beside_pages(fastla.pack(w) if stored == dtype else fastla.quantize(w, dtype=stored), at_end)
            for w in (gate, up)]
        expected = fastla.linear(x.copy(), kept[0].dequantize(), bias.copy(), residual=residual.copy())
        assert fastla.linear(x, kept[0], bias, residual=residual, out=out) is out
        far = 0.05 * (k + 8) ** 0.5 if stored == "int8" else 1e-4       # int8 quantizes x too
        np.testing.assert_allclose(out, expected, atol=far)
        assert np.isfinite(fastla.gated_linear(x, kept[0], kept[1])).all()


@AT_END
@pytest.mark.parametrize("dtype", STORED[:4])
def test_norms_of_rows(target, dtype, at_end):
    for (m, d), norm in itertools.product([(1, 1), (3, 7), (5, 64), (2, 259)], (fastla.layer_norm, fastla.rms_norm)):
        x, residual = (beside_pages(normal(seed, m, d, dtype=dtype), at_end) for seed in (1, 2))
        weight = beside_pages(normal(3, d, dtype=dtype), at_end)
        out, total = (beside_pages(np.full((m, d), np.nan, dtype_of(dtype)), at_end) for _ in range(2))
        norm(x, weight, residual=residual, out=(out, total))
        np.testing.assert_array_equal(wide(total), wide((x + residual).astype(dtype_of(dtype))))
        np.testing.assert_array_equal(out, norm(total.copy(), weight.copy()))
        assert norm(x, weight, out=x) is x
        assert np.isfinite(wide(x)).all()
