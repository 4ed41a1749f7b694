"""Properties, on operands that Hypothesis makes up: shapes, strides, dtypes, outs that overlap."""

from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastla

# The target is the same for all examples of a test: that is what is wanted of the fixture.
moderate = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

sizes = st.one_of(st.integers(0, 5), st.integers(1, 40), st.sampled_from([64, 65, 100]))
depths = st.one_of(sizes, st.sampled_from([300, 1025, 4097]))
dtypes = st.sampled_from([np.float32, np.float64])
seeds = st.integers(0, 2**32 - 1)


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Small integers with that shape, and any strides: a part of a larger array, its axes in any order, every second or
    third element of it, some reversed, some repeated."""
    order = draw(st.permutations(range(len(shape)))) if draw(st.booleans()) else range(len(shape))
    steps = [draw(st.sampled_from([1, 1, 1, 2, 3, -1, -2, 0])) for _ in shape]
    margins = [draw(st.integers(0, 3)) for _ in shape]
    axes = list(zip(shape, steps, margins, strict=True))
    extents = [size * abs(step) + margin if step else 1 for size, step, margin in axes]
    base = np.random.default_rng(draw(seeds)).integers(-3, 4, [extents[axis] for axis in order]).astype(dtype)
    x = base.transpose(np.argsort(order)) if shape else base
    for axis, (size, step, margin) in enumerate(axes):
        index: list[Any] = [slice(None)] * len(shape)
        if step:
            index[axis] = slice(margin, None)
            x = x[tuple(index)]
            index[axis] = slice(None, None, step)
            x = x[tuple(index)]
        else:
            x = np.broadcast_to(x, (*x.shape[:axis], size, *x.shape[axis + 1 :]))
    assert x.shape == tuple(shape)
    return x


@st.composite
def products(draw: st.DrawFn, *, leading: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Operands that fit."""
    m, n, dtype = draw(sizes), draw(sizes), draw(dtypes)
    k = draw(depths if m * n < 1000 else sizes)     # einsum is slow
    stacks = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3)) if leading else None
    left, right = stacks.input_shapes if stacks else ((), ())
    a_shape = (k,) if not left and draw(st.integers(0, 5)) == 0 else (*left, m, k)
    b_shape = (k,) if not right and draw(st.integers(0, 5)) == 0 else (*right, k, n)
    return draw(arrays(a_shape, dtype)), draw(arrays(b_shape, dtype))


@moderate
@given(operands=products(), threads=st.sampled_from([1, 2, 5]))
def test_a_product_is_exact(target: str, operands: tuple[np.ndarray, np.ndarray], threads: int) -> None:
    a, b = operands
    with fastla.num_threads(threads):
        c = fastla.matmul(a, b)
    assert c.dtype == a.dtype
    np.testing.assert_array_equal(c, reference.matmul(a, b))


@moderate
@given(operands=products(), data=st.data())
def test_out_has_any_strides(target: str, operands: tuple[np.ndarray, np.ndarray], data: st.DataObject) -> None:
    a, b = operands
    expected = reference.matmul(a, b)
    out = data.draw(arrays(expected.shape, a.dtype.type).filter(lambda x: 0 not in x.strides and x.flags.writeable))
    assert fastla.matmul(a, b, out=out) is out
    np.testing.assert_array_equal(out, expected)


@moderate
@given(n=st.integers(1, 40), dtype=dtypes, data=st.data())
def test_out_overlaps_in_any_way(target: str, n: int, dtype: type, data: st.DataObject) -> None:
    buffer = np.random.default_rng(data.draw(seeds)).integers(-3, 4, 4 * n * n).astype(dtype)

    def view() -> np.ndarray:
        start, transposed = data.draw(st.integers(0, 2 * n * n)), data.draw(st.booleans())
        x = buffer[start : start + n * n].reshape(n, n)[:: data.draw(st.sampled_from([1, -1]))]
        return x.T if transposed else x

    a, b, out = view(), view(), view()
    expected = reference.matmul(a.copy(), b.copy())
    fastla.matmul(a, b, out=out)
    np.testing.assert_array_equal(out, expected)


