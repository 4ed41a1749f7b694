"""Where the ids of an index stand, and which of its rows are removed."""

import numpy as np

from fastla._core import core
from fastla._storage.blocks import Blocks


class Lookup:
    """The positions of ids, and a mask of the live rows: caught up with the newest blocks and removals when asked.

    Rows that came with rising ids, as all do that were added without, are found by bisection among them. From the
    first id on that was not above all before it a table has the positions, so that one more costs the same whatever
    it is. Of an id that came twice (removed in between) the last row counts.
    """

    def __init__(self) -> None:
        self._rising = 0                        # rows whose ids rise
        self._known = 0                         # rows that were looked at
        self._table = core.IdTable()            # of the rows from _rising on
        self._live = np.ones(0, bool)           # of all rows for which there is room
        self._applied = 0                       # removals in _live
        self._shared: np.ndarray | None = None  # what searches have: a copy of _live, no longer written, made at
        self._shared_at = (0, 0)                # so many rows and removals

    @property
    def nbytes(self) -> int:
        """Memory beside the ids."""
        return self._table.nbytes + self._live.nbytes + (0 if self._shared is None else self._shared.nbytes)

    def find(self, blocks: Blocks, removed: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """The positions of ids (r,); -1 for those that are not there."""
        self._learn(blocks)
        positions = np.empty(len(ids), np.int64)
        self._table.find(blocks.ids, np.ascontiguousarray(ids), positions)
        rising = blocks.ids[:self._rising]
        if len(rising):
            first = np.searchsorted(rising, ids)
            there = (positions < 0) & (rising[np.minimum(first, len(rising) - 1)] == ids)
            positions[there] = first[there]
        if len(removed):
            self._follow(blocks, removed)
            positions[~self._live[positions]] = -1      # of -1 itself whatever it says
        return positions

    def mask(self, blocks: Blocks, removed: np.ndarray) -> np.ndarray | None:
        """Which of the n rows are live, for others to keep; None: all."""
        if not len(removed):
            return None
        if self._shared_at != (blocks.n, len(removed)):
            self._follow(blocks, removed)
            self._shared = self._live[:blocks.n].copy()
            self._shared_at = (blocks.n, len(removed))
        return self._shared

    def _learn(self, blocks: Blocks) -> None:
        ids, n = blocks.ids, blocks.n
        if self._known == n:
            return
        if self._rising == self._known:         # so far all
            last = self._rising - 1
            falls = np.flatnonzero(ids[max(last, 0) + 1:n] <= ids[max(last, 0):n - 1])
            self._rising = max(last, 0) + 1 + int(falls[0]) if len(falls) else n
        self._table.insert(ids, max(self._known, self._rising), n)
        self._known = n

    def _follow(self, blocks: Blocks, removed: np.ndarray) -> None:
        if len(self._live) < blocks.n:
            live = np.ones(len(blocks.ids), bool)
            live[:len(self._live)] = self._live
            self._live = live
        self._live[removed[self._applied:]] = False
        self._applied = len(removed)
