"""softmax, log_softmax and logsumexp against float64 NumPy."""

import itertools
from typing import Any

import numpy as np
import pytest
from guard import Guarded
from hypothesis import given, settings
from hypothesis import strategies as st
from operands import LAYOUTS

import fastla
from fastla import _core

FUNCTIONS = ("softmax", "log_softmax", "logsumexp")
DTYPES = ["float32", "float64", "float16", "bfloat16"]
TOLERANCE = {"float32": 4e-6, "float64": 1e-14, "float16": 1e-3, "bfloat16": 8e-3}


def dtype_of(name: str) -> np.dtype:
    if name == "bfloat16":
        import ml_dtypes
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def expected(name: str, x: np.ndarray, axis: int) -> np.ndarray:
    x = np.asarray(x).astype(np.float64)
    with np.errstate(all="ignore"):
        top = x.max(axis, keepdims=True, initial=-np.inf)
        e = np.exp(x - top)
        if name == "softmax":
            return e / e.sum(axis, keepdims=True)
        shifted = np.exp(x - np.where(np.isinf(top), 0, top)).sum(axis, keepdims=True)
        lse = np.where(np.isnan(x).any(axis, keepdims=True), np.nan,
                       np.where(np.isinf(top), top, top + np.log(shifted)))
        return x - top - np.log(e.sum(axis, keepdims=True)) if name == "log_softmax" else lse.squeeze(axis)


def check(x: np.ndarray, axis: int, what: Any = "") -> None:
    for name in FUNCTIONS:
        got, want = getattr(fastla, name)(x, axis), expected(name, x, axis)
        assert got.dtype == x.dtype
        relative = TOLERANCE[x.dtype.name]
        least = {"softmax": np.finfo(np.float32).tiny if x.dtype.itemsize > 2 else 1e-7}.get(name, relative)
        np.testing.assert_allclose(np.asarray(got).astype(np.float64), want, rtol=relative, atol=least,
                                   err_msg=f"{name} {what}")


