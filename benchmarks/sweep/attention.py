"""Softmax and attention as random calls, beside the lines that a NumPy user writes."""

from __future__ import annotations

import numpy as np

from benchmarks.sweep.functions import FLOATS, LARGEST, Drawn, array, size, stack_and_sizes


def _softmax(x: np.ndarray, axis: int) -> np.ndarray:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _logsumexp(x: np.ndarray, axis: int) -> np.ndarray:
    top = x.max(axis, keepdims=True)
    return np.log(np.exp(x - top).sum(axis)) + top.squeeze(axis)


def _attend(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.dtype.type(q.shape[-1])), -1) @ v


LINES = {"softmax": _softmax, "logsumexp": _logsumexp, "log_softmax": lambda x, axis: np.log(_softmax(x, axis))}


def along_axis(name: str, rng: np.random.Generator) -> Drawn:
    """Draw an array and an axis for one of LINES."""
    stack, m, n, _ = stack_and_sizes(rng)
    dtype = str(rng.choice(FLOATS))
    x, text = array(rng, (*stack, m, n), dtype)
    axis = int(rng.integers(-x.ndim, x.ndim))
    return Drawn(f"{text}, axis={axis}, {dtype}", lambda: LINES[name](x, axis),
                 lambda fastla: lambda: getattr(fastla, name)(x, axis=axis))


def _heads(rng: np.random.Generator) -> tuple[int, int, int, int]:
    return size(rng, 1, 12), size(rng, 1, min(500, LARGEST)), size(rng, 1, min(500, LARGEST)), size(rng, 1, 160)


def attention(rng: np.random.Generator) -> Drawn:
    """Draw a batch of heads without a mask."""
    (heads, m, n, d), dtype = _heads(rng), str(rng.choice(FLOATS))
    (q, text), (k, more), (v, _) = (array(rng, (heads, length, d), dtype) for length in (m, n, n))
    return Drawn(f"{text}, {more}, {dtype}", lambda: _attend(q, k, v), lambda fastla: lambda: fastla.attention(q, k, v))


def attention_varlen(rng: np.random.Generator) -> Drawn:
    """Draw sequences of several lengths, one behind the other."""
    (heads, _, n, d), dtype = _heads(rng), str(rng.choice(FLOATS))
    bounds = np.concatenate([[0], np.cumsum(rng.integers(1, n + 1, size(rng, 1, 8)))])
    q, k, v = (rng.standard_normal((bounds[-1], heads, d)).astype(dtype) for _ in range(3))

    def theirs() -> np.ndarray:
        parts = [slice(a, b) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
        return np.concatenate([_attend(*(x[part].swapaxes(0, 1) for x in (q, k, v))).swapaxes(0, 1) for part in parts])

    return Drawn(f"{q.shape}, {len(bounds) - 1} sequences, {dtype}", theirs,
                 lambda fastla: lambda: fastla.attention_varlen(q, k, v, bounds, bounds))


def kv_cache(rng: np.random.Generator) -> Drawn:
    """Draw a query of one token that attends to what a cache holds."""
    (heads, _, n, d), batch = _heads(rng), size(rng, 1, 8)
    q, (k, v) = (rng.standard_normal((batch, heads, 1, d), np.float32),
                 rng.standard_normal((2, batch, heads, n, d), np.float32))

    def ours(fastla: object) -> object:
        cache = fastla.KVCache(batch, heads, d, capacity=n)         # type: ignore[attr-defined]
        cache.append(k, v)
        return lambda: cache.attend(q)

    return Drawn(f"{k.shape}, float32", lambda: _attend(q, k, v), ours)
