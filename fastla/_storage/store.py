"""The rows of a FlatIndex as they change: added, removed and replaced while others read."""

import os
import threading
import weakref
from typing import NamedTuple

import numpy as np

from fastla import _validate
from fastla._storage.blocks import Blocks
from fastla._storage.lookup import Lookup

# Rows are moved together when more than one out of so many has been removed: a removal then pays for moving three,
# and a search for a third more rows than there are.
SPARE = 4


class State(NamedTuple):
    """What an index is at one time. Its arrays are not written where it refers to them."""

    blocks: Blocks
    removals: np.ndarray        # positions of removed rows, and room for more
    removed: int
    next_id: int
    lookup: Lookup

    @property
    def gone(self) -> np.ndarray:
        """The positions of the rows that have been removed."""
        return self.removals[:self.removed]


def state_of(blocks: Blocks, next_id: int) -> State:
    """Blocks of which no row is removed."""
    return State(blocks, np.zeros(0, np.int64), 0, next_id, Lookup())


class Snapshot(NamedTuple):
    """What a search reads: blocks, which of their rows are live (None: all), and where the ids it asked for stand."""

    blocks: Blocks
    live: np.ndarray | None
    positions: np.ndarray | None

    @property
    def size(self) -> int:
        """How many rows are live."""
        return self.blocks.n if self.live is None else int(np.count_nonzero(self.live))


class Store:
    """The newest state. A change makes another and puts it in the place of the last one, all at once.

    Who has read a state goes on reading what it was. Changes wait for each other; `_looking` is held for moments.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self._unlock()
        _stores.add(self)

    def _unlock(self) -> None:
        self._changing, self._looking = threading.Lock(), threading.Lock()

    def snapshot(self, ids: np.ndarray | None = None) -> Snapshot:
        """The rows as they are now, and the positions of ids (-1: not there)."""
        with self._looking:
            state = self.state
            live = state.lookup.mask(state.blocks, state.gone)
            positions = None if ids is None else state.lookup.find(state.blocks, state.gone, ids)
        return Snapshot(state.blocks, live, positions)

    def find(self, ids: np.ndarray) -> tuple[Blocks, np.ndarray]:
        """The blocks, and where the ids stand in them (-1: not there)."""
        with self._looking:
            state = self.state
            return state.blocks, state.lookup.find(state.blocks, state.gone, ids)

    def add(self, name: str, x: np.ndarray, ids: np.ndarray | None) -> None:
        """Add rows (r, dim) with ids that differ and are not there yet; None: the next ones. `name` is for errors."""
        with self._changing:
            state = self.state
            if ids is None:
                _validate.ids_left(name, state.next_id, len(x))
                ids = np.arange(state.next_id, state.next_id + len(x))
            elif len(ids) and ids.min() < state.next_id:
                _, positions = self.find(ids)
                _validate.unknown(name, ids, positions)
            next_id = max(state.next_id, int(ids.max()) + 1) if len(ids) else state.next_id
            self.state = state._replace(blocks=state.blocks.appended(x, ids), next_id=next_id)

    def remove(self, name: str, ids: np.ndarray) -> None:
        """Remove rows by their ids, all of them there."""
        with self._changing:
            _, positions = self.find(ids)
            _validate.known(name, ids, positions)
            self.state = _spared(_without(self.state, np.unique(positions)))

    def update(self, name: str, ids: np.ndarray, x: np.ndarray) -> None:
        """Put rows in the place of those that have these ids, which differ and are all there."""
        with self._changing:
            _, positions = self.find(ids)
            _validate.known(name, ids, positions)
            state = self.state._replace(blocks=self.state.blocks.appended(x, ids))
            self.state = _spared(_without(state, positions))

    def packed(self) -> State:
        """The newest state, without removed rows."""
        with self._changing:
            if self.state.removed:
                self.state = _packed(self.state)
            return self.state


def _without(state: State, positions: np.ndarray) -> State:
    removed = state.removed + len(positions)
    removals = state.removals
    if removed > len(removals):
        removals = np.empty(removed + removed // 2, np.int64)
        removals[:state.removed] = state.gone
    removals[state.removed:removed] = positions
    return state._replace(removals=removals, removed=removed)


def _spared(state: State) -> State:
    """The same; packed where that is due."""
    return _packed(state) if state.removed * SPARE > state.blocks.n else state


def _packed(state: State) -> State:
    """The live rows moved together."""
    live = np.ones(state.blocks.n, bool)
    live[state.gone] = False
    return state_of(state.blocks.kept(live), state.next_id)


# A child that was forked while another thread held a lock has no such thread: its locks are new. A state is always
# whole.
_stores: "weakref.WeakSet[Store]" = weakref.WeakSet()


def _after_fork() -> None:
    for store in list(_stores):
        store._unlock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
