"""What is wrong raises what NumPy raises, says where, and leaves out alone."""

import re

import numpy as np
import pytest
from operands import DTYPES, integers

import fastla

BAD_SHAPES = [
    ((3, 4), (3, 4)), ((3, 4), (5,)), ((3,), (4,)), ((3,), (4, 3)), ((3, 4), (5, 0)), ((3, 0), (1, 3)),
    ((1, 3), (1, 3)), ((2, 3, 4), (3, 4, 5)), ((2, 3, 4), (2, 3, 5)), ((5, 2, 3, 4), (3, 1, 4, 6)),
    ((0, 3, 4), (2, 4, 5)), ((2, 3, 4), (2,)),
    ((), (3,)), ((3,), ()), ((), ()), ((3, 3), ()), ((), (2, 3, 3)),
]


@pytest.mark.parametrize("dtypes", [("f4", "f4"), ("f8", "f8"), ("f4", "f8"), ("f8", "i4"), (">f8", "f8")], ids=str)
def test_shapes_that_do_not_fit(dtypes: tuple[str, str]) -> None:
    for shapes in BAD_SHAPES:
        a, b = (np.ones(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True))
        with pytest.raises(ValueError):
            np.matmul(a, b)
        for out in (None, np.full((3, 3), 7, np.result_type(a, b))):
            with pytest.raises(ValueError, match=re.escape(str(shapes[0]))) as caught:
                fastla.matmul(a, b, out=out)
            assert str(shapes[1]) in str(caught.value)
            assert out is None or (out == 7).all()
        with pytest.raises(ValueError, match="matmul"):
            fastla.matmul(a.tolist(), b.tolist())


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="matvec and vecmat came with NumPy 2.2")
@pytest.mark.parametrize("name", ["matmul", "dot", "vecdot", "matvec", "vecmat"])
def test_arguments_that_do_not_fit(name: str) -> None:
    x = np.ones((3, 3))
    function = getattr(fastla, name)
    for arguments, keywords, said in (
        ((), {}, "missing 2"), ((x,), {}, "missing 1"), ((x,), {"out": x}, "missing 1"),
        ((x, x, None, x), {}, "4 were given"), ((x, x), {"nonsense": 1}, "nonsense"),
    ):
        with pytest.raises(TypeError, match=rf"{name}\(\).*{said}"):
            function(*arguments, **keywords)
    assert (x == 1).all()


def read_only(x: np.ndarray) -> np.ndarray:
    """The same array, not to be written."""
    x.flags.writeable = False
    return x


BAD_OUTS = {
    "too few rows": lambda dtype: np.full((2, 5), 7, dtype),
    "transposed": lambda dtype: np.full((5, 3), 7, dtype),
    "one dimension": lambda dtype: np.full(15, 7, dtype),
    "5 only": lambda dtype: np.full(5, 7, dtype),
    "one row": lambda dtype: np.full((1, 5), 7, dtype),
    "no dimension": lambda dtype: np.full((), 7, dtype),
    "read-only": lambda dtype: read_only(np.full((3, 5), 7, dtype)),
    "read-only and by columns": lambda dtype: read_only(np.full((5, 3), 7, dtype).T),
    "broadcast": lambda dtype: np.broadcast_to(np.full(5, 7, dtype), (3, 5)),
    "integers": lambda dtype: np.full((3, 5), 7, "i8"),
    "half": lambda dtype: np.full((3, 5), 7, "i2"),
    "boolean": lambda dtype: np.full((3, 5), True),
    "list": lambda dtype: [[7] * 5] * 3,
    "number": lambda dtype: 7.0,
    "string": lambda dtype: "out",
    "two": lambda dtype: (np.full((3, 5), 7, dtype), np.full((3, 5), 7, dtype)),
    "empty tuple": lambda dtype: (),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BAD_OUTS)
