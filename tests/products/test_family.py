"""dot, vecdot, matvec and vecmat against NumPy."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from operands import DTYPES, LAYOUTS, integers

import fastla


def _vecdot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)


def _matvec(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...ij,...j->...i", a, b)


def _vecmat(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...ij->...j", a, b)


# For each function a twin that NumPy before 2.2 has too, and shapes.
FAMILY: dict[str, tuple[Callable, list]] = {
    "dot": (np.dot, [
        ((4,), (4,)), ((3, 4), (4,)), ((4,), (4, 5)), ((3, 4), (4, 5)), ((2, 3, 4), (4, 5)), ((2, 3, 4), (4,)),
        ((4,), (3, 4, 5)), ((2, 4), (3, 4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (5, 6, 4, 2)),
        ((70, 90), (3, 90, 40)), ((2, 1, 5000), (3, 5000, 2)), ((20, 33, 40), (40, 50)), ((0, 4), (4, 5)),
        ((3, 0), (0, 5)), ((0,), (0,)), ((2, 4), (3, 4, 0)), ((2, 0), (3, 0, 5)), ((0, 4), (3, 4, 5)),
        ((2, 4), (0, 4, 5)), ((2, 0), (0, 0, 0)), ((), (3,)), ((3, 4), ()), ((), ()),
    ]),
    "vecdot": (_vecdot, [
        ((4,), (4,)), ((3, 4), (4,)), ((4,), (3, 4)), ((3, 4), (3, 4)), ((2, 1, 70), (5, 70)), ((3000,), (3000,)),
        ((3, 9000), (3, 9000)), ((500, 3), (500, 3)), ((3, 0), (3, 0)), ((0,), (0,)), ((0, 4), (4,)),
        ((2, 3, 1), (3, 1)),
    ]),
    "matvec": (_matvec, [
        ((3, 4), (4,)), ((3, 4), (5, 4)), ((5, 3, 4), (4,)), ((5, 3, 4), (5, 4)), ((2, 1, 3, 4), (5, 4)),
        ((70, 300), (300,)), ((1, 3000), (3000,)), ((40, 70), (9, 70)), ((3, 0), (0,)), ((0, 4), (4,)),
        ((3, 4), (0, 4)), ((2, 0, 4), (2, 4)),
    ]),
    "vecmat": (_vecmat, [
        ((4,), (4, 3)), ((5, 4), (4, 3)), ((4,), (5, 4, 3)), ((5, 4), (5, 4, 3)), ((5, 4), (2, 1, 4, 3)),
        ((300,), (300, 70)), ((3000,), (3000, 1)), ((9, 70), (70, 40)), ((0,), (0, 3)), ((4,), (4, 0)),
        ((0, 4), (4, 3)), ((2, 4), (2, 4, 0)),
    ]),
}


def operands(shapes: tuple, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Small integers."""
    return integers(1, *shapes[0]).astype(dtype), integers(2, *shapes[1]).astype(dtype)


def same(ours: Any, numpys: Any, dtype: Any) -> None:
    """Equal in value, dtype and shape, and both arrays or both scalars."""
    assert isinstance(ours, np.ndarray) == (np.ndim(numpys) > 0)
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours, numpys, strict=isinstance(ours, np.ndarray))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILY)
def test_values(target: str, dtype: type, name: str) -> None:
    twin, shapes = FAMILY[name]
    for pair in shapes:
        a, b = operands(pair, dtype)
        expected = np.asarray(twin(a, b))
        same(getattr(fastla, name)(a, b), expected, dtype)
        if a.size:      # else the list has not the shape
            same(getattr(fastla, name)(a.tolist(), b), expected.astype(float), float)
        out = np.full(expected.shape, np.nan, dtype)
        for arguments, keywords in (((a, b, out), {}), ((a, b), {"out": out})):
            out[...] = np.nan
            result = getattr(fastla, name)(*arguments, **keywords)
            # numpy.dot returns a scalar even then.
            assert np.isscalar(result) if name == "dot" and not out.ndim else result is out, pair
            np.testing.assert_array_equal(out, expected)


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FAMILY)
def test_layouts(target: str, dtype: type, name: str) -> None:
    twin, shapes = FAMILY[name]
    for pair in shapes:
        a, b = operands(pair, dtype)
        if min(a.ndim, b.ndim) == 0:
            continue
        expected = twin(a, b)
        for left, right in itertools.product(LAYOUTS, ("C", "every other", "reversed F", "unaligned")):
            x = LAYOUTS[left](a) if a.ndim > 1 else LAYOUTS[left](np.stack([a, a]))[1]
            y = LAYOUTS[right](b) if b.ndim > 1 else LAYOUTS[right](np.stack([b, b]))[1]
            np.testing.assert_array_equal(getattr(fastla, name)(x, y), expected)


SQUARES = {
    "vecdot": [((9, 9), (9, 9)), ((4, 5, 9), (9,))],
    "matvec": [((9, 9), (9, 9)), ((4, 9, 9), (9,))],
    "vecmat": [((9, 9), (9, 9)), ((9,), (4, 9, 9))],
}


