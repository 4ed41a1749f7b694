"""out may overlap the operands in any way: the result is as if they had been copied first."""

import itertools

import numpy as np
import pytest
import reference
from operands import DTYPES, integers

import fastla

pytestmark = pytest.mark.parametrize("dtype", DTYPES)
SIZES = [1, 2, 3, 8, 20, 33, 70, 130]


def check(a: np.ndarray, b: np.ndarray, out: np.ndarray, what: str = "") -> None:
    """matmul(a, b, out) against the product of copies."""
    expected = reference.matmul(a.copy(), b.copy())
    assert fastla.matmul(a, b, out=out) is out
    np.testing.assert_array_equal(out, np.broadcast_to(expected, out.shape), err_msg=what)


@pytest.mark.in_turn
@pytest.mark.parametrize("n", SIZES)
def test_out_is_an_operand(target: str, dtype: type, n: int) -> None:
    outs = {
        "itself": lambda x: x,
        "transposed": lambda x: x.T,
        "rows reversed": lambda x: x[::-1],
        "columns reversed": lambda x: x[:, ::-1],
        "turned": lambda x: x[::-1, ::-1].T,
    }
    for name, view in outs.items():
        for layouts in ((False, False), (True, False), (False, True), (True, True)):
            for which in (0, 1):
                pair = [integers(1 + i, n, n).astype(dtype) for i in range(2)]
                pair = [x.T if by_columns else x for x, by_columns in zip(pair, layouts, strict=True)]
                check(*pair, view(pair[which]), f"{name}, operand {which}, {layouts}")
        x = integers(3, n, n).astype(dtype)
        check(x, x, view(x), f"{name}, of both")
        x = integers(3, n, n).astype(dtype)
        check(x, x.T, view(x), f"{name}, of an own transpose")


@pytest.mark.in_turn
@pytest.mark.parametrize("n", SIZES)
def test_out_is_shifted_in_a_common_buffer(target: str, dtype: type, n: int) -> None:
    other = integers(2, n, n).astype(dtype)
    for by in {1, 2, n - 1, n, n + 1, n * n // 2, n * n - 1, n * n}:
        for forwards in (True, False):
            buffer = integers(4, n * n + by).astype(dtype)
            parts = [buffer[: n * n].reshape(n, n), buffer[by:].reshape(n, n)]
            out = parts.pop(forwards)
            saved = buffer.copy()
            check(parts[0], other, out, f"left operand, shifted by {by}")
            buffer[:] = saved
            check(other, parts[0], out, f"right operand, shifted by {by}")
            buffer[:] = saved
            check(parts[0], other, out.T, f"transposed, shifted by {by}")


@pytest.mark.in_turn
@pytest.mark.parametrize("n", SIZES)
def test_out_lies_between_the_elements_of_an_operand(target: str, dtype: type, n: int) -> None:
    other = integers(2, n, n).astype(dtype)
    for axis in (0, 1):
        buffer = integers(5, *(2 * n if i == axis else n for i in range(2))).astype(dtype)
        a, out = (buffer[::2], buffer[1::2]) if axis == 0 else (buffer[:, ::2], buffer[:, 1::2])
        before = a.copy()
        check(a, other, out, f"axis {axis}")
        np.testing.assert_array_equal(a, before)
    halves = integers(6, n, 2 * n).astype(dtype)
    check(halves[:, :n], halves[:, :n], halves[:, n:], "beside it")


VECTOR_OUTS = {
    "the vector": lambda a, x: x,
    "the vector reversed": lambda a, x: x[::-1],
    "a row of the matrix": lambda a, x: a[0],
    "a column": lambda a, x: a[:, a.shape[0] // 2],
    "the diagonal": lambda a, x: np.lib.stride_tricks.as_strided(a, x.shape, (a.strides[0] + a.strides[1],)),
}


@pytest.mark.parametrize("n", SIZES)
def test_vectors(target: str, dtype: type, n: int) -> None:
    for (name, view), transposed, left in itertools.product(VECTOR_OUTS.items(), (False, True), (False, True)):
        x, a = integers(1, n).astype(dtype), integers(2, n, n).astype(dtype)
        a = a.T if transposed else a
        check(*((x, a) if left else (a, x)), view(a, x), f"{name}, {transposed}, {left}")


def test_stacks(target: str, dtype: type) -> None:
    for shape in ((5, 3, 3), (4, 20, 20), (2, 3, 9, 9), (300, 4, 4)):
        for view in (lambda x: x, lambda x: x[::-1], lambda x: x.mT, lambda x: x[..., ::-1, :]):
            for partner in (integers(2, *shape[-2:]).astype(dtype), integers(2, *shape).astype(dtype)):
                a = integers(1, *shape).astype(dtype)
                check(a, partner, view(a))
                a = integers(1, *shape).astype(dtype)
                check(partner, a, view(a))
    buffer = integers(3, 7, 4, 4).astype(dtype)
    check(buffer[:-1], buffer[1:], buffer[1:], "one item on")
    buffer = integers(3, 7, 4, 4).astype(dtype)
    check(buffer[1:], buffer[0], buffer[:-1], "one item back, and the first is the other operand")
    buffer = integers(3, 7, 4, 4).astype(dtype)
    check(buffer[3], buffer[4], buffer, "the result goes everywhere")


def test_empty_k_into_an_operand(target: str, dtype: type) -> None:
    x = integers(1, 3, 3).astype(dtype)
    check(x[:, :0], x[:0], x)
    assert not x.any()
