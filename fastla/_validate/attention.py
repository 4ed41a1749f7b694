"""What attention works on: arrays whose shapes and dtypes fit."""

import math
from typing import Any, NamedTuple

import numpy as np

from fastla import _validate
from fastla._validate.common import broadcasts

FLOATS = ("float16", "bfloat16", "float32", "float64")
_FLOAT32, _FLOAT64 = _PLAIN = np.dtype(np.float32), np.dtype(np.float64)   # need no further look; swapped is unequal
MOST_POSITION = 2**40       # positions are clipped to this; arrays have fewer keys


class Call(NamedTuple):
    """Arrays (..., heads, rows, width) and what a kernel is told beside them; see Attention in kernels.h."""

    query: np.ndarray
    key: np.ndarray
    value: np.ndarray
    out: np.ndarray
    lead: tuple[int, ...]           # the leading axes, broadcast
    lse: np.ndarray | None
    mask: np.ndarray | None
    slopes: np.ndarray | None
    sinks: np.ndarray | None
    offsets: np.ndarray
    lengths: np.ndarray
    causal: bool
    window: tuple[int, int]
    scale: float
    softcap: float
    query_starts: np.ndarray | None = None
    key_starts: np.ndarray | None = None
    key_scale: np.ndarray | None = None
    value_scale: np.ndarray | None = None
    stored: str | None = None       # what key and value hold, where their dtype does not say: bfloat16 as uint16
    score_mod: Any = None           # _jit.functions.user_function.UserFunction
    mask_mod: Any = None


def computed(query: np.ndarray) -> np.dtype:
    """What scores, weights and sums are computed in."""
    return _FLOAT64 if query.dtype == _FLOAT64 else _FLOAT32


def floats(name: str, label: str, x: Any) -> np.ndarray:
    """An array of floating-point numbers."""
    if type(x) is np.ndarray and x.dtype in _PLAIN:
        return x
    array = _validate.numbers(name, label, x)
    if array.dtype.name not in FLOATS:
        raise TypeError(f"{name}: {label} has dtype {array.dtype}, expected one of {', '.join(FLOATS)}")
    return array


def _shown(name: str, query: np.ndarray, key: np.ndarray, value: np.ndarray) -> str:
    return f"{name}: query has shape {query.shape}, key {key.shape}, value {value.shape}"


def check_widths(name: str, query: np.ndarray, key: np.ndarray, value: np.ndarray, heads: int, rows: int) -> None:
    """Whether heads, keys and widths fit; `heads` and `rows` are those axes."""
    if (query.shape[-1] == key.shape[-1] and key.shape[heads] == value.shape[heads]
        and key.shape[rows] == value.shape[rows]
            and key.shape[heads] and query.shape[heads] % key.shape[heads] == 0):
        return
    shown = _shown(name, query, key, value)
    if query.shape[-1] != key.shape[-1]:
        raise ValueError(f"{shown}: query and key differ in width, {query.shape[-1]} and {key.shape[-1]}")
    if key.shape[heads] != value.shape[heads] or key.shape[rows] != value.shape[rows]:
        raise ValueError(f"{shown}: key and value differ in heads or length")
    raise ValueError(f"{shown}: query has {query.shape[heads]} heads, expected a multiple of key's {key.shape[heads]}")


def attention(
    name: str, query: Any, key: Any, value: Any, attn_mask: Any, is_causal: Any, q_offset: Any, kv_lengths: Any,
    window: Any, scale: Any, softcap: Any, sinks: Any, alibi_slopes: Any, return_lse: Any, out: Any,
) -> Call:
    """What `fastla.attention` works on; its arguments, as the user gave them."""
    q, k, v = floats(name, "query", query), floats(name, "key", key), floats(name, "value", value)
    return fit(name, q, k, v, attn_mask, is_causal, q_offset, kv_lengths, window, scale, softcap, sinks, alibi_slopes,
               return_lse, out)


