"""Vectors as Numba values: each operation against NumPy's, lane by lane."""

import ctypes

import numpy as np
import pytest

numba = pytest.importorskip("numba")
from numba import cfunc, types  # noqa: E402

from fastla._jit import vec as vectors  # noqa: E402
from fastla._jit import vmath  # noqa: E402
from fastla._jit.lanes import (  # noqa: E402
    bits_as,
    converted,
    fma,
    lane,
    lowest_bit,
    mask_bits,
    maximum,
    minimum,
    reduce_add,
    reduce_max,
    select,
    splat,
    square_root,
)
from fastla._jit.memory import load, load_part, store, store_part, tile  # noqa: E402

DTYPES = [np.float32, np.float64, np.int32, np.int8]


def run(f, *arrays):
    """f(pointers...) compiled and called with the arrays' addresses."""
    pointers = [types.CPointer(numba.from_dtype(x.dtype)) for x in arrays]
    address = cfunc(types.void(*pointers), error_model="numpy")(f).address
    ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arrays))(address)(*[x.ctypes.data for x in arrays])


def operands(dtype, count=3):
    lanes = vectors.BYTES // np.dtype(dtype).itemsize
    rng = np.random.default_rng(0)
    if np.issubdtype(dtype, np.integer):
        return [rng.integers(-100, 100, lanes).astype(dtype) for _ in range(count)]
    return [rng.standard_normal(lanes).astype(dtype) for _ in range(count)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_operators(dtype):
    x, y, out = *operands(dtype, 2), np.zeros((6, vectors.BYTES // np.dtype(dtype).itemsize), dtype)
    lanes = out.shape[1]

    def f(x, y, out):
        a, b = load(x, 0), load(y, 0)
        store(out, 0, a + b)
        store(out, lanes, a - 3)
        store(out, 2 * lanes, a * b)
        store(out, 3 * lanes, -a)
        store(out, 4 * lanes, select((a < b) | (a > 5), a, b))
        store(out, 5 * lanes, select((a >= b) & (a != 1), 1, b))
    run(f, x, y, out)
    expected = [x + y, x - dtype(3), x * y, -x, np.where((x < y) | (x > 5), x, y),
                np.where((x >= y) & (x != 1), dtype(1), y)]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_beside_vectors_do_not_widen_them(dtype):
    x, out = operands(dtype, 1)[0], np.zeros_like(operands(dtype, 1)[0])

    def f(x, out):
        store(out, 0, (load(x, 0) * 0.1 + 0.3) / 0.7)
    run(f, x, out)
    np.testing.assert_array_equal(out, (x * dtype(0.1) + dtype(0.3)) / dtype(0.7))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lanes(dtype):
    (x, y, z), out = operands(dtype), np.zeros((3, vectors.BYTES // np.dtype(dtype).itemsize), dtype)
    numbers, whole = np.zeros(4, dtype), np.zeros(3, np.int64)
    x[1], integer = np.nan, np.int32(0)
    lanes = out.shape[1]

    def f(x, y, z, out, numbers, whole):
        a, b, c = load(x, 0), load(y, 0), load(z, 0)
        store(out, 0, fma(a, b, c))
        store(out, lanes, maximum(a, b))
        store(out, 2 * lanes, square_root(maximum(minimum(b, 2), 0)))
        numbers[0] = reduce_add(b)
        numbers[1] = reduce_max(b)
        numbers[2] = lane(b, 1)
        numbers[3] = reduce_add(splat(numbers[2]))
        whole[0] = mask_bits(b > c)
        whole[1] = lowest_bit(mask_bits(a != a))
        whole[2] = reduce_add(converted(b * 10, integer))
    run(f, x, y, z, out, numbers, whole)
    np.testing.assert_allclose(out[0], x * y + z, rtol=1e-6)
    np.testing.assert_array_equal(out[1], np.where(x > y, x, y))        # b where one is NaN
    np.testing.assert_array_equal(out[2], np.sqrt(np.clip(y, 0, 2)))
    np.testing.assert_allclose(numbers, [y.sum(), y.max(), y[1], y[1] * len(y)], rtol=1e-6)
    assert whole.tolist() == [sum(1 << i for i in range(len(y)) if y[i] > z[i]), 1, (y * dtype(10)).astype(int).sum()]


def test_integers_wrap_when_narrowed():
    x, out = np.arange(-300, -300 + vectors.BYTES // 2, dtype=np.int16), np.zeros(vectors.BYTES // 2, np.int8)
    narrow = np.int8(0)

    def f(x, out):
        store(out, 0, converted(load(x, 0), narrow))
    run(f, x, out)
    np.testing.assert_array_equal(out, x.astype(np.int8))


@pytest.mark.parametrize("dtype", DTYPES)
def test_partial_loads_and_stores_touch_their_elements_alone(dtype):
    lanes = vectors.BYTES // np.dtype(dtype).itemsize
    x = operands(dtype, 1)[0]
    for n in range(1, lanes + 1):
        count, whole = np.array([n]), np.full(3 * lanes, 77, dtype)

        def f(x, out, count):
            store_part(out, 0, count[0], load(x, 0))
            store(out, count[0], load_part(x, 0, count[0], 7))
        run(f, x, whole, count)
        np.testing.assert_array_equal(whole[:n], x[:n])
        np.testing.assert_array_equal(whole[n:n + lanes], np.where(np.arange(lanes) < n, x, dtype(7)))
        assert (whole[n + lanes:] == 77).all()


def test_tiles_hold_vectors():
    x, out = operands(np.float32, 1)[0], np.zeros((2, 3, vectors.BYTES // 4), np.float32)
    lanes = len(x)

    def f(x, out):
        acc = tile(load(x, 0), 2, 3)
        for i in range(2):
            for j in range(3):
                acc[i, j] = load(x, 0) * (3 * i + j)
        for i in range(2):
            for j in range(3):
                store(out, (3 * i + j) * lanes, acc[i, j])
    run(f, x, out)
    np.testing.assert_array_equal(out, x * np.arange(6, dtype=np.float32).reshape(2, 3, 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["exp", "exp_weight"])
def test_exponentials_are_within_their_bounds(dtype, name):
    function, scale = getattr(vmath, name), 1 if dtype == np.float32 else 7
    lanes = vectors.BYTES // np.dtype(dtype).itemsize
    x = (np.linspace(-110, 0 if name == "exp_weight" else 92, 4096 * lanes) * scale).astype(dtype)
    x[:4] = np.nan, -np.inf, 0, -0.0
    y, n = np.zeros_like(x), x.size

    def f(x, y):
        for i in range(0, n, lanes):
            store(y, i, function(load(x, i)))
    run(f, x, y)
    with np.errstate(all="ignore"):
        expected = np.exp(x.astype(np.longdouble))
        normal = (expected >= np.finfo(dtype).tiny * 2) & (expected <= np.finfo(dtype).max)
        error = np.abs(y - expected)[normal] / np.spacing(expected[normal].astype(dtype))
    assert error.max() <= (1 if vectors.FUSED else 1.5)
    assert np.isnan(y[0]) and y[1] == 0 and y[2] == y[3] == 1
    if name == "exp":
        assert np.isinf(y[expected * 0.999 > np.finfo(dtype).max]).all()
        assert np.abs(y - expected)[expected < np.finfo(dtype).tiny].max() <= np.finfo(dtype).smallest_subnormal * 1.5
    else:
        assert (y[expected < np.finfo(dtype).tiny / 2] == 0).all()


def test_bits_are_kept():
    x, out = operands(np.float32, 1)[0], np.zeros(vectors.BYTES // 4, np.int32)
    integer = np.int32(0)

    def f(x, out):
        store(out, 0, bits_as(load(x, 0), integer))
    run(f, x, out)
    np.testing.assert_array_equal(out, x.view(np.int32))
