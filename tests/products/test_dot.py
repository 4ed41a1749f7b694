"""What dot does otherwise than the rest of the family; its values are in test_family.py."""

import functools

import numpy as np
import pytest
from operands import integers

import fastla


def test_dot_takes_exactly_the_out_that_numpy_takes(target: str) -> None:
    of_seven = functools.partial(np.full, fill_value=7.0)
    for a_shape, b_shape, outs in (
        ((3, 4), (4, 5), [of_seven((5, 3)).T, of_seven((3, 10))[:, ::2], of_seven((6, 5))[::2], of_seven((3, 6))[:, :5],
                          of_seven((3, 5))[::-1], of_seven((2, 3, 5)), of_seven((1, 3, 5)),
                          of_seven((3, 5), dtype="f4"), of_seven((3, 5), dtype=complex)]),
        ((3, 4), (2, 4, 5), [of_seven((3, 10)), of_seven((3, 5, 2)).swapaxes(1, 2), of_seven((1, 3, 2, 5))]),
        ((4,), (4,), [of_seven(1), of_seven((1, 1))]),
    ):
        a, b = integers(1, *a_shape).copy(), integers(2, *b_shape).copy()
        for out in outs:
            for function in (np.dot, fastla.dot):
                with pytest.raises(ValueError):
                    function(a, b, out)
                assert (out == 7).all()


def test_dot_into_an_operand(target: str) -> None:
    for pair in (((9, 9), (9, 9)), ((1, 9, 9), (9, 9))):
        a, b = integers(1, *pair[0]).copy(), integers(2, *pair[1]).copy()
        expected = np.dot(a, b)
        assert fastla.dot(a, b, a) is a
        np.testing.assert_array_equal(a, expected)


def test_dot_takes_its_operands_by_name() -> None:
    a, b = integers(1, 3, 4), integers(2, 4, 5)
    for result in (fastla.dot(a, b=b), fastla.dot(b=b, a=a), fastla.dot(a=a, b=b, out=np.empty((3, 5)))):
        np.testing.assert_array_equal(result, np.dot(a, b))