def fit(
    name: str, q: np.ndarray, k: np.ndarray, v: np.ndarray, attn_mask: Any, is_causal: Any, q_offset: Any,
    kv_lengths: Any, window: Any, scale: Any, softcap: Any, sinks: Any, alibi_slopes: Any, return_lse: Any, out: Any,
) -> Call:
    """The same for a query, key and value that are arrays already."""
    if min(q.ndim, k.ndim, v.ndim) < 3:
        raise ValueError(
            f"{_shown(name, q, k, v)}, expected (..., heads, length, width): one head of one sequence is query[None]"
        )
    check_widths(name, q, k, v, -3, -2)
    causal, with_lse = _validate.truth(name, "is_causal", is_causal), _validate.truth(name, "return_lse", return_lse)
    lead = q.shape[:-3]
    if not lead == k.shape[:-3] == v.shape[:-3]:
        try:
            lead = np.broadcast_shapes(lead, k.shape[:-3], v.shape[:-3])
        except ValueError:
            raise ValueError(f"{_shown(name, q, k, v)}: the leading axes cannot be broadcast together") from None
    heads, queries, keys = q.shape[-3], q.shape[-2], k.shape[-2]
    lengths = _lengths(name, kv_lengths, lead, keys)
    shape = (*lead, heads, queries, v.shape[-1])
    out = empty_like(q, shape) if out is None else output(name, out, shape, q.dtype)
    return Call(
        q, k, v, out, lead, np.empty(shape[:-1], computed(q)) if with_lse else None,
        _mask(name, attn_mask, (*lead, heads, queries, keys)), _slopes(name, alibi_slopes, (*lead, heads), computed(q)),
        _sinks(name, sinks, heads, computed(q)), _offsets(name, q_offset, lead, lengths, queries), lengths,
        causal,
        _window(name, window), _scale(name, scale, q.shape[-1]), _softcap(name, softcap),
    )


def varlen(
    name: str, query: Any, key: Any, value: Any, cu_seqlens_q: Any, cu_seqlens_k: Any, is_causal: Any, window: Any,
    scale: Any, softcap: Any, sinks: Any, alibi_slopes: Any, return_lse: Any, out: Any,
) -> Call:
    """What `fastla.attention_varlen` works on: one leading axis, the sequences; arrays (heads, total, width)."""
    q, k, v = floats(name, "query", query), floats(name, "key", key), floats(name, "value", value)
    if not q.ndim == k.ndim == v.ndim == 3:
        raise ValueError(f"{_shown(name, q, k, v)}, expected (total, heads, width)")
    check_widths(name, q, k, v, -2, -3)
    causal, with_lse = _validate.truth(name, "is_causal", is_causal), _validate.truth(name, "return_lse", return_lse)
    starts_q, queries = _starts(name, "cu_seqlens_q", cu_seqlens_q, "query", q)
    starts_k, lengths = _starts(name, "cu_seqlens_k", cu_seqlens_k, "key", k)
    if len(starts_q) != len(starts_k):
        raise ValueError(
            f"{name}: cu_seqlens_q has {len(starts_q)} bounds and cu_seqlens_k {len(starts_k)}, expected as many"
        )
    total, heads, _ = q.shape
    lead = (len(starts_q) - 1,)
    shape = (total, heads, v.shape[-1])
    out = empty_like(q, shape) if out is None else output(name, out, shape, q.dtype)
    lse = np.empty((heads, total), computed(q)) if with_lse else None
    return Call(
        *(x.swapaxes(0, 1) for x in (q, k, v, out)), lead, lse, None,
        _slopes(name, alibi_slopes, (*lead, heads), computed(q)), _sinks(name, sinks, heads, computed(q)),
        lengths - queries, lengths, causal, _window(name, window), _scale(name, scale, q.shape[-1]),
        _softcap(name, softcap), starts_q, starts_k,
    )


