"""A search of what FlatIndex stores: masks and results in terms of its live rows and their ids."""

import numpy as np

from fastla import _core, _search, _validate
from fastla._core import core
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
        name, x, blocks, blocks.n, blocks.storage, k, blocks.metric, _mask_of(snapshot, mask), exclude, pad
    )
    return scores, _ids(blocks, positions)


def reaching(x: np.ndarray, threshold: float, snapshot: Snapshot, mask: np.ndarray | None) -> Found:
    """(lims, scores, ids): query i has those from lims[i] to lims[i + 1], best first, equal ones by position."""
    blocks = snapshot.blocks
    wide = _mask_of(snapshot, mask)
    batches = _search.batches(len(x)) if blocks.n else ()
    parts = [_part(x, rows, threshold, blocks, wide, snapshot.positions) for rows in batches]
    queries, scores, positions = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    ) if parts else (np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.int64))
    order = np.lexsort((positions, scores if blocks.metric == "euclidean" else -scores, queries))
    lims = np.zeros(len(x) + 1, np.int64)
    np.cumsum(np.bincount(queries, minlength=len(x)), out=lims[1:])
    return lims, scores[order], _ids(blocks, positions[order])


def _part(
    x: np.ndarray, rows: slice, threshold: float, blocks: Blocks, mask: np.ndarray | None, exclude: np.ndarray | None
) -> Found:
    """(queries, scores, positions) of some queries, in no order."""
    prepared = _search.prepare(x[rows], blocks.metric, blocks.storage, True)
    unit = prepared.unit
    groups = [(rows, np.float32(1))]
    if unit is not None:        # queries that were scaled, each by its own power of two, have thresholds of their own
        groups = [(slice(i, i + 1), scale) for i, scale in enumerate(unit, rows.start)]
    found = []
    for some, scale in groups:
        inner = slice(some.start - rows.start, some.stop - rows.start)
        allowed = mask if mask is None or mask.ndim == 1 else mask[some]
        request = core.Request(
            _core.search(blocks.storage), blocks.metric, blocks, prepared.elements[inner], prepared.plain[inner],
            None if prepared.scale is None else prepared.scale[inner],
            None if allowed is None else np.ascontiguousarray(allowed).view(np.uint8),
            None if exclude is None else exclude[some],
        )
        queries, scores, positions = request.reaching(_lower(threshold, scale))
        if scale != 1:
            with np.errstate(all="ignore"):
                scores = scores * scale
            kept = scores >= np.float32(threshold)
            queries, scores, positions = queries[kept], scores[kept], positions[kept]
        found.append((queries + some.start, scores, positions))
    queries, scores, positions = (np.concatenate(column) for column in zip(*found, strict=True))
    return queries, scores, positions


def _lower(threshold: float, scale: np.float32) -> float:
    """A threshold for scores still to be multiplied by a power of two: none that will reach it is left out."""
    if scale == 1 or not np.isfinite(threshold):
        return threshold
    with np.errstate(all="ignore"):
        # Half a step of denormals below it: they are rounded when they are multiplied.
        least = np.float32((float(np.float32(threshold)) - 2.0**-150) / float(scale))
    return float(np.nextafter(least, np.float32(-np.inf)))
