"""Packed and quantized weights: what they keep, what layers make of them, on every target."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from layered import ACTIVATIONS, check_layer, dtype_of, normal, wide

import fastla
from fastla import _core

SHAPES = [(1, 1, 1), (1, 47, 5), (3, 48, 49), (2, 97, 300), (9, 33, 1030), (50, 97, 130), (260, 49, 300), (5, 3, 0)]


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_packed(target, dtype, m, n, k):
    x, w, bias, r = (normal(seed, *shape, dtype=dtype) for seed, shape in enumerate([(m, k), (n, k), (n,), (m, n)]))
    packed = fastla.pack(w)
    assert (packed.shape, packed.dtype) == ((n, k), dtype_of(dtype))
    np.testing.assert_array_equal(packed.dequantize(), w.astype(packed.dequantize().dtype))
    for activation in ACTIVATIONS:
        got = fastla.linear(x, packed, bias, activation=activation, residual=r)
        check_layer(got, x, w, bias, activation, r, dtype)
    check_layer(fastla.linear(x[:, None], packed)[:, 0], x, w, dtype=dtype)


@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_stored_in_16_bits(target, stored):
    x, w = normal(1, 5, 130), normal(2, 70, 130)
    kept = fastla.quantize(w, dtype=stored)
    np.testing.assert_array_equal(wide(kept.dequantize()), wide(w.astype(dtype_of(stored))))
    check_layer(fastla.linear(x, kept, activation="gelu"), x, kept.dequantize(), None, "gelu")
    assert fastla.linear(x.astype(np.float16), kept).dtype == np.float16
    assert fastla.linear(x.astype(np.float64), kept).dtype == np.float64


def whole_layer(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """x @ w.T of both quantized, its sums in whole numbers."""
    def quantized(v):
        scale = (np.abs(v).max(1, initial=0).astype(np.float64) / 127)[:, None]
        up = scale.astype(np.float32)
        up = np.where(up < scale, np.nextafter(up, np.float32(np.inf)), up)
        return np.rint(np.divide(v, up, out=np.zeros_like(v), where=up != 0)).astype(np.int64), up.astype(np.float64)
    (a, x_scale), (b, w_scale) = quantized(x), quantized(w)
    return (a @ b.T) * (x_scale * w_scale.T)


@pytest.mark.in_turn
@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_int8_sums_are_exact(target, m, n, k):
    x, w = normal(1, m, k), normal(2, n, k)
    expected = whole_layer(x, w)
    got = fastla.linear(x, fastla.quantize(w))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, rtol=4e-7, atol=1e-30)


@pytest.mark.parametrize("k", [4096, 65536, 65537, 140001])
def test_int8_at_full_scale(target, k):
    x = np.ones((3, k), np.float32)
    x[1] = -1
    w = fastla.quantize(np.tile(np.float32([[1], [-1]]), (1, k)))
    np.testing.assert_allclose(fastla.linear(x, w), [[k, -k], [-k, k], [k, -k]], rtol=1e-6)


def test_int8_rows_stand_alone(target):
    x, w = normal(1, 40, 97), normal(2, 51, 97)
    x[17] *= 1e20
    x[5, 3], x[6, 2], x[7] = np.nan, np.inf, 0
    kept = fastla.quantize(w)
    got = fastla.linear(x, kept, normal(3, 51), activation="gelu")
    for i in range(40):
        np.testing.assert_array_equal(fastla.linear(x[i], kept, normal(3, 51), activation="gelu"), got[i])
    assert np.isnan(got[5:7]).all()
    assert np.isfinite(np.delete(got, [5, 6], 0)).all()
    assert (fastla.linear(x[7], kept) == 0).all()


def test_int8_rows_of_weights_that_are_not_finite(target):
    w = normal(2, 51, 97)
    w[3, 1], w[4, 2], w[5] = np.nan, -np.inf, 0
    got = fastla.linear(normal(1, 4, 97), fastla.quantize(w))
    assert np.isnan(got[:, 3:5]).all()
    assert (got[:, 5] == 0).all()
    assert np.isfinite(np.delete(got, [3, 4], 1)).all()


@pytest.mark.parametrize("scale", [1e-44, 1e-38, 1e37])
def test_int8_numbers_at_the_ends_of_the_range(target, scale):
    x, w = normal(1, 4, 50), normal(2, 5, 50)
    small = (x * scale).astype(np.float32)
    np.testing.assert_allclose(fastla.linear(small, fastla.quantize(w)), whole_layer(small, w), rtol=1e-5, atol=3e-45)
    small = (w * scale).astype(np.float32)
    np.testing.assert_allclose(fastla.linear(x, fastla.quantize(small)), whole_layer(x, small), rtol=1e-5, atol=3e-45)


@pytest.mark.parametrize("kinds", [("int8", "int8"), ("float32", "float32"), ("int8", "bfloat16"), ("", "int8")])
@pytest.mark.parametrize("m", [1, 2, 30])
def test_gated(target, kinds, m):
    x = normal(1, m, 130)
    arrays = [normal(2, 70, 130), normal(3, 70, 130)]
    kept = [{"": np.asarray, "float32": fastla.pack}.get(kind, lambda w, kind=kind: fastla.quantize(w, dtype=kind))(w)
            for kind, w in zip(kinds, arrays, strict=True)]
    g, u = (fastla.linear(x, w).astype(np.float64) for w in kept)
    np.testing.assert_allclose(fastla.gated_linear(x, *kept), ACTIVATIONS["silu"](g) * u, rtol=2e-5, atol=1e-4)


@pytest.mark.parametrize("make", [fastla.pack, fastla.quantize, lambda w: fastla.quantize(w, dtype="bfloat16")])
def test_what_is_kept(target, make):
    w, x = normal(1, 21, 34), normal(2, 3, 34)
    kept = make(w)
    before = fastla.linear(x, kept)
    w *= 2
    restored = pickle.loads(pickle.dumps(kept))
    for name in _core.runnable_targets():
        _core.use_target(name, everywhere=True)
        np.testing.assert_allclose(fastla.linear(x, restored), before, rtol=1e-5, atol=1e-5)
    _core.use_target(target, everywhere=True)
    np.testing.assert_array_equal(fastla.linear(x, restored), before)
    assert restored.nbytes == kept.nbytes == sum(
        part.nbytes for part in (kept.elements, kept.scale, kept.starts) if part is not None)
    assert "(21, 34)" in repr(kept)
    with pytest.raises(ValueError, match=r"33 inputs of x would meet 34"):
        fastla.linear(x[:, :33], kept)
    with pytest.raises(TypeError, match="packed already"):
        make(kept)


def test_bits_do_not_depend_on_threads(target):
    x, w = normal(1, 300, 200), normal(2, 301, 200)
    for kept in (fastla.pack(w), fastla.quantize(w), fastla.quantize(w, dtype="float16")):
        expected = fastla.linear(x, kept, activation="gelu")
        with fastla.num_threads(1):
            np.testing.assert_array_equal(fastla.linear(x, kept, activation="gelu"), expected)


def test_arguments_that_do_not_fit():
    with pytest.raises(ValueError, match="dtype must be one of"):
        fastla.quantize(np.ones((2, 2)), dtype="int4")
    with pytest.raises(ValueError, match="must be one of 'int8'.*not 'float64'"):
        fastla.quantize(np.ones((2, 2)), dtype=np.float64)
    for most, stored in ((1e6, "float16"), (3.4e38, "bfloat16"), (1e39, "bfloat16"), (1e39, "int8")):
        with pytest.raises(ValueError, match=f"weight holds .*, beyond {'float32' if stored == 'int8' else stored}'s"):
            fastla.quantize(np.full((2, 2), most), dtype=stored)
    with pytest.raises(ValueError, match="weight has shape"):
        fastla.pack(np.ones(3))
    kind, (elements, shape, *rest) = fastla.pack(np.ones((3, 4), np.float32)).__reduce__()
    with pytest.raises(ValueError, match="other sizes"):
        kind(elements, (300, 400), *rest)


@pytest.mark.parametrize("shape", [(48, 1), (48, 4), (96, 1), (3, 5), (500, 300), (2000, 1500)])
@pytest.mark.parametrize("make", [fastla.pack, fastla.quantize])
def test_a_packed_weight_is_a_copy_of_its_own(make, shape):
    """Large or small: where weights share a piece of memory they do not meet."""
    w = normal(1, *shape)
    kept = [make(w), make(w + 1), make(w)]
    before = [k.dequantize().copy() for k in kept]
    kept[1].elements[...] = 1
    w[...] = 5
    np.testing.assert_array_equal(kept[0].dequantize(), before[0])
    np.testing.assert_array_equal(kept[2].dequantize(), before[2])
    again = pickle.loads(pickle.dumps(kept[0]))
    kept[0].elements[...] = 1
    np.testing.assert_array_equal(again.dequantize(), before[0])


def test_threads_that_pack_at_once():
    weights = [np.full((100, 300 + i), i, np.float32) for i in range(60)]
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(fastla.pack, weights))
    for packed, weight in zip(kept, weights, strict=True):
        np.testing.assert_array_equal(packed.dequantize(), weight)


def test_a_packed_weight_is_not_an_array():
    kept, x = fastla.pack(np.ones((2, 2))), np.ones((2, 2))
    for call in (lambda: fastla.linear(kept, x), lambda: fastla.linear(x, x, kept), lambda: fastla.matmul(x, kept),
                 lambda: fastla.rms_norm(x, kept), lambda: x @ kept, lambda: np.asarray(kept)):
        with pytest.raises(TypeError, match="pass its dequantize"):
            call()


def test_dtypes_are_names_or_numpys(target):
    w = normal(1, 5, 9)
    for dtype in (np.int8, np.dtype("float16"), dtype_of("bfloat16")):
        assert fastla.quantize(w, dtype=dtype).dtype == dtype


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0)])
@pytest.mark.parametrize("make", [np.asarray, fastla.pack, fastla.quantize])
def test_empty_weights(target, make, shape):
    weight = make(np.zeros(shape, np.float32))
    if make is not np.asarray:
        assert weight.dequantize().shape == shape
        assert weight.dequantize().dtype == np.float32
    bias = np.arange(shape[0], dtype=np.float32)
    for lead in ((), (0,), (3,), (2, 0), (2, 3)):
        x = np.ones((*lead, shape[1]), np.float32)
        np.testing.assert_array_equal(fastla.linear(x, weight, bias), np.broadcast_to(bias, (*lead, shape[0])))
        assert (fastla.gated_linear(x, weight, weight) == np.zeros((*lead, shape[0]))).all()