def empty_like(query: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """An array whose axes lie in memory in the order in which the query's do."""
    if query.flags.c_contiguous or query.ndim != len(shape):
        return np.empty(shape, query.dtype)
    order = sorted(range(query.ndim), key=lambda axis: -abs(query.strides[axis]))
    return np.empty([shape[axis] for axis in order], query.dtype).transpose(np.argsort(order))


def output(name: str, out: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array that a result can be written to."""
    if type(out) is not np.ndarray:
        raise TypeError(f"{name}: out is of type {type(out).__name__}, expected a NumPy array")
    if out.dtype != dtype or out.shape != shape:
        raise ValueError(f"{name}: out is {out.dtype} of shape {out.shape}, expected {dtype} of shape {shape}")
    if not out.flags.writeable:
        raise ValueError(f"{name}: out of shape {out.shape} is read-only, expected a writeable array")
    return out


def _integers(name: str, label: str, x: Any) -> np.ndarray:
    array = np.asarray(x)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"{name}: {label} has dtype {array.dtype}, expected integers")
    if array.dtype == np.uint64:                # numbers of int64 stay what they are, larger ones large
        array = np.minimum(array, np.uint64(np.iinfo(np.int64).max))
    return array.astype(np.int64)


def _each_item(name: str, label: str, x: Any, lead: tuple[int, ...]) -> np.ndarray:
    array = _integers(name, label, x)
    try:
        return np.ascontiguousarray(np.broadcast_to(array, lead))
    except ValueError:
        raise ValueError(f"{name}: {label} has shape {array.shape}, expected one that broadcasts to {lead}") from None


def _lengths(name: str, kv_lengths: Any, lead: tuple[int, ...], keys: int) -> np.ndarray:
    if kv_lengths is None:
        return np.full(lead, keys, np.int64)
    lengths = _each_item(name, "kv_lengths", kv_lengths, lead)
    if lengths.size and (lengths.min() < 0 or lengths.max() > keys):
        raise ValueError(
            f"{name}: kv_lengths go from {lengths.min()} to {lengths.max()}, expected 0 to {keys}, the keys"
        )
    return lengths


def _offsets(name: str, q_offset: Any, lead: tuple[int, ...], lengths: np.ndarray, queries: int) -> np.ndarray:
    if type(q_offset) is int and q_offset == 0:
        return np.zeros(lead, np.int64)
    if isinstance(q_offset, str):
        if q_offset != "end":
            raise ValueError(f"{name}: q_offset must be integers or 'end', not {q_offset!r}")
        return np.asarray(lengths - queries)
    return np.asarray(_each_item(name, "q_offset", q_offset, lead).clip(-MOST_POSITION, MOST_POSITION))


def _mask(name: str, attn_mask: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    if attn_mask is None:
        return None
    mask = _validate.numbers(name, "attn_mask", attn_mask)
    if mask.dtype != bool and mask.dtype.name not in FLOATS:
        raise TypeError(
            f"{name}: attn_mask has dtype {mask.dtype}, expected bool (True attends) or floating-point numbers, "
            f"which are added: an integer mask of 0 and 1 is attn_mask.astype(bool)"
        )
    if not broadcasts(mask.shape, shape):
        raise ValueError(f"{name}: attn_mask has shape {mask.shape}, expected one that broadcasts to {shape}")
    return mask


def _slopes(name: str, alibi_slopes: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray | None:
    if alibi_slopes is None:
        return None
    slopes = floats(name, "alibi_slopes", alibi_slopes)
    if slopes.ndim == 0 or slopes.shape[-1] != shape[-1] or not broadcasts(slopes.shape, shape):
        raise ValueError(f"{name}: alibi_slopes has shape {slopes.shape}, expected {shape[-1:]} or {shape}")
    return slopes.astype(dtype)


def _sinks(name: str, sinks: Any, heads: int, dtype: np.dtype) -> np.ndarray | None:
    if sinks is None:
        return None
    logits = floats(name, "sinks", sinks)
    if logits.shape != (heads,):
        raise ValueError(f"{name}: sinks has shape {logits.shape}, expected a logit a head, ({heads},)")
    return logits.astype(dtype)


def _window(name: str, window: Any) -> tuple[int, int]:
    if window is None:
        return -1, -1
    try:
        left, right = window
    except (TypeError, ValueError):
        raise ValueError(f"{name}: window is {window!r}, expected (left, right)") from None
    left, right = (_validate.whole(name, "window's side", side, -1) for side in (left, right))
    return min(left, MOST_POSITION), min(right, MOST_POSITION)


def _scale(name: str, scale: Any, width: int) -> float:
    if scale is None:
        return 1.0 if width == 0 else width ** -0.5
    return _validate.real(name, "scale", scale)


def _softcap(name: str, softcap: Any) -> float:
    cap = 0.0 if softcap is None else _validate.real(name, "softcap", softcap)
    if cap < 0 or math.isinf(cap):
        raise ValueError(f"{name}: softcap must be positive and finite, or 0 or None for none, not {softcap!r}")
    return cap


def _starts(name: str, label: str, cu_seqlens: Any, of: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The bounds of sequences, and their lengths."""
    starts = _integers(name, label, cu_seqlens)         # a copy, adjacent
    if starts.ndim != 1 or not starts.size:
        raise ValueError(f"{name}: {label} has shape {starts.shape}, expected (sequences + 1,)")
    lengths = starts[1:] - starts[:-1]
    if starts[0] != 0 or starts[-1] != len(x) or lengths.min(initial=0) < 0:
        raise ValueError(
            f"{name}: {label} must rise from 0 to {len(x)}, the rows of {of} of shape {x.shape}, not {starts}"
        )
    return starts, lengths
