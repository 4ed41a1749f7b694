"""Softmax attention in one pass over keys and values, without a score matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _core
from fastla._block_mask import BlockMask
from fastla._core import core
from fastla._jit.functions.user_function import MOST_ROWS, calling, compiled
from fastla._validate import attention as _checks


def _run(call: _checks.Call, fresh: bool) -> None:
    """Fill call.out and call.lse; unless it is fresh, out may overlap what is read."""
    kernels = _core.search("float64" if call.query.dtype == np.float64 else "float32")
    if call.score_mod is not None or call.mask_mod is not None:
        result = call.out if fresh else np.empty_like(call.out)     # a function may raise half way
        with calling(call.score_mod, call.mask_mod):
            core.attention(kernels, call._replace(out=result))
        if not fresh:
            call.out[...] = result
        return
    if fresh:
        core.attention(kernels, call)
        return
    read = (call.query, call.key, call.value, call.mask, call.slopes, call.sinks, call.key_scale, call.value_scale)
    if any(x is not None and np.may_share_memory(call.out, x) for x in read):
        apart = np.empty_like(call.out)
        core.attention(kernels, call._replace(out=apart))
        call.out[...] = apart
    else:
        core.attention(kernels, call)


def _with_functions(name: str, call: _checks.Call, score_mod: Any, mask_mod: Any) -> _checks.Call:
    """The call with the user's functions compiled."""
    dtype = _checks.computed(call.query)
    if max(call.query.shape[-2], call.key.shape[-2]) > MOST_ROWS:
        raise ValueError(f"{name}: query has {call.query.shape[-2]} rows and key {call.key.shape[-2]}, "
                         f"expected at most {MOST_ROWS} with a function")
    return call._replace(
        score_mod=None if score_mod is None else compiled(name, "score_mod", score_mod, dtype),
        mask_mod=None if mask_mod is None else compiled(name, "mask_mod", mask_mod, dtype),
    )


@core.entry("attention", "")
def attention(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, attn_mask: ArrayLike | None = None, *, is_causal: bool = False,
    q_offset: Any = 0, kv_lengths: ArrayLike | None = None, window: tuple[int, int] | None = None,
    scale: float | None = None, softcap: float | None = None, sinks: ArrayLike | None = None,
    alibi_slopes: ArrayLike | None = None, score_mod: Callable | None = None,
    mask_mod: Callable | BlockMask | None = None, return_lse: bool = False, out: np.ndarray | None = None,
) -> Any:
    """Attention, softmax(scale * query @ key.T) @ value, for every head; the scores are never in memory.

    In this order: scale, softcap, score_mod, then masks and ALiBi, then softmax.

    Parameters
    ----------
    query : array_like (..., H, Sq, D)
        float16, bfloat16, float32 or float64. Leading axes broadcast against those of key and value.
    key : array_like (..., Hk, Skv, D)
        H is a multiple of Hk: query heads [g * H / Hk, (g + 1) * H / Hk) share key head g. Any of those dtypes.
    value : array_like (..., Hk, Skv, Dv)
    attn_mask : array_like, broadcasting to (..., H, Sq, Skv), optional
        bool (True attends), or floating-point numbers that are added to the scores; -inf hides a key.
    is_causal : bool
        Query i sees key j only if j <= i + q_offset.
    q_offset : int, integers of the leading axes, or "end"
        Where query 0 stands among the keys; "end": so that the last query stands at the last valid key.
    kv_lengths : int or integers of the leading axes, optional
        How many keys are valid; what lies beyond does not matter.
    window : (int, int), optional
        (left, right): a query sees keys from that many before to that many after where it stands; -1: no bound.
    scale : float, optional
        By default D ** -0.5.
    softcap : float, optional
        Scores become softcap * tanh(score / softcap). None or 0: they stay.
    sinks : array_like (H,), optional
        A logit for each head that takes part in the softmax and has no value.
    alibi_slopes : array_like (H,) or (..., H), optional
        slope * |i + q_offset - j| is subtracted from the scores.
    score_mod : callable, optional
        f(score, b, h, q_idx, kv_idx) -> score: a function of your own, compiled by Numba (docs/user_functions.md). b
        numbers the items of the leading axes, h the query's heads; q_idx and kv_idx are rows of query and key
        (q_offset is not added).
    mask_mod : callable or BlockMask, optional
        g(b, h, q_idx, kv_idx) -> bool: whether the query sees the key. Tiles of which no query sees a key are skipped.
        `block_mask` keeps its answers.
    return_lse : bool
        Return also the natural logarithm of each row's sum of exponentials, sink included.
    out : ndarray, optional
        Where the result goes; any strides; it may overlap the inputs.

    Returns
    -------
    ndarray (..., H, Sq, Dv) of the query's dtype, its axes in memory in the order of the query's
        A row that sees no key is 0.
    ndarray (..., H, Sq) of float32, or float64 for a float64 query
        Only with `return_lse`; -inf for a row that sees no key and has no sink.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not fit, or lengths lie outside [0, Skv].
    ImportError
        If score_mod or mask_mod is a function and Numba is not installed.

    What score_mod or mask_mod raises comes out as it is; `out` is as it was then.

    Notes
    -----
    Scores, weights and sums are float32 (float64 for a float64 query), rounded once at the end; online softmax as in
    Milakov and Gimelshein (2018) and FlashAttention (Dao et al., 2022). A result's bits depend neither on the number of
    threads nor on the batch.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> q = np.zeros((1, 2, 4), np.float32)
    >>> v = np.array([[[1.0], [3.0]]], np.float32)
    >>> fastla.attention(q, q, v, is_causal=True)[0]
    array([[1.],
           [2.]], dtype=float32)
    """
    if isinstance(mask_mod, BlockMask):
        attn_mask, mask_mod = mask_mod.joined("attention", query, key, attn_mask), None
    call = _checks.attention(
        "attention", query, key, value, attn_mask, is_causal, q_offset, kv_lengths, window, scale, softcap, sinks,
        alibi_slopes, return_lse, out,
    )
    if score_mod is not None or mask_mod is not None:
        call = _with_functions("attention", call, score_mod, mask_mod)
    _run(call, out is None)
    result = call.out if out is None else out
    return (result, call.lse) if return_lse else result


