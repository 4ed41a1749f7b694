"""Who computes the language model: NumPy, fastla (with its weights also in 8 bits), torch."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

import fastla
from benchmarks.smollm.model import Library, Shape


def _silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def _norm_by_numpy(x: np.ndarray, weight: np.ndarray, eps: float, added: np.ndarray | None) -> tuple[Any, Any]:
    x = x if added is None else x + added
    return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(eps)) * weight, x


def _attend_by_numpy(cache: list[np.ndarray], q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    cache[:] = [np.concatenate((old, new), axis=1) for old, new in zip(cache, (k, v), strict=True)]
    keys, values = (np.repeat(x, len(q) // len(x), axis=0) for x in cache)
    scores = (q * np.float32(q.shape[-1] ** -0.5)) @ keys.swapaxes(1, 2)
    scores += np.triu(np.full(scores.shape[1:], -np.inf, np.float32), scores.shape[2] - scores.shape[1] + 1)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True) @ values


def _empty(shape: Shape) -> list[np.ndarray]:
    return [np.empty((shape.kv_heads, 0, shape.head), np.float32) for _ in range(2)]


NUMPY = Library(
    lambda x, w: x @ w.T, lambda x, gate, up: _silu(x @ gate.T) * (x @ up.T), _norm_by_numpy, _empty, _attend_by_numpy,
    lambda w: w,
)


def _norm(x: np.ndarray, weight: np.ndarray, eps: float, added: np.ndarray | None) -> tuple[Any, Any]:
    if added is None:
        return fastla.rms_norm(x, weight, eps=eps), x
    return fastla.rms_norm(x, weight, eps=eps, residual=added)


def _attend(cache: fastla.KVCache, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    cache.append(k[None], v[None])
    return cache.attend(q[None], is_causal=True)[0]


FASTLA = Library(
    fastla.linear, fastla.gated_linear, _norm, lambda shape: fastla.KVCache(1, shape.kv_heads, shape.head), _attend,
    fastla.pack,
)
FASTLA_INT8 = FASTLA._replace(prepare=fastla.quantize)


def by_torch() -> Library:
    """Torch's functions, on NumPy's arrays."""
    torch = importlib.import_module("torch")
    functional = torch.nn.functional
    torch.set_grad_enabled(False)
    of = torch.from_numpy

    def gated(x: np.ndarray, gate: Any, up: Any) -> np.ndarray:
        return (functional.silu(functional.linear(of(x), gate)) * functional.linear(of(x), up)).numpy()

    def norm(x: np.ndarray, weight: np.ndarray, eps: float, added: np.ndarray | None) -> tuple[Any, Any]:
        total = of(x) if added is None else of(x) + of(added)
        return functional.rms_norm(total, total.shape[-1:], of(weight), eps).numpy(), total.numpy()

    def attend(cache: list[Any], q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
        new = (of(np.ascontiguousarray(x))[None] for x in (k, v))
        cache[:] = [x if old is None else torch.cat((old, x), 2) for old, x in zip(cache, new, strict=True)]
        # Either the first tokens, or one: no mask is needed for that.
        return functional.scaled_dot_product_attention(
            of(np.ascontiguousarray(q))[None], *cache, is_causal=q.shape[1] > 1, enable_gqa=True)[0].numpy()

    return Library(lambda x, w: functional.linear(of(np.ascontiguousarray(x)), w).numpy(), gated, norm,
                   lambda shape: [None, None], attend, lambda w: of(w))