@pytest.mark.parametrize("name", SQUARES)
def test_out_of_any_layout(target: str, name: str) -> None:
    for shapes in SQUARES[name]:
        a, b = operands(shapes, float)
        expected = FAMILY[name][0](a, b)
        shape = expected.shape
        for out in (np.empty(shape[::-1]).T, np.empty((*shape, 2))[..., 0], np.empty(shape)[::-1],
                    np.empty(shape, ">f8"), np.empty(shape, complex), np.empty((3, *shape))):
            out[...] = np.nan
            assert getattr(fastla, name)(a, b, out=out) is out
            np.testing.assert_array_equal(out, np.broadcast_to(expected, out.shape))


@pytest.mark.parametrize("name", SQUARES)
def test_out_overlaps_the_operands(target: str, name: str) -> None:
    shapes = SQUARES[name][0]
    expected = FAMILY[name][0](*operands(shapes, float))
    for which, part in itertools.product((0, 1), (lambda x: x, lambda x: x.T, lambda x: x[::-1])):
        pair = operands(shapes, float)
        out = part(pair[which])
        out = out[0] if name == "vecdot" else out
        assert getattr(fastla, name)(*pair, out=out) is out
        np.testing.assert_array_equal(out, expected)


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="matvec and vecmat came with NumPy 2.2")
@pytest.mark.parametrize("name", ["vecdot", "matvec", "vecmat"])
def test_as_many_dimensions_as_numpy_has(name: str) -> None:
    vector, matrix = integers(1, *(1,) * 61, 2, 1, 4), integers(2, *(1,) * 61, 2, 4, 4)
    a, b = {"vecdot": (vector, vector), "matvec": (matrix, vector), "vecmat": (vector, matrix)}[name]
    assert a.ndim == b.ndim == 64
    expected = FAMILY[name][0](*(x[(0,) * 30] for x in (a, b)))[(np.newaxis,) * 30]
    np.testing.assert_array_equal(getattr(fastla, name)(a, b), expected, strict=True)


@pytest.mark.parametrize("axis", [-1, -2, 0, 1])
def test_vecdot_along_an_axis(target: str, axis: int) -> None:
    a, b = operands(((5, 6, 7), (5, 6, 7)), np.float32)
    expected = np.vecdot(a, b, axis=axis)
    ours = fastla.vecdot(a, b, axis=axis)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, expected, strict=True)
    out = np.empty_like(expected)
    assert fastla.vecdot(a, b, out, axis=axis) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="matvec and vecmat came with NumPy 2.2")
@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("dtypes", ["i4 i8", "? ?", "f2 f2", "F D", "f4 f8", "f8 i8", "O f8"])
def test_other_dtypes(name: str, dtypes: str) -> None:
    twin = getattr(np, name, FAMILY[name][0])
    for pair in FAMILY[name][1][:4]:
        a, b = (np.abs(x).astype(dtype) for x, dtype in zip(operands(pair, float), dtypes.split(), strict=True))
        if "F" in dtypes:
            a *= 1 + 2j         # vecdot and vecmat take its conjugate
        ours, expected = getattr(fastla, name)(a, b), twin(a, b)
        assert np.asarray(ours).dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(ours, expected)


BAD = {
    "dot": [((3, 4), (3, 4)), ((3,), (4,)), ((3, 4), (2, 3, 5)), ((2, 3, 4), (3,))],
    "vecdot": [((3, 4), (3, 3)), ((3, 4), (2, 4)), ((), (3,)), ((3,), ()), ((4,), (1,))],
    "matvec": [((3, 4), (3,)), ((4,), (4,)), ((3, 4), ()), ((2, 3, 4), (5, 4)), ((3, 4), (1,))],
    "vecmat": [((3,), (4, 3)), ((4,), (4,)), ((), (4, 3)), ((5, 4), (2, 4, 3)), ((1,), (4, 3))],
}


@pytest.mark.parametrize("name", BAD)
def test_shapes_that_do_not_fit(target: str, name: str) -> None:
    for shapes, out in itertools.product(BAD[name], (None, np.full((3, 3), 7.0))):
        a, b = operands(shapes, float)
        with pytest.raises(ValueError, match=name if out is None else "shape") as caught:
            getattr(fastla, name)(a, b, out=out)
        assert str(shapes[0]) in str(caught.value) and str(shapes[1]) in str(caught.value)
        assert out is None or (out == 7).all()


@pytest.mark.parametrize("name", FAMILY)
def test_wrong_out(target: str, name: str) -> None:
    for pair in FAMILY[name][1][3:5]:
        a, b = operands(pair, float)
        shape = FAMILY[name][0](a, b).shape
        read_only = np.full(shape, 7.0)
        read_only.flags.writeable = False
        for out in (np.full((*shape, 2), 7.0), np.full(shape[:-1], 7.0), np.full((shape[0] + 1, *shape[1:]), 7.0),
                    np.full(shape, 7), read_only, [7.0]):
            before = repr(out)
            with pytest.raises((ValueError, TypeError)):
                getattr(fastla, name)(a, b, out=out)
            assert repr(out) == before
