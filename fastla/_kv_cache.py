"""The keys and values that a decoder has seen so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _validate
from fastla._attention import _run
from fastla._core import core
from fastla._storage import heads
from fastla._validate import attention as _checks


class KVCache:
    """Keys and values of a batch of sequences, appended token by token and attended to.

    Parameters
    ----------
    batch, kv_heads, head_dim : int
    value_dim : int, optional
        The values' width; by default head_dim.
    capacity : int, default 256
        Tokens that there is room for at first; it doubles when it is full.
    dtype : {"float32", "float64", "float16", "bfloat16", "int8"}
        How keys and values are stored. int8 has a scale for each token and head: a number is off by at most 1/254 of
        the largest of its row (and float32 rounding).

    Attributes
    ----------
    lengths : ndarray (batch,) of int64
        Tokens of each sequence.
    nbytes : int
        Bytes of storage.

    Notes
    -----
    A cache may be pickled and copied; what was appended is its own. It is not safe to change in one thread and use in
    another.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> cache = fastla.KVCache(1, 1, 4)
    >>> cache.append(np.zeros((1, 1, 2, 4)), np.arange(8.0).reshape(1, 1, 2, 4))
    >>> cache.attend(np.zeros((1, 1, 1, 4), np.float32)).ravel()
    array([2., 3., 4., 5.], dtype=float32)
    """

    def __init__(
        self, batch: int, kv_heads: int, head_dim: int, *, value_dim: int | None = None, capacity: int = 256,
        dtype: Any = "float32",
    ) -> None:
        sizes = {"batch": batch, "kv_heads": kv_heads, "head_dim": head_dim, "capacity": capacity,
                 "value_dim": head_dim if value_dim is None else value_dim}
        least = {"batch": 0, "kv_heads": 1, "head_dim": 0, "value_dim": 0, "capacity": 0}
        sizes = {label: _validate.whole("KVCache", label, size, least[label]) for label, size in sizes.items()}
        self._dtype = _dtype_name(dtype)
        self._lengths = np.zeros(sizes["batch"], np.int64)
        self._widths = sizes["head_dim"], sizes["value_dim"]
        self._stored: list[np.ndarray] = []
        self._scales: list[np.ndarray] = []
        self._allocate(sizes["kv_heads"], sizes["capacity"])

    def _allocate(self, kv_heads: int, capacity: int) -> None:
        rows = len(self._lengths), kv_heads, capacity
        stored = [np.zeros((*rows, width), heads.DTYPES[self._dtype]) for width in self._widths]
        scales = [np.zeros(rows, np.float32) for _ in self._widths] if self._dtype == "int8" else []
        used = self._lengths.max(initial=0)
        for old, new in zip([*self._stored, *self._scales], [*stored, *scales], strict=False):
            new[:, :, :used] = old[:, :, :used]
        self._stored, self._scales = stored, scales

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each sequence; a copy."""
        return self._lengths.copy()

    @property
    def nbytes(self) -> int:
        """Bytes of storage, free places included."""
        return sum(x.nbytes for x in [*self._stored, *self._scales])

    def __repr__(self) -> str:
        batch, kv_heads, capacity, width = self._stored[0].shape
        return (f"KVCache(batch={batch}, kv_heads={kv_heads}, head_dim={width}, capacity={capacity}, "
                f"dtype={self._dtype!r})")

    def append(self, key: ArrayLike, value: ArrayLike, lengths: ArrayLike | None = None) -> None:
        """Add tokens to every sequence.

        Parameters
        ----------
        key : array_like (batch, kv_heads, n, head_dim)
        value : array_like (batch, kv_heads, n, value_dim)
        lengths : integers (batch,), optional
            Sequence b takes the first lengths[b] of the n; by default all.

        Raises
        ------
        TypeError, ValueError
            If dtypes or shapes do not fit, or int8 storage meets numbers that are not finite; nothing is added then.
        """
        given = [_checks.floats("KVCache.append", label, x) for label, x in (("key", key), ("value", value))]
        batch, kv_heads, capacity, _ = self._stored[0].shape
        n = given[0].shape[-2] if given[0].ndim == 4 else -1
        expected = [(batch, kv_heads, n, width) for width in self._widths]
        if n < 0 or [x.shape for x in given] != expected:
            raise ValueError(
                f"KVCache.append: key has shape {given[0].shape} and value {given[1].shape}, expected "
                f"({batch}, {kv_heads}, n, {self._widths[0]}) and ({batch}, {kv_heads}, n, {self._widths[1]})"
            )
        counts = n if lengths is None else self._counts("append", lengths, np.full(batch, n))
        encoded = [heads.encode(x, self._dtype) for x in given]
        if self._dtype == "int8" and not all(np.isfinite(scale).all() for _, scale in encoded):
            raise ValueError(
                "KVCache.append: key or value has numbers that are not finite, which int8 storage cannot hold"
            )
        after = self._lengths + counts
        most = int(after.max(initial=0))
        if most > capacity:
            self._allocate(kv_heads, max(most, 2 * capacity))
        for part, (rows, scale) in enumerate(encoded):
            self._write(self._stored[part], rows, after)
            if scale is not None:
                self._write(self._scales[part], scale, after)
        self._lengths = after

    def _write(self, to: np.ndarray, rows: np.ndarray, after: np.ndarray) -> None:
        starts, ends = self._lengths.tolist(), after.tolist()
        n = rows.shape[2]
        if starts.count(starts[0] if starts else 0) == ends.count(starts[0] + n if starts else 0) == len(starts) > 0:
            to[:, :, starts[0]:ends[0]] = rows
            return
        for b, (start, end) in enumerate(zip(starts, ends, strict=True)):
            to[b, :, start:end] = rows[b, :, :end - start]

    def _counts(self, method: str, lengths: Any, most: np.ndarray) -> np.ndarray:
        counts = np.asarray(lengths)
        if counts.dtype.kind not in "iu" and counts.size:
            raise TypeError(f"KVCache.{method}: lengths has dtype {counts.dtype}, expected integers")
        if counts.shape not in ((), most.shape):
            raise ValueError(
                f"KVCache.{method}: lengths has shape {counts.shape}, expected {most.shape}, one for each sequence"
            )
        counts = np.broadcast_to(counts, most.shape).astype(np.int64)
        if (counts < 0).any() or (counts > most).any():
            raise ValueError(f"KVCache.{method}: lengths are {counts}, expected from 0 to {most}")
        return counts

    def attend(
        self, query: ArrayLike, attn_mask: ArrayLike | None = None, *, is_causal: bool = False, q_offset: Any = "end",
        window: tuple[int, int] | None = None, scale: float | None = None, softcap: float | None = None,
        sinks: ArrayLike | None = None, alibi_slopes: ArrayLike | None = None, return_lse: bool = False,
        out: np.ndarray | None = None,
    ) -> Any:
        """Attention of queries (batch, H, Sq, head_dim) over what each sequence has, as `fastla.attention`.

        `q_offset` is "end" by default: the last query stands at the sequence's last token. A mask's last axis has as
        many keys as the longest sequence. The other arguments, the result and the errors are those of `attention`.
        """
        name = "KVCache.attend"
        used = int(self._lengths.max(initial=0))
        array = _checks.floats(name, "query", query)
        if array.ndim != 4 or array.shape[0] != len(self._lengths):
            raise ValueError(
                f"{name}: query has shape {array.shape}, expected "
                f"({len(self._lengths)}, heads, length, {self._widths[0]})"
            )
        key, value = (x[:, :, :used] for x in self._stored)
        scales = [x[:, :, :used] for x in self._scales]
        usual = attn_mask is softcap is sinks is alibi_slopes is out is None and return_lse is False
        if usual and isinstance(q_offset, str) and q_offset == "end":
            result = core.attend(array, key, value, self._lengths, self._dtype, scales, is_causal, window, scale)
            if result is not None:
                return result
        call = _checks.fit(name, array, key, value, attn_mask, is_causal, q_offset, self._lengths, window, scale,
                           softcap, sinks, alibi_slopes, return_lse, out)
        if scales:
            call = call._replace(key_scale=scales[0], value_scale=scales[1])
        _run(call._replace(stored=self._dtype), out is None)
        return (call.out, call.lse) if return_lse else call.out

    def truncate(self, lengths: ArrayLike) -> None:
        """Drop what lies beyond so many tokens, one number for all or one for each sequence.

        Raises
        ------
        TypeError, ValueError
            If a length is not an integer from 0 to what there is.
        """
        self._lengths = self._counts("truncate", lengths, self._lengths)

    def reorder(self, rows: ArrayLike) -> None:
        """Let sequence b be what sequence rows[b] was, as beam search does; there may be more or fewer than before.

        Raises
        ------
        TypeError, ValueError
            If rows are not integers (n,) of sequences that there are.
        """
        order = np.asarray(rows)
        if order.dtype.kind not in "iu" and order.size:
            raise TypeError(f"KVCache.reorder: rows has dtype {order.dtype}, expected integers")
        if order.ndim != 1 or (order.size and not 0 <= order.min() <= order.max() < len(self._lengths)):
            raise ValueError(
                f"KVCache.reorder: rows are {order}, expected integers (n,) from 0 to {len(self._lengths) - 1}"
            )
        order = order.astype(np.int64)
        self._stored = [x[order] for x in self._stored]
        self._scales = [x[order] for x in self._scales]
        self._lengths = self._lengths[order]

    def copy(self) -> KVCache:
        """A cache of its own that holds the same."""
        return self.__copy__()

    def __copy__(self) -> KVCache:
        twin = object.__new__(type(self))
        twin._dtype, twin._widths = self._dtype, self._widths
        twin._lengths = self._lengths.copy()
        twin._stored = [x.copy() for x in self._stored]
        twin._scales = [x.copy() for x in self._scales]
        return twin


def _dtype_name(dtype: Any) -> str:
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", getattr(dtype, "__name__", None))
    return _validate.one_of("KVCache", "dtype", name, tuple(heads.DTYPES))