@moderate
@given(operands=products(), seed=seeds)
def test_linear(target: str, operands: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    a, b = operands
    other = np.random.default_rng(seed).integers(-3, 4, a.shape).astype(a.dtype)
    np.testing.assert_array_equal(fastla.matmul(2 * a + other, b), 2 * fastla.matmul(a, b) + fastla.matmul(other, b))


@moderate
@given(operands=products())
def test_transposition(target: str, operands: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = operands
    if min(a.ndim, b.ndim) > 1:
        np.testing.assert_array_equal(fastla.matmul(a, b).mT, fastla.matmul(b.mT, a.mT))


@moderate
@given(operands=products(leading=False), width=st.integers(0, 20), count=st.integers(0, 4), seed=seeds)
def test_associative(target: str, operands: tuple[np.ndarray, np.ndarray], width: int, count: int, seed: int) -> None:
    a, b = operands
    if min(a.ndim, b.ndim) < 2 or a.shape[-1] > 1000:
        return      # sums of products of three stay exact in float32
    c = np.random.default_rng(seed).integers(-3, 4, (count, b.shape[-1], width)).astype(a.dtype)
    np.testing.assert_array_equal(fastla.matmul(fastla.matmul(a, b), c), fastla.matmul(a, fastla.matmul(b, c)))


@moderate
@given(operands=products())
def test_an_item_of_a_stack_is_a_product(target: str, operands: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = operands
    c = fastla.matmul(a, b)
    stack = c.shape[: max(a.ndim, b.ndim) - 2]
    if min(a.ndim, b.ndim) > 1:
        a, b = (np.broadcast_to(x, (*stack, *x.shape[-2:])) for x in (a, b))
        for index in np.ndindex(stack):
            np.testing.assert_array_equal(c[index], fastla.matmul(a[index], b[index]))


@moderate
@given(a=hnp.arrays(hnp.scalar_dtypes(), (3, 2)), b=hnp.arrays(hnp.scalar_dtypes(), (2, 3)))
def test_any_dtypes_as_numpy(a: np.ndarray, b: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        try:
            expected = np.matmul(a, b)
        except (TypeError, ValueError) as error:
            with pytest.raises(TypeError if isinstance(error, TypeError) else ValueError):
                fastla.matmul(a, b)
            return
        ours = fastla.matmul(a, b)
    assert ours.dtype == expected.dtype
    if expected.dtype.kind in "fc":
        close = {"rtol": 1e-3 if ours.dtype.itemsize == 2 else 1e-5, "equal_nan": True}
        finite = np.isfinite(expected) & np.isfinite(ours)      # a sum may overflow in one order and not in another
        np.testing.assert_allclose(ours[finite], expected[finite], **close)
    else:
        np.testing.assert_array_equal(ours, expected)


@moderate
@given(operands=products(), data=st.data())
def test_the_rest_of_the_family_is_made_of_matmul(
    target: str, operands: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    a, b = operands
    if min(a.ndim, b.ndim) < 2:
        return
    vectors = data.draw(arrays(b.shape[:-1], a.dtype.type))
    np.testing.assert_array_equal(fastla.matvec(a, vectors), fastla.matmul(a, vectors[..., np.newaxis])[..., 0])
    np.testing.assert_array_equal(fastla.vecmat(vectors, b), fastla.matmul(vectors[..., np.newaxis, :], b)[..., 0, :])
    np.testing.assert_array_equal(fastla.vecdot(vectors, vectors), np.sum(vectors * vectors, axis=-1))
    row = a[(0,) * (a.ndim - 2)] if a[..., :1, :1].size else np.zeros(a.shape[-2:], a.dtype)
    np.testing.assert_array_equal(fastla.dot(row, b), np.tensordot(row, b, (-1, -2)))
