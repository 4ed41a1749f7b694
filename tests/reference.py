"""The naive twin of what fastla does: float64 NumPy, nothing of fastla imported."""

import numpy as np


def matmul(a: np.ndarray, b: np.ndarray, computed: type = np.float64) -> np.ndarray:
    """a @ b in float64 (exact for small integers), by NumPy's einsum loops rather than its BLAS."""
    a, b = np.asarray(a, computed), np.asarray(b, computed)
    left = a[np.newaxis, :] if a.ndim == 1 else a
    right = b[:, np.newaxis] if b.ndim == 1 else b
    c = np.einsum("...ik,...kj->...ij", left, right)
    c = c[..., 0, :] if a.ndim == 1 else c
    return c[..., 0] if b.ndim == 1 else c


def bound(a: np.ndarray, b: np.ndarray, factor: float) -> np.ndarray:
    """factor * eps * |a| @ |b|, element by element: the reference BLAS tester's bound with factor 16."""
    eps = np.finfo(np.result_type(a, b)).eps
    return factor * eps * matmul(np.abs(a), np.abs(b))


def scores(q: np.ndarray, x: np.ndarray, metric: str) -> np.ndarray:
    """Each query (m, d) against each row (n, d), in float64; euclidean: distances."""
    q, x = np.asarray(q).astype(np.float64), np.asarray(x).astype(np.float64)
    if metric == "dot":
        return np.einsum("md,nd->mn", q, x)
    if metric == "euclidean":
        return np.sqrt(np.square(q[:, np.newaxis] - x).sum(-1))
    return np.einsum("md,nd->mn", unit(q), unit(x))


def unit(x: np.ndarray) -> np.ndarray:
    """Rows divided by their norms; scaled first, so that squares stay in range."""
    x = np.asarray(x, np.float64)
    most = np.abs(x).max(-1, keepdims=True, initial=0)
    x = x / np.where(most == 0, 1, most)
    norm = np.sqrt(np.square(x).sum(-1, keepdims=True))
    return x / np.where(norm == 0, 1, norm)


def vector_norm(x: np.ndarray, axis: int | tuple[int, ...] | None, order: float, keepdims: bool = False) -> np.ndarray:
    """Norms in float64; scaled first, so that powers stay in range."""
    x = np.abs(np.asarray(x).astype(np.float64))
    if order == 0:
        return (x != 0).sum(axis, keepdims=keepdims).astype(np.float64)
    if abs(order) == np.inf:
        return (x.max if order > 0 else x.min)(axis, keepdims=keepdims)
    most = x.max(axis, keepdims=True, initial=0)
    scale = np.where((most > 0) & np.isfinite(most), most, 1)
    with np.errstate(all="ignore"):
        norm = ((x / scale) ** order).sum(axis, keepdims=True) ** (1 / order) * scale
    return norm if keepdims else norm.reshape(x.sum(axis).shape)


def paired(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cosines of each vector of x with the same of y, in float64."""
    return (unit(x) * unit(y)).sum(-1)


def nearest(s: np.ndarray, k: int, metric: str) -> np.ndarray:
    """The indices of the best k of scores (m, n): best first, then the lower index, NaN last."""
    order = s if metric == "euclidean" else -s
    return np.argsort(order, axis=1, kind="stable")[:, :k]         # NaN sorts last


def attention(
    query: np.ndarray, key: np.ndarray, value: np.ndarray, attn_mask: np.ndarray | None = None, *,
    is_causal: bool = False,
    q_offset: object = 0, kv_lengths: object = None, window: tuple[int, int] | None = None, scale: float | None = None,
    softcap: float | None = None, sinks: np.ndarray | None = None, alibi_slopes: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The formula with the whole score matrix, in float64: the result and each row's log of the sum of exponentials."""
    q, k, v = (np.asarray(x).astype(np.float64) for x in (query, key, value))
    lead = np.broadcast_shapes(q.shape[:-3], k.shape[:-3], v.shape[:-3])
    heads, rows, width = q.shape[-3:]
    keys = k.shape[-2]
    k, v = (np.repeat(np.broadcast_to(x, lead + x.shape[-3:]), heads // x.shape[-3], axis=-3) for x in (k, v))
    lengths = np.broadcast_to(keys if kv_lengths is None else kv_lengths, lead)
    offset = lengths - rows if isinstance(q_offset, str) else np.broadcast_to(q_offset, lead)
    place = offset[..., None, None, None] + np.arange(rows)[:, None]
    j = np.arange(keys)
    seen = np.broadcast_to(j < lengths[..., None, None, None], (*lead, heads, rows, keys))
    if is_causal:
        seen = seen & (j <= place)
    if window is not None:
        seen = seen & ((window[0] < 0) | (j >= place - window[0])) & ((window[1] < 0) | (j <= place + window[1]))
    with np.errstate(all="ignore"):
        s = q @ np.swapaxes(k, -1, -2) * ((width or 1) ** -0.5 if scale is None else scale)
        s = softcap * np.tanh(s / softcap) if softcap else s
        if alibi_slopes is not None:
            s = s - np.asarray(alibi_slopes, np.float64)[..., None, None] * np.abs(place - j)
        if attn_mask is not None:
            mask = np.asarray(attn_mask)
            added = np.where(mask, 0, -np.inf) if mask.dtype == bool else mask.astype(np.float64)
            seen = seen & (added != -np.inf)
            s = s + added
        s = np.where(seen, s, -np.inf)
        sink = np.full((heads, 1), -np.inf) if sinks is None else np.asarray(sinks, np.float64)[:, None]
        top = np.maximum(s.max(-1, initial=-np.inf), sink)
        base = np.where(top == -np.inf, 0, top)
        weights = np.exp(s - base[..., None])
        total = weights.sum(-1) + np.exp(sink - base)
        sums = np.where(seen[..., None], weights[..., None] * v[..., None, :, :], 0).sum(-2)
        result = np.where(total[..., None] == 0, 0, sums / total[..., None])
        return result, base + np.log(total)
