"""A search of what FlatIndex stores: masks and results in terms of its live rows and their ids."""

import numpy as np

from fastla import _search, _validate
from fastla._storage.blocks import Blocks
from fastla._storage.store import Snapshot

Found = tuple[np.ndarray, np.ndarray, np.ndarray]


def _mask_of(snapshot: Snapshot, mask: np.ndarray | None) -> np.ndarray | None:
    """The user's mask, over live rows, as one over all that are stored."""
    live = snapshot.live
    if live is None or mask is None:
        return live if mask is None else mask
    wide = np.zeros((*mask.shape[:-1], len(live)), bool)
    wide[..., live] = mask
    return wide


def _ids(blocks: Blocks, positions: np.ndarray) -> np.ndarray:
    return np.where(positions >= 0, blocks.ids[positions], -1) if blocks.n else positions


def best(
    name: str, x: np.ndarray, k: int, snapshot: Snapshot, mask: np.ndarray | None, pad: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and ids (m, k) of the k best rows for each query, which may not find its one of snapshot.positions."""
    blocks, live, exclude = snapshot
    if live is not None and mask is None and not pad and len(x):     # that a mask leaves so few is no news to the user
        least = snapshot.size - int(exclude is not None and exclude.max() >= 0)
        _validate.candidates(name, k, least, None, exclude)
    scores, positions = _search.best(
        name, x, blocks, blocks.storage, k, blocks.metric, _mask_of(snapshot, mask), exclude, pad
    )
    return scores, _ids(blocks, positions)


def reaching(x: np.ndarray, threshold: float, snapshot: Snapshot, mask: np.ndarray | None) -> Found:
    """(lims, scores, ids): query i has those from lims[i] to lims[i + 1], best first, equal ones by position."""
    blocks = snapshot.blocks
    lims, scores, positions = _search.reaching(
        x, blocks, blocks.storage, blocks.metric, threshold, _mask_of(snapshot, mask), snapshot.positions
    )
    return lims, scores, _ids(blocks, positions)