def normal(seed: int, *shape: int) -> np.ndarray:
    return 4 * np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_axis_and_length(target: str, dtype: str) -> None:
    for n in [*range(1, 70), 127, 128, 129, 1000]:
        check(normal(n, 3, n).astype(dtype_of(dtype)), -1, n)
        check(normal(n, n, 5).astype(dtype_of(dtype)), 0, n)
    for axis in range(-4, 4):
        check(normal(1, 3, 4, 5, 66).astype(dtype_of(dtype)), axis, axis)


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
def test_long_lines(target: str, dtype: str) -> None:
    """Of several pieces, the largest number in the last of them, and many columns."""
    for rising in (False, True):
        x = normal(2, 2, 200_003)
        x = np.sort(x, -1) if rising else x
        check(x.astype(dtype_of(dtype)), -1, rising)
    check(normal(3, 5000, 70).astype(dtype_of(dtype)), 0)
    check(normal(3, 40, 3001).astype(dtype_of(dtype)), 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_layouts(target: str, dtype: str) -> None:
    x = normal(4, 2, 37, 53).astype(dtype)
    for (name, layout), axis in itertools.product(LAYOUTS.items(), range(3)):
        if name != "byte-swapped":
            check(layout(x), axis, (name, axis))
    swapped = x.astype(x.dtype.newbyteorder())
    assert (fastla.softmax(swapped) == fastla.softmax(x)).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_stacks_whose_other_axes_are_folded(target: str, dtype: str) -> None:
    for shape in ((4, 1, 30, 3), (5, 7, 3, 1), (1, 9, 2, 35), (3, 64, 7), (3, 65, 7), (2, 1, 1)):
        x = normal(5, *shape).astype(dtype)
        for axis, reverse in itertools.product(range(len(shape)), (False, True)):
            check(x[..., ::-1, :] if reverse else x, axis, (shape, axis))
            check(x.T, axis, (shape, axis, "transposed"))
            check(np.broadcast_to(x, (2, *shape)), axis, (shape, axis, "repeated"))


def test_out(target: str) -> None:
    x = normal(5, 30, 40).astype(np.float32)
    for name, axis in itertools.product(FUNCTIONS[:2], (0, 1)):
        function = getattr(fastla, name)
        want = function(x, axis)
        for layout in LAYOUTS:
            if layout not in ("read-only", "byte-swapped"):
                out = LAYOUTS[layout](np.full_like(x, np.nan))
                assert function(x, axis, out) is out
                np.testing.assert_allclose(out, want, rtol=1e-5)
        for base, read, out in [(x.copy(), np.s_[:], np.s_[:]), (np.pad(x, ((0, 5), (0, 0))), np.s_[:30], np.s_[5:])]:
            function(base[read], axis, base[out])
            np.testing.assert_allclose(base[out], want, rtol=1e-5)


def test_infinities_and_nan(target: str) -> None:
    rows = [[-np.inf] * 3, [-np.inf, 0, 1], [np.inf, 0, 1], [np.nan, 0, 1], [0, 1, np.nan], [np.inf, np.nan, 0],
            [np.inf, -np.inf, 0], [1e38, 1e38, -1e38]]
    for repeat, dtype in itertools.product((1, 40), ("float32", "float64")):
        x = np.repeat(np.array(rows), repeat, 1).astype(dtype)
        with np.errstate(all="raise"):
            check(x, 1)
            check(np.ascontiguousarray(x.T), 0)


def test_empty_and_scalars() -> None:
    assert fastla.softmax(np.zeros((0, 3))).shape == (0, 3)
    assert fastla.softmax(np.zeros((3, 0))).shape == (3, 0)
    assert (fastla.logsumexp(np.zeros((3, 0))) == -np.inf).all()
    assert fastla.logsumexp(np.zeros((2, 3, 4)), 1, keepdims=True).shape == (2, 1, 4)
    assert np.ndim(fastla.logsumexp([1, 2, 3])) == 0
    assert fastla.softmax([1, 2, 3]).dtype == np.float64


def test_guard_pages(target: str) -> None:
    for shape, axis, at_end in itertools.product([(3, 1), (3, 7), (2, 129), (65, 3), (70, 33)], (0, 1), (True, False)):
        x = normal(6, *shape).astype(np.float32)
        fenced, out = (Guarded(x.nbytes).array(shape, np.float32, "C", at_end) for _ in range(2))
        fenced[...] = x
        for name in FUNCTIONS[:2]:
            out.fill(np.nan)
            getattr(fastla, name)(fenced, axis, out)
            np.testing.assert_allclose(out, expected(name, x, axis), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(fastla.logsumexp(fenced, axis), expected("logsumexp", x, axis), rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_over_threads(target: str, dtype: str) -> None:
    for shape, axis in [((3000, 70), 0), ((3000, 70), 1), ((2, 200_000), 1)]:
        x = normal(7, *shape).astype(dtype)
        for name in FUNCTIONS:
            answers = set()
            for threads in (1, 2, 3, 7):
                with fastla.num_threads(threads):
                    answers.add(getattr(fastla, name)(x, axis).tobytes())
            assert len(answers) == 1


@pytest.mark.parametrize("target_name", _core.runnable_targets())
@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(0, 2**32 - 1), st.data())
@settings(deadline=None, max_examples=80)
def test_shapes(target_name: str, shape: list[int], seed: int, data: st.DataObject) -> None:
    before = _core.current_target()
    _core.use_target(target_name)
    try:
        x = normal(seed, *shape).astype(data.draw(st.sampled_from(["float32", "float64", "float16"])))
        order = data.draw(st.permutations(range(len(shape))))
        turned = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
        check(turned, data.draw(st.integers(-len(shape), len(shape) - 1)))
    finally:
        _core.use_target(before)


def test_errors() -> None:
    x = np.zeros((2, 3), np.float32)
    for function in (fastla.softmax, fastla.log_softmax, fastla.logsumexp):
        with pytest.raises(np.exceptions.AxisError):
            function(x, 2)
        with pytest.raises(TypeError, match="axis"):
            function(x, 1.5)
        with pytest.raises(TypeError, match=f"{function.__name__}: x"):
            function(np.zeros(3, complex))
    with pytest.raises(ValueError, match="softmax: out"):
        fastla.softmax(x, out=np.zeros((2, 4), np.float32))
    with pytest.raises(ValueError, match="softmax: out"):
        fastla.softmax(x, out=np.zeros((2, 3)))
