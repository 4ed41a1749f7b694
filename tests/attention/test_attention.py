"""softmax(scale * query @ key.T) @ value: shapes, dtypes and layouts against the formula."""

import itertools

import numpy as np
import pytest
from attend import bits, check, check_close, dtype_of, normal, operands

import fastla

DTYPES = ["float32", "float64", "float16", "bfloat16"]
# Rows and keys on either side of vectors, panels and blocks; both routes, parts of the keys among them.
LENGTHS = [(1, 1), (3, 20), (1, 129), (2, 63), (3, 2100), (7, 130), (9, 65), (17, 1), (33, 257), (49, 128), (100, 2050),
           (200, 300)]


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sq", "skv"), LENGTHS)
def test_lengths(target: str, dtype: str, sq: int, skv: int) -> None:
    check(*operands(2, 2, 1, sq, skv, 20, 13, dtype))


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_widths(target: str, dtype: str) -> None:
    for d, dv in [(0, 3), (1, 1), (3, 17), (16, 16), (31, 33), (64, 64), (80, 96), (128, 24), (513, 520), (1100, 2)]:
        for sq in (1, 13):
            check(*operands(1, 2, 2, sq, 70, d, dv, dtype), what=(d, dv, sq))


def test_every_width_of_a_few_rows(target: str) -> None:
    for d in range(1, 70):
        q, k, v = operands(1, 3, 1, 2, 5, d)
        check(q, k, v, what=d)
        check(np.repeat(q, 5, 2), k, v, what=d)


def test_grouped_heads_lie_together(target: str) -> None:
    for h, hk, sq in [(6, 2, 1), (8, 8, 1), (9, 3, 3), (12, 1, 5), (6, 3, 40), (4, 2, 130)]:
        check(*operands(2, h, hk, sq, 50), what=(h, hk, sq))


def test_nothing_there(target: str) -> None:
    for b, h, sq, skv, dv in itertools.product((0, 2), (0, 4), (0, 3), (0, 6), (0, 5)):
        q, k, v = np.ones((b, h, sq, 8), np.float32), np.ones((b, 2, skv, 8), np.float32), np.ones((b, 2, skv, dv),
                np.float32)
        out, lse = fastla.attention(q, k, v, return_lse=True, is_causal=True)
        assert out.shape == (b, h, sq, dv)
        assert lse.shape == (b, h, sq)
        assert (out == (1 if skv else 0)).all()
        assert skv or (lse == -np.inf).all()


def test_leading_axes_broadcast(target: str) -> None:
    q, k, v = normal(0, 3, 2, 4, 5, 8), normal(1, 2, 2, 7, 8), normal(2, 3, 1, 2, 7, 6)
    check(q, k, v)
    check(q, k, v, kv_lengths=np.array([[1, 2], [3, 4], [5, 7]]), q_offset=np.array([1, 2]), is_causal=True)
    check(q[0, 0], k[0], v[0, 0])
    check(q[0, 0], k[0], v)


