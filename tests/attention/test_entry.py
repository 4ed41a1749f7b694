"""The compiled entry of attention: it takes the usual calls, and what it takes has the bits of the Python function."""

import itertools

import numpy as np
import pytest

import fastla
from fastla import _attention

RNG = np.random.default_rng(7)


def arrays(dtype: str = "float32", lead: tuple[int, ...] = (2,), heads: int = 4, kv_heads: int = 2, queries: int = 5,
           keys: int = 19, width: int = 24, value_width: int = 24) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shapes = (*lead, heads, queries, width), (*lead, kv_heads, keys, width), (*lead, kv_heads, keys, value_width)
    q, k, v = (RNG.standard_normal(shape).astype(dtype) for shape in shapes)
    return q, k, v


@pytest.fixture
def no_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that the compiled entry does not take fail."""
    def refuse(*arguments: object) -> None:
        raise AssertionError("the Python function was called")
    monkeypatch.setattr(_attention._checks, "attention", refuse)


TAKEN = {
    "plain": {},
    "causal": {"is_causal": True},
    "end": {"is_causal": True, "q_offset": "end"},
    "window": {"window": (3, 0), "q_offset": "end"},
    "scale": {"scale": 0.25},
    "shown": {"attn_mask": RNG.random((5, 19)) < 0.7},
    "padded": {"attn_mask": RNG.random((2, 1, 1, 19)) < 0.7},
    "additive": {"attn_mask": RNG.standard_normal((4, 5, 19)).astype(np.float32)},
    "one": {"attn_mask": np.ones((), bool)},
}


@pytest.mark.parametrize("case", TAKEN)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.usefixtures("target")
def test_same_bits_as_the_python_function(case: str, dtype: str) -> None:
    q, k, v = arrays(dtype)
    expected = fastla.attention.__wrapped__(q, k, v, **TAKEN[case])
    result = fastla.attention(q, k, v, **TAKEN[case])
    assert result.dtype == q.dtype
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("case", TAKEN)
@pytest.mark.usefixtures("no_python")
def test_usual_calls_are_taken(case: str) -> None:
    fastla.attention(*arrays(), **TAKEN[case])


@pytest.mark.parametrize(("dtype", "lead", "queries", "value_width"), list(itertools.product(
    ["float32", "float64"], [(), (3,), (2, 1, 3)], [0, 1, 5], [24, 8])))
@pytest.mark.usefixtures("no_python")
def test_usual_arrays_are_taken(dtype: str, lead: tuple[int, ...], queries: int, value_width: int) -> None:
    q, k, v = arrays(dtype, lead, queries=queries, value_width=value_width)
    assert fastla.attention(q, k, v).shape == (*lead, 4, queries, value_width)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.usefixtures("no_python")
def test_the_result_lies_as_the_query_does(axes: tuple[int, ...]) -> None:
    """In memory, as torch's and NumPy's results do; strides of one row mean nothing."""
    q, k, v = (np.ascontiguousarray(x.transpose(axes)).transpose(np.argsort(axes)) for x in arrays(lead=()))
    result = fastla.attention(q, k, v)
    assert result.strides == q.strides
    np.testing.assert_array_equal(result, fastla.attention(*map(np.ascontiguousarray, (q, k, v))))


@pytest.mark.parametrize("change", [
    lambda q, k, v: (q.astype(np.float16), k, v),
    lambda q, k, v: (q.astype(">f4"), k, v),
    lambda q, k, v: (q, k.astype(np.float64), v),
    lambda q, k, v: (q, k[:1], v),
    lambda q, k, v: (q.tolist(), k, v),
    lambda q, k, v: (q, k, v[..., :1, :]),          # an error
    lambda q, k, v: (q[:, :3], k, v),
    lambda q, k, v: (q[..., :3], k, v),
    lambda q, k, v: (q, k[:, :0], v[:, :0]),
    lambda q, k, v: (q, k, v, np.ones((5, 18), bool)),
    lambda q, k, v: (q, k, v, np.ones((5, 19), int)),
    lambda q, k, v: (q, k, v, np.ones((1, 2, 4, 5, 19), bool)),
    lambda q, k, v: (q, k, v, np.ones((3, 1, 1, 19), bool)),
])
@pytest.mark.usefixtures("no_python")
def test_the_rest_is_pythons(change) -> None:
    with pytest.raises(AssertionError, match="Python"):
        fastla.attention(*change(*arrays()))


@pytest.mark.parametrize("keywords", [
    {"kv_lengths": 3}, {"q_offset": 2}, {"q_offset": "start"}, {"window": [1, 1]}, {"window": (1, -2)},
    {"window": (True, 1)}, {"scale": float("nan")}, {"scale": 1}, {"softcap": 3.0}, {"sinks": np.zeros(4)},
    {"alibi_slopes": np.zeros(4)}, {"return_lse": True}, {"is_causal": 1}, {"out": np.empty((2, 4, 5, 24), np.float32)},
])
@pytest.mark.usefixtures("no_python")
def test_other_arguments_are_pythons(keywords: dict) -> None:
    with pytest.raises(AssertionError, match="Python"):
        fastla.attention(*arrays(), **keywords)


@pytest.mark.parametrize("items", [64, 65])
def test_large_batches(items: int) -> None:
    """From some number of items on Python does it, with the same result."""
    q, k, v = arrays(lead=(items,))
    np.testing.assert_array_equal(fastla.attention(q, k, v), fastla.attention.__wrapped__(q, k, v))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16", "int8"])
@pytest.mark.parametrize("keywords", [{}, {"is_causal": True}, {"window": (4, 0)}, {"scale": 0.5}])
@pytest.mark.usefixtures("target")
def test_a_caches_usual_calls(dtype: str, keywords: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of sequences of several lengths: compiled, with the bits that Python's way gives."""
    q, k, v = arrays(value_width=8)
    cache = fastla.KVCache(2, 2, 24, value_dim=8, dtype=dtype)
    cache.append(k, v, lengths=[19, 11])
    expected, _ = cache.attend(q, return_lse=True, **keywords)
    monkeypatch.setattr(_attention._checks, "fit", None)
    np.testing.assert_array_equal(cache.attend(q, **keywords), expected)


def test_a_cache_of_long_batches() -> None:
    """More sequences than the compiled call takes."""
    q, k, v = arrays(lead=(70,))
    cache = fastla.KVCache(70, 2, 24)
    cache.append(k, v)
    np.testing.assert_array_equal(cache.attend(q), fastla.attention(q, k, v, q_offset="end"))
