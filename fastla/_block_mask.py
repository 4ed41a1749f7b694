"""The answers of a mask_mod, asked once: `block_mask` for `attention`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fastla import _validate
from fastla._core import core
from fastla._jit.functions.user_function import MOST_ROWS, calling, compiled


class BlockMask:
    """Which key each query sees, by batch item and head; made by `block_mask`, passed as `mask_mod=`.

    Examples
    --------
    >>> import fastla
    >>> fastla.block_mask(lambda b, h, q, kv: kv <= q, None, None, 4, 4)
    BlockMask(shape=(1, 1, 4, 4), seen=62.5%)
    """

    def __init__(self, seen: np.ndarray) -> None:
        self.seen = seen
        self.seen.flags.writeable = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(B, H, Sq, Skv), where 1 stands for None."""
        return self.seen.shape  # type: ignore[return-value]

    @property
    def nbytes(self) -> int:
        """The memory that it keeps."""
        return self.seen.nbytes

    def __repr__(self) -> str:
        return f"BlockMask(shape={self.shape}, seen={self.seen.mean() if self.seen.size else 0:.1%})"

    def joined(self, name: str, query: Any, key: Any, attn_mask: Any) -> np.ndarray:
        """The answers as an attn_mask, together with the caller's."""
        lengths = tuple(np.shape(x)[-2] if np.ndim(x) > 1 else 0 for x in (query, key))
        if self.shape[2:] != lengths:
            raise ValueError(f"{name}: mask_mod is a block_mask for {self.shape[2]} queries and {self.shape[3]} keys, "
                             f"query and key have {lengths[0]} and {lengths[1]}")
        heads = np.shape(query)[-3] if np.ndim(query) > 2 else 1
        items = int(np.prod(np.broadcast_shapes(np.shape(query)[:-3], np.shape(key)[:-3])))
        for label, own, given in (("heads", self.shape[1], heads), ("items", self.shape[0], items)):
            if own not in (1, given):
                raise ValueError(f"{name}: mask_mod is a block_mask for {own} {label}, query has {given}")
        seen = self.seen
        if seen.shape[0] == 1:
            seen = seen[0]
        else:
            lead = np.broadcast_shapes(np.shape(query)[:-3], np.shape(key)[:-3])
            seen = seen.reshape(*lead, *seen.shape[1:])
        if attn_mask is None:
            return seen
        mask = np.asarray(attn_mask)
        return seen & mask if mask.dtype == bool else np.where(seen, mask, mask.dtype.type(-np.inf))


def block_mask(mask_mod: Callable, B: int | None, H: int | None, Sq: int, Skv: int) -> BlockMask:  # noqa: N803
    """Ask a mask_mod once for every query and key, for calls of `attention` with the same lengths.

    Parameters
    ----------
    mask_mod : callable
        g(b, h, q_idx, kv_idx) -> bool, as for `attention`.
    B, H : int or None
        Batch items and heads of the query; None: the mask is the same for all, and mask_mod is asked with 0.
    Sq, Skv : int
        Queries and keys.

    Returns
    -------
    BlockMask
        To be passed as `mask_mod=`. It keeps the answers, a byte each: what mask_mod reads may change afterwards.

    Raises
    ------
    TypeError, ValueError
        If mask_mod cannot be compiled, or a length is negative.
    ImportError
        If Numba is not installed.

    Examples
    --------
    >>> import fastla
    >>> fastla.block_mask(lambda b, h, i, j: j <= i, None, None, 4, 4)
    BlockMask(shape=(1, 1, 4, 4), seen=62.5%)
    """
    sizes = [1 if x is None else _validate.whole("block_mask", label, x, 0)
             for label, x in (("B", B), ("H", H), ("Sq", Sq), ("Skv", Skv))]
    if max(sizes[2:]) > MOST_ROWS:
        raise ValueError(f"block_mask: Sq and Skv are {Sq} and {Skv}, expected at most {MOST_ROWS}")
    function = compiled("block_mask", "mask_mod", mask_mod, np.dtype(np.uint8))
    seen = np.ones(sizes, np.uint8)
    with calling(function):
        core.ask_mask(function, seen, np.arange(max(sizes[2:]), dtype=np.int32))
    return BlockMask(seen.view(bool))
