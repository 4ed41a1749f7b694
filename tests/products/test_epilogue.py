"""matmul(epilogue=f): each element of the result meets f once, after the whole of k."""

import numpy as np
import pytest

import fastla

pytest.importorskip("numba")


def _place(v, i, j):
    return v * 2.0 + 1000.0 * i + j


def _place_int(v, i, j):
    return v * 2 + 1000 * i + j


def _numbers(shape, dtype, seed=0):
    return np.random.default_rng(seed).integers(-3, 4, shape).astype(dtype)


@pytest.mark.in_turn
@pytest.mark.parametrize("shape", [
    (1, 1, 1), (1, 700, 9), (1, 5, 300), (9, 3, 1), (5, 6, 7), (61, 2300, 83), (300, 200, 7), (4, 9000, 4),
    (130, 70, 600), (3, 0, 4), (200, 9, 200),
])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_every_route(target, shape, dtype):
    m, k, n = shape
    a, b = _numbers((m, k), dtype), _numbers((k, n), dtype, 1)
    f = _place_int if dtype == np.int32 else _place
    expected = (a.astype(np.int64) @ b.astype(np.int64)) * 2 + 1000 * np.arange(m)[:, None] + np.arange(n)
    for x, y in ((a, b), (np.asfortranarray(a), b), (a, np.asfortranarray(b)), (a[::-1, ::-1], b[::-1])):
        wanted = expected if x is not a[::-1, ::-1] and x.strides == a.strides or x.flags.f_contiguous else None
        if wanted is None:
            wanted = (x.astype(np.int64) @ y.astype(np.int64)) * 2 + 1000 * np.arange(m)[:, None] + np.arange(n)
        result = fastla.matmul(x, y, epilogue=f)
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, wanted.astype(dtype))


def test_no_half_is_mirrored(target):
    a = _numbers((70, 30), np.float32)
    expected = (a @ a.T) * 2 + 1000 * np.arange(70)[:, None] + np.arange(70)
    np.testing.assert_array_equal(fastla.matmul(a, a.T, epilogue=_place), expected)


def test_stacks_vectors_and_outputs(target):
    a, b = _numbers((5, 1, 3, 4), np.float64), _numbers((2, 4, 6), np.float64, 1)
    expected = a @ b * 2 + 1000 * np.arange(3)[:, None] + np.arange(6)
    np.testing.assert_array_equal(fastla.matmul(a, b, epilogue=_place), expected)
    out = np.empty((5, 2, 6, 3)).swapaxes(-1, -2)
    assert fastla.matmul(a, b, out, epilogue=_place) is out
    np.testing.assert_array_equal(out, expected)
    shared = a[:, 0] @ b[0] * 2 + 1000 * np.arange(3)[:, None] + np.arange(6)       # b is one matrix
    np.testing.assert_array_equal(fastla.matmul(a[:, 0], b[0], epilogue=_place), shared)
    np.testing.assert_array_equal(fastla.matmul(a[0, 0, 0], b[0], epilogue=_place),
                                  a[0, 0, 0] @ b[0] * 2 + np.arange(6))
    np.testing.assert_array_equal(fastla.matmul(a[0, 0], b[0, :, 0], epilogue=_place),
                                  a[0, 0] @ b[0, :, 0] * 2 + 1000 * np.arange(3))
    assert fastla.matmul(a[0, 0, 0], a[0, 0, 1], epilogue=_place) == a[0, 0, 0] @ a[0, 0, 1] * 2


def test_an_exception_leaves_out_as_it_was(target):
    a = np.ones((90, 90), np.float32)
    out = np.full((90, 90), 7, np.float32)

    def f(v, i, j):
        if i == 80 and j == 70:
            raise ValueError("here")
        return v
    with pytest.raises(ValueError, match="here"):
        fastla.matmul(a, a, out, epilogue=f)
    assert (out == 7).all()


def test_no_warnings_of_the_function(target):
    with np.errstate(all="raise"):
        result = fastla.matmul(np.zeros((5, 5)), np.ones((5, 5)), epilogue=lambda v, i, j: 1.0 / v)
    assert (result == np.inf).all()


def test_what_it_does_not_take():
    a = np.ones((2, 2), np.complex64)
    with pytest.raises(TypeError, match="epilogue"):
        fastla.matmul(a, a, epilogue=_place)
    with pytest.raises(TypeError, match="epilogue"):
        fastla.matmul(a.real, a.real, epilogue=_place, casting="unsafe")
