"""NumPy's semantics: dtypes, array-likes, what is handed over to NumPy."""

from typing import Any

import numpy as np
import pytest
from operands import DTYPES, integers

import fastla

ALL_DTYPES = ["?", "i1", "u1", "i2", "i4", "i8", "u8", "f2", "f4", "f8", ">f4", ">f8", "g", "F", "D", "O"]


def same(ours: Any, numpys: Any) -> None:
    """Equal in value, dtype, shape and type."""
    assert type(ours) is type(numpys)
    assert np.asarray(ours).dtype == np.asarray(numpys).dtype
    assert np.asarray(ours).dtype.isnative == np.asarray(numpys).dtype.isnative
    np.testing.assert_array_equal(ours, numpys, strict=True)


@pytest.mark.parametrize("left", ALL_DTYPES)
def test_every_pair_of_dtypes(left: str) -> None:
    for right in ALL_DTYPES:
        for shapes in (((3, 4), (4, 5)), ((4,), (4,)), ((2, 3, 4), (4,)), ((0, 4), (4, 2)), ((2, 0), (0, 3))):
            a, b = np.abs(integers(1, *shapes[0])).astype(left), np.abs(integers(2, *shapes[1])).astype(right)
            same(fastla.matmul(a, b), np.matmul(a, b))


@pytest.mark.parametrize("dtype", DTYPES)
def test_scalars_and_arrays_as_numpy_returns_them(target: str, dtype: type) -> None:
    x, a = integers(1, 6).astype(dtype), integers(2, 6, 6).astype(dtype)
    for left, right in ((x, x), (x, a), (a, x), (a, a), (a[:1], a[:, :1]), (a[:1], x), (x[:0], x[:0])):
        same(fastla.matmul(left, right), np.matmul(left, right))
    assert type(fastla.matmul(x, x)) is dtype
    assert fastla.matmul(a, a).flags.c_contiguous and fastla.matmul(a, a).flags.owndata
    assert fastla.matmul(a, a, None) is not None


class Wraps:
    """What np.asarray converts, and nothing else."""

    def __init__(self, x: np.ndarray) -> None:
        self.x = x

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.x if dtype is None else self.x.astype(dtype)


class Rewraps(Wraps):
    """What makes results into its like, as torch's tensors do."""

    def __array_wrap__(self, x: np.ndarray, context: Any = None, return_scalar: bool = False) -> "Rewraps":
        return Rewraps(x)


class Subclass(np.ndarray):
    """An array that NumPy's ufuncs keep the type of."""


class Duck:
    """Takes part in ufuncs and array functions by its own rules."""

    def __array_ufunc__(self, ufunc: np.ufunc, *args: Any, **kwargs: Any) -> str:
        return f"{ufunc.__name__} of a duck"

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> str:
        return f"{function.__name__} of a duck"


A, B = integers(1, 3, 4).copy(), integers(2, 4, 3).copy()
ARRAY_LIKES = {
    "lists": (A.tolist(), B.tolist()),
    "lists of integers": (A.astype(int).tolist(), B.astype(int).tolist()),
    "an array and a list": (A.astype("f4"), B.tolist()),
    "an array and a list of integers": (A.astype("f4"), B.astype(int).tolist()),
    "tuples": (tuple(A[0]), tuple(A[0])),
    "rows of arrays": (list(A), [list(row) for row in B]),
    "array scalars": ([np.float32(1), np.float32(2)], np.ones((2, 2), "f4")),
    "empty": ([], []),
    "objects with __array__": (Wraps(A), Wraps(B)),
    "objects with __array_wrap__": (Rewraps(A), Rewraps(B)),
    "memoryviews": (memoryview(A), memoryview(B)),
    "mixed floats": (A.astype("f4"), B),
    "a subclass": (A.view(Subclass), B),
    "a matrix": (A.view(np.matrix), B),
    "a matrix of float32": (A.astype("f4").view(np.matrix), B.astype("f4").view(np.matrix)),
    "a masked array": (np.ma.masked_equal(A[:, :3], 0), B[:3]),
    "a masked array on the right": (A[:, :3], np.ma.masked_equal(B[:3], 1)),
    "a duck": (Duck(), B),
    "a duck on the right": (A, Duck()),
    "objects": (A.astype(object), B),
    "a record's field": (np.rec.fromarrays([A], names="x").x, B),
}


@pytest.mark.parametrize("name", ARRAY_LIKES)
def test_array_likes_and_what_is_numpys(name: str) -> None:
    a, b = ARRAY_LIKES[name]
    ours, numpys = fastla.matmul(a, b), np.matmul(a, b)
    if "__array_wrap__" in name:
        assert type(ours) is type(numpys) is Rewraps
        ours, numpys = ours.x, numpys.x
    if "duck" in name:
        assert ours == numpys == "matmul of a duck"
        return
    same(ours, numpys)
    if "masked" in name:
        np.testing.assert_array_equal(np.ma.getmaskarray(ours), np.ma.getmaskarray(numpys))


KEYWORDS: list[dict[str, Any]] = [
    {"dtype": np.float32}, {"dtype": np.float64}, {"dtype": np.complex128}, {"dtype": "f2", "casting": "same_kind"},
    {"casting": "unsafe"}, {"casting": "no"}, {"order": "F"}, {"order": "C"}, {"subok": False}, {"signature": "ff->f"},
    {"axes": [(0, 1), (1, 0), (0, 1)]}, {"axes": [(-2, -1), (-2, -1), (1, 0)]},
]


@pytest.mark.parametrize("keywords", KEYWORDS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_keywords(keywords: dict, dtype: type) -> None:
    a, b = integers(1, 4, 4).astype(dtype), integers(2, 4, 4).astype(dtype)
    try:
        numpys = np.matmul(a, b, **keywords)
    except TypeError as error:
        with pytest.raises(type(error)):
            fastla.matmul(a, b, **keywords)
        return
    ours = fastla.matmul(a, b, **keywords)
    same(ours, numpys)
    assert ours.strides == numpys.strides
    out = np.zeros_like(numpys)
    assert fastla.matmul(a, b, out=out, **keywords) is out
    same(out, numpys)


@pytest.mark.parametrize("dtype", DTYPES)
def test_out_as_numpy_takes_it(dtype: type) -> None:
    a, b = integers(1, 3, 4).astype(dtype), integers(2, 4, 5).astype(dtype)
    for out in (np.empty((3, 5), dtype), np.empty((3, 5), "f8"), np.empty((3, 5), complex), np.empty((3, 5), object),
                np.empty((3, 5), dtype).view(Subclass)):
        for given in (out, (out,)):
            out[...] = 0
            assert fastla.matmul(a, b, out=given) is out
            np.testing.assert_array_equal(out, np.matmul(a, b))
    assert fastla.matmul(a, b, out) is out
    same(fastla.matmul(a, b, out=(None,)), np.matmul(a, b, out=(None,)))