def test_other_dtypes_of_key_and_value(target: str) -> None:
    for q_type, k_type, v_type in itertools.product(DTYPES, repeat=3):
        q, k, v = normal(0, 1, 2, 9, 16, dtype=q_type), normal(1, 1, 2, 70, 16, dtype=k_type), normal(2, 1, 2, 70, 16,
                dtype=v_type)
        check(q, k, v, what=(q_type, k_type, v_type))
    q, k, v = operands(1, 2, 2, 9, 70)
    swapped = [x.astype(x.dtype.newbyteorder()) for x in (q, k, v)]
    assert bits(fastla.attention(*swapped)) == bits(fastla.attention(q, k, v))


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts_are_read_in_place(target: str, dtype: str) -> None:
    """The same numbers in any layout have the same bits: strided ones are staged, and summed in the same order."""
    for sq in (1, 40):
        arrays = operands(2, 4, 2, sq, 150, 24, dtype=dtype)
        want = check(*arrays)

        def spread(x: np.ndarray) -> np.ndarray:
            base = np.full((*x.shape[:-1], 3 * x.shape[-1]), np.nan, x.dtype)
            base[..., 1::3] = x
            return base[..., 1::3]

        def unaligned(x: np.ndarray) -> np.ndarray:
            memory = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
            memory[...] = x
            return memory

        layouts = {
            "(b, s, h, d)": lambda x: np.ascontiguousarray(x.swapaxes(1, 2)).swapaxes(1,
                    2), "spread": spread, "unaligned": unaligned,
            "reversed": lambda x: np.ascontiguousarray(x[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1,
                    ::-1], "Fortran": np.asfortranarray,
            "width first": lambda x: np.ascontiguousarray(np.moveaxis(x, -1, 0)).transpose(1, 2, 3, 0),
        }
        for name, layout in layouts.items():
            got = fastla.attention(*(layout(x) for x in arrays))
            assert bits(got) == bits(want), name
        rows_apart = [np.concatenate([x, np.full((*x.shape[:-1], 1024 * 3 - 24), np.nan, x.dtype)], -1)[...,
                :24] for x in arrays]
        assert bits(fastla.attention(*rows_apart)) == bits(want), "rows in the same sets of L1"


def test_repeated_and_read_only(target: str) -> None:
    q, k, v = operands(3, 2, 2, 20, 30)
    k, v = (np.broadcast_to(x[:1, :1], x.shape) for x in (k, v))
    q.flags.writeable = False
    check(q, k, v)


def test_the_result_lies_as_the_query(target: str) -> None:
    q, k, v = operands(2, 4, 2, 20, 30, 8, 5)
    for order in itertools.permutations(range(4)):
        turned = np.ascontiguousarray(q.transpose(order)).transpose(np.argsort(order))
        out = fastla.attention(turned, k, v)
        assert out.transpose(order).flags.c_contiguous
        assert bits(out) == bits(fastla.attention(q, k, v))


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
def test_out(target: str, dtype: str) -> None:
    q, k, v = operands(2, 4, 2, 20, 30, 8, 8, dtype)
    want = fastla.attention(q, k, v)
    for out in (np.empty_like(want), np.empty((2, 4, 20, 16), want.dtype)[..., ::2],
                np.empty((8, 20, 4, 2), want.dtype).T,
                np.empty((2, 20, 4, 8), want.dtype).swapaxes(1, 2)[:, :, ::-1]):
        out.fill(np.nan)
        assert fastla.attention(q, k, v, out=out) is out
        assert bits(out) == bits(want)
    for reads in range(3):      # it overlaps what is read
        arrays = [q.copy(), k.copy(), v.copy()]
        if reads:
            base = np.zeros((2, 4, 40, 8), q.dtype)
            base[:, :2, 5:35] = arrays[reads]
            arrays[reads] = base[:, :2, 5:35]
            out = base[:, :, :20]
        else:
            out = arrays[0]
        fastla.attention(*arrays, out=out)
        assert bits(out) == bits(want), reads


def test_torch_call_pasted(target: str) -> None:
    q, k, v = operands(2, 4, 4, 20, 30)
    mask = np.random.default_rng(1).random((20, 30)) < 0.7
    check_close(fastla.attention(q, k, v, mask), check(q, k, v, attn_mask=mask).astype(np.float64), q.dtype)


def test_large_and_tiny_scores(target: str) -> None:
    q, k, v = operands(1, 1, 1, 9, 40, 64, 16)
    best = (q[0, 0].astype(float) @ k[0, 0].T.astype(float)).argmax(1)
    for sq in (1, 9):
        for dtype in ("float32", "float16", "float64"):
            a, b, c = ((x * f).astype(dtype) for x, f in ((q, 100), (k, 100), (v, 1)))
            check_close(fastla.attention(a[:, :, :sq], b, c)[0, 0], c[0, 0, best[:sq]].astype(np.float64),
                        dtype_of(dtype))
        check(q[:, :, :sq] * np.float32(1e-30), k, v)


def test_sums_are_float32_however_narrow_the_numbers(target: str) -> None:
    for dtype in ("float16", "bfloat16"):
        for sq in (1, 20):
            q, k = np.zeros((1, 2, sq, 4), dtype_of(dtype)), np.ones((1, 1, 4999, 4), dtype_of(dtype))
            v = np.broadcast_to(np.array([1, 0.3, -700]).astype(dtype_of(dtype)), (1, 1, 4999, 3))
            assert (fastla.attention(q, k, v) == v[0, 0, 0]).all(), (dtype, sq)


def test_warns_of_nothing(target: str) -> None:
    q, k, v = operands(1, 2, 2, 5, 300)
    with np.errstate(all="raise"):
        fastla.attention(q * 100, k * 100, v, window=(0, 0), q_offset=-2, return_lse=True)
        fastla.attention(q, np.full_like(k, np.inf), v)
        fastla.attention(q, k, np.full_like(v, np.nan), kv_lengths=0)