def attention_varlen(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, cu_seqlens_q: ArrayLike, cu_seqlens_k: ArrayLike, *,
    is_causal: bool = False, window: tuple[int, int] | None = None, scale: float | None = None,
    softcap: float | None = None, sinks: ArrayLike | None = None, alibi_slopes: ArrayLike | None = None,
    return_lse: bool = False, out: np.ndarray | None = None,
) -> Any:
    """Attention within each of several sequences that are packed one after the other.

    Parameters
    ----------
    query : array_like (total, H, D)
    key : array_like (total_k, Hk, D)
    value : array_like (total_k, Hk, Dv)
    cu_seqlens_q, cu_seqlens_k : integers (sequences + 1,)
        Sequence b has queries [cu_seqlens_q[b], cu_seqlens_q[b + 1]) and keys likewise; from 0 to the total.
    is_causal, window, scale, softcap, sinks, return_lse, out
        As for `attention`; of each sequence the last query stands at the last key (bottom-right, as FlashAttention's).
    alibi_slopes : array_like (H,) or (sequences, H), optional

    Returns
    -------
    ndarray (total, H, Dv) of the query's dtype
    ndarray (H, total)
        Only with `return_lse`.

    Raises
    ------
    TypeError, ValueError
        If dtypes or shapes do not fit, or the bounds do not rise from 0 to the total.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> q = np.zeros((3, 1, 4), np.float32)
    >>> v = np.array([1.0, 3.0, 5.0], np.float32).reshape(3, 1, 1)
    >>> fastla.attention_varlen(q, q, v, [0, 2, 3], [0, 2, 3]).ravel()
    array([2., 2., 5.], dtype=float32)
    """
    call = _checks.varlen(
        "attention_varlen", query, key, value, cu_seqlens_q, cu_seqlens_k, is_causal, window, scale, softcap, sinks,
        alibi_slopes, return_lse, out,
    )
    _run(call, out is None)
    result = call.out.swapaxes(0, 1) if out is None else out
    return (result, call.lse) if return_lse else result
