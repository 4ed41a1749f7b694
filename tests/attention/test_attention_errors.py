"""What attention refuses, and what its messages name."""

from typing import Any

import numpy as np
import pytest
from attend import normal

import fastla


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


Q = ones(1, 4, 3, 8)
K = ones(1, 2, 5, 8)
MISFITS = [
    (ones(3, 8), ones(5, 8), ones(5, 8)), (Q, ones(1, 2, 5, 7), K), (Q, K, ones(1, 2, 6, 8)), (Q, K, ones(1, 1, 5, 8)),
    (Q, ones(1, 3, 5, 8), ones(1, 3, 5, 8)), (Q, ones(1, 8, 5, 8), ones(1, 8, 5, 8)), (Q, ones(1, 0, 5, 8),
            ones(1, 0, 5, 8)),
    (ones(2, 4, 3, 8), ones(3, 2, 5, 8), ones(3, 2, 5, 8)),
]


@pytest.mark.parametrize("arrays", MISFITS)
def test_misfits_name_the_shapes(arrays: tuple) -> None:
    with pytest.raises(ValueError, match="attention: query has shape") as error:
        fastla.attention(*arrays)
    assert all(str(x.shape) in str(error.value) for x in arrays)


BAD: list[tuple[dict[str, Any], type, str]] = [
    ({"attn_mask": np.ones((3, 4), bool)}, ValueError, "attn_mask"), ({"attn_mask": np.ones((2, 4, 3, 5), bool)},
                                                                      ValueError, "attn_mask"),
    ({"attn_mask": np.ones((1, 1, 1, 1, 3, 5), bool)}, ValueError, "attn_mask"),
    ({"attn_mask": np.ones((3, 5), int)}, TypeError, "attn_mask.*bool"), ({"attn_mask": np.ones((3, 5), complex)},
            TypeError, "attn_mask"),
    ({"q_offset": np.array([0, 1])}, ValueError, "q_offset"), ({"q_offset": 0.5}, TypeError,
                                                               "q_offset"), ({"q_offset": "start"}, ValueError,
            "q_offset"),
    ({"kv_lengths": 6}, ValueError, "kv_lengths"), ({"kv_lengths": -1}, ValueError,
                                                    "kv_lengths"), ({"kv_lengths": [5, 5]}, ValueError, "kv_lengths"),
    ({"kv_lengths": 2.0}, TypeError, "kv_lengths"), ({"window": 3}, ValueError, "window"), ({"window": (1, -2)},
            ValueError, "window"),
    ({"window": (1, 2, 3)}, ValueError, "window"), ({"window": (1.5, 2)}, TypeError, "window"), ({"scale": "x"},
            TypeError, "scale"),
    ({"scale": np.nan}, ValueError, "scale"), ({"softcap": -1.0}, ValueError, "softcap"), ({"softcap": np.inf},
            ValueError, "softcap"),
    ({"sinks": np.zeros(3, np.float32)}, ValueError, "sinks"), ({"sinks": np.zeros(4, int)}, TypeError, "sinks"),
    ({"alibi_slopes": np.zeros(3, np.float32)}, ValueError,
     "alibi_slopes"), ({"alibi_slopes": np.zeros((2, 4), np.float32)}, ValueError, "alibi_slopes"),
    ({"out": np.empty((1, 4, 3, 7), np.float32)}, ValueError, "out"), ({"out": np.empty((1, 4, 3, 8))}, ValueError,
            "out"),
    ({"out": [0.0]}, TypeError, "out"), ({"out": np.broadcast_to(np.float32(0), (1, 4, 3, 8))}, ValueError, "out"),
]


@pytest.mark.parametrize(("keywords", "kind", "names"), BAD)
def test_bad_arguments_are_named(keywords: dict[str, Any], kind: type, names: str) -> None:
    with pytest.raises(kind, match=f"attention: .*{names}"):
        fastla.attention(Q, K, K, **keywords)


@pytest.mark.parametrize("bad",
                         [np.ones((1, 4, 3, 8), int), np.ones((1, 4, 3, 8), complex), np.ma.ones((1, 4, 3, 8)),
                          np.ones((1, 4, 3, 8), np.longdouble)])
def test_dtypes(bad: np.ndarray) -> None:
    for position in range(3):
        arrays = [Q, Q, Q]
        arrays[position] = bad
        with pytest.raises(TypeError, match=f"attention: {('query', 'key', 'value')[position]}"):
            fastla.attention(*arrays)


VARLEN_BAD = [[0, 4, 2], [1, 2, 6], [0, 2, 7], [0, 2, 5], [0, -1, 6], [0, 6], [], [[0, 6]]]


@pytest.mark.parametrize("bounds", VARLEN_BAD)
def test_bounds_of_packed_sequences(bounds: list) -> None:
    x, good = normal(0, 6, 2, 4), [0, 2, 6]
    with pytest.raises(ValueError, match="attention_varlen: .*cu_seqlens_q"):
        fastla.attention_varlen(x, x, x, np.array(bounds, int), good)
    with pytest.raises(ValueError, match="attention_varlen: .*cu_seqlens_k"):
        fastla.attention_varlen(x, x, x, good, np.array(bounds, int))


def test_packed_dtypes_and_shapes() -> None:
    x = normal(0, 6, 2, 4)
    with pytest.raises(TypeError, match="cu_seqlens_q"):
        fastla.attention_varlen(x, x, x, [0.0, 6.0], [0, 6])
    with pytest.raises(ValueError, match=r"expected \(total, heads, width\)"):
        fastla.attention_varlen(x[None], x, x, [0, 6], [0, 6])
    with pytest.raises(ValueError, match="heads"):
        fastla.attention_varlen(normal(0, 6, 3, 4), x, x, [0, 6], [0, 6])


@pytest.mark.parametrize("argument", ["is_causal", "return_lse"])
@pytest.mark.parametrize("value", ["no", None, 2, 0.0, np.ones(2, bool)])
def test_truths(argument, value):
    """Neither a text nor an array is taken for True."""
    q = np.zeros((1, 3, 4), np.float32)
    with pytest.raises(TypeError, match=f"attention: {argument} must be True or False"):
        fastla.attention(q, q, q, **{argument: value})


def test_numbers_are_no_texts():
    q = np.zeros((1, 3, 4), np.float32)
    with pytest.raises(TypeError, match="attention: scale must be a number"):
        fastla.attention(q, q, q, scale="1")


def test_offsets_beyond_int64():
    """Large ones are far to the right, never negative."""
    q = np.random.default_rng(0).standard_normal((1, 3, 4)).astype(np.float32)
    whole = fastla.attention(q, q, q)
    for offset in (2**62, 2**63 - 1, 2**63, np.uint64(2**64 - 1)):
        np.testing.assert_array_equal(fastla.attention(q, q, q, is_causal=True, q_offset=offset), whole)
    with pytest.raises(ValueError, match="kv_lengths"):
        fastla.attention(q, q, q, kv_lengths=np.uint64(2**64 - 1))