def test_wrong_out(dtype: type, name: str) -> None:
    a, b = integers(1, 3, 4).astype(dtype), integers(2, 4, 5).astype(dtype)
    for left, right in ((a, b), (a.tolist(), b), (np.stack([a, a]), b)):
        out = BAD_OUTS[name](dtype)
        before = repr(out)
        with pytest.raises((ValueError, TypeError)) as numpys:
            np.matmul(left, right, out=out)
        with pytest.raises(ValueError if isinstance(numpys.value, ValueError) else TypeError) as ours:
            fastla.matmul(left, right, out=out)
        assert repr(out) == before
        # An out of another dtype is for NumPy to judge.
        expected = np.result_type(np.array(left), right)
        if ours.type is ValueError and isinstance(out, np.ndarray) and out.dtype == expected:
            assert str(out.shape) in str(ours.value)


def test_a_stack_does_not_shrink_into_out() -> None:
    a, b = np.ones((2, 3, 4)), np.ones((4, 5))
    for shape in ((3, 5), (1, 3, 5), (3, 3, 5), (2, 1, 3, 5)):
        out = np.full(shape, 7.0)
        with pytest.raises(ValueError, match=re.escape(str(shape))):
            fastla.matmul(a, b, out=out)
        assert (out == 7).all()


def test_leading_dimensions_of_length_1_may_be_left_out_of_out() -> None:
    a, b = integers(1, 1, 1, 3, 4), integers(2, 4, 5)
    for shape in ((3, 5), (1, 3, 5), (1, 1, 3, 5), (2, 1, 3, 5)):
        out = np.full(shape, 7.0)
        assert fastla.matmul(a, b, out=out) is out
        np.testing.assert_array_equal(out, np.matmul(a, b, out=np.empty(shape)))
    out = np.full((), 7.0)
    fastla.vecdot(a[:, :, 0], b[:, 0], out=out)
    assert out == np.vecdot(a[0, 0, 0], b[:, 0])


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="matvec and vecmat came with NumPy 2.2")
def test_more_dimensions_than_numpy_broadcasts() -> None:
    x = np.ones((1,) * 40 + (2, 2))
    for one, other in ((x, x), (x.astype("i4"), x)):
        for name in ("matmul", "vecdot", "matvec", "vecmat"):
            y = other[..., 0] if name == "matvec" else other
            z = one[..., 0] if name == "vecmat" else one
            np.testing.assert_array_equal(getattr(fastla, name)(z, y), getattr(np, name)(z, y))
    with pytest.raises(ValueError):
        fastla.matmul(x, np.ones((1,) * 40 + (3, 2)))


def test_what_numpy_refuses() -> None:
    one = np.ones((1, 1))
    for foreign in ([["x"]], np.array([["a"]]), {}, None, np.array(["2020"], "M8[D]"), [[1], [1, 2]]):
        for arguments in ((foreign, one), (one, foreign)):
            with pytest.raises((TypeError, ValueError)) as numpys:
                np.matmul(*arguments)
            with pytest.raises((TypeError, ValueError)) as ours:
                fastla.matmul(*arguments)
            assert issubclass(ours.type, ValueError) == issubclass(numpys.type, ValueError)
    for call in (lambda f: f(), lambda f: f(np.ones(2)), lambda f: f(np.ones(2), np.ones(2), unknown=1),
                 lambda f: f(x1=np.ones(2), x2=np.ones(2)), lambda f: f(np.ones(2), np.ones(2), None, out=None)):
        for function in (np.matmul, fastla.matmul):
            with pytest.raises(TypeError):
                call(function)


def test_dtypes_without_a_number() -> None:
    """Those of NumPy's new interface have -1, which is no place in a table."""
    make = getattr(getattr(np._core, "_multiarray_umath", None), "_get_sfloat_dtype", None)
    if make is None:
        pytest.skip("this NumPy has no such dtype")
    x = np.ones((2, 2)).view(make()(1.0))
    assert x.dtype.num < 0
    for function in (np.matmul, fastla.matmul):
        with pytest.raises(TypeError, match="matmul"):
            function(x, x)
