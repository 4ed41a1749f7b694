"""FlatIndex: vectors kept ready to be searched, exactly, in a dtype as narrow as wished."""

from __future__ import annotations

import operator
import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastla import _validate
from fastla._core import core
from fastla._storage import file, searching
from fastla._storage.blocks import Blocks
from fastla._storage.store import Store, state_of


class FlatIndex:
    """An exact index of vectors: what `knn` searches, kept in the order in which it is read.

    Parameters
    ----------
    dim : int
        How many numbers a vector has.
    metric : {"cosine", "dot", "euclidean"}
        As for `knn`.
    dtype : {"float32", "float16", "bfloat16", "int8"}
        How vectors are stored, and searched, without being widened first. int8 has one scale a vector and integer dot
        products; queries are as fine as 16 bits there (less, the more numbers beyond 515: products are summed in 32
        bits), and a vector with an infinity or NaN is NaN as a whole.

    Notes
    -----
    Scores are those of the vectors as stored (`reconstruct`). They are float32; a query has the same bits alone as in
    a batch, on any number of threads. Equal scores come in the order in which vectors were added, NaN after all
    numbers.

    Threads may use one index at once. Whoever searches (or saves) has the index as it was before or after a change
    that comes meanwhile, never in between; changes wait for each other. One that fails or is interrupted has changed
    nothing.

    An id is found in constant time, and removing takes the time of what it removes: removed vectors are left in
    place, hidden, until they are more than a quarter; then the others are moved together.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> index = fastla.FlatIndex(2)
    >>> index.add(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    >>> scores, ids = index.search(np.array([1.0, 0.1]), k=2)
    >>> ids
    array([1, 2])
    >>> index.remove(1)
    >>> 1 in index, len(index)
    (False, 2)
    """

    def __init__(self, dim: int, *, metric: str = "cosine", dtype: DTypeLike = "float32") -> None:
        metric = _validate.one_of("FlatIndex", "metric", metric, _validate.METRICS)
        storage = _validate.storage("FlatIndex", dtype)
        dim = _validate.index_dim("FlatIndex", dim, storage)
        self._store = Store(state_of(Blocks(dim, storage, metric), 0))

    @property
    def _blocks(self) -> Blocks:
        return self._store.state.blocks

    @property
    def dim(self) -> int:
        """How many numbers a vector has."""
        return self._blocks.dim

    @property
    def metric(self) -> str:
        """What scores are."""
        return self._blocks.metric

    @property
    def dtype(self) -> str:
        """How vectors are stored."""
        return self._blocks.storage

    @property
    def ids(self) -> np.ndarray:
        """A copy of the vectors' ids (n,), in the order of a mask."""
        blocks, live, _ = self._store.snapshot()
        ids = blocks.ids[:blocks.n]
        return ids.copy() if live is None else ids[live]

    @property
    def nbytes(self) -> int:
        """Bytes that vectors and ids take up, room for more of them included; for a mapped index the file's."""
        state = self._store.state
        return state.blocks.nbytes + state.removals.nbytes + state.lookup.nbytes

    def __len__(self) -> int:
        state = self._store.state
        return state.blocks.n - state.removed

    def __contains__(self, id: object) -> bool:
        try:
            wanted = np.array([operator.index(id)], np.int64)       # type: ignore[arg-type]
        except (TypeError, OverflowError):
            return False
        return bool(self._store.find(wanted)[1][0] >= 0)

    def __repr__(self) -> str:
        return f"FlatIndex(dim={self.dim}, metric={self.metric!r}, dtype={self.dtype!r}) of {len(self)} vectors"

    def add(self, x: ArrayLike, ids: ArrayLike | None = None) -> None:
        """Add vectors.

        Parameters
        ----------
        x : array_like, shape (n, dim) or (dim,)
            Real numbers of any dtype and layout, within float32's range.
        ids : array_like of int, shape (n,), optional
            By default they go on from the highest so far: 0, 1, 2 and so on. An id that was removed is not given
            again.

        Raises
        ------
        TypeError, ValueError
            If shapes or dtypes do not fit, or an id is there already; nothing is added then.

        Notes
        -----
        A mapped index is first copied into memory; its file stays as it is.
        """
        rows = _validate.rows("FlatIndex.add", x, self.dim)
        new = None if ids is None else _validate.new_ids("FlatIndex.add", ids, len(rows))
        self._store.add("FlatIndex.add", rows, new)

    def update(self, ids: ArrayLike, x: ArrayLike) -> None:
        """Replace vectors, all at once: a search finds the old ones or the new.

        Parameters
        ----------
        ids : array_like of int, shape (n,), or int
        x : array_like, shape (n, dim) or (dim,)
            As for `add`.

        Raises
        ------
        KeyError
            If an id is not in the index; nothing is replaced then.
        TypeError, ValueError
            If shapes or dtypes do not fit, or an id comes twice.

        Notes
        -----
        A replaced vector counts as removed and added anew: it comes last in `ids`.

        Examples
        --------
        >>> import fastla, numpy as np
        >>> index = fastla.FlatIndex(2)
        >>> index.add(np.eye(2))
        >>> index.update(0, [3.0, 4.0])
        >>> index.reconstruct(0), index.ids
        (array([3., 4.], dtype=float32), array([1, 0]))
        """
        rows = _validate.rows("FlatIndex.update", x, self.dim)
        wanted = np.atleast_1d(_validate.ids("FlatIndex.update", ids))
        wanted = _validate.new_ids("FlatIndex.update", wanted, len(rows))
        self._store.update("FlatIndex.update", wanted, rows)

    def remove(self, ids: ArrayLike) -> None:
        """Remove vectors by their ids; all others keep theirs, and their order.

        Parameters
        ----------
        ids : array_like of int, shape (n,), or int

        Raises
        ------
        KeyError
            If an id is not in the index; nothing is removed then.
        """
        wanted = np.atleast_1d(_validate.ids("FlatIndex.remove", ids))
        self._store.remove("FlatIndex.remove", wanted)

    def reconstruct(self, ids: ArrayLike) -> np.ndarray:
        """The vectors of ids, as stored.

        Parameters
        ----------
        ids : array_like of int, shape (n,), or int

        Returns
        -------
        ndarray of float32, shape (n, dim), or (dim,) for an int

        Raises
        ------
        KeyError
            If no vector has such an id.
        """
        wanted = _validate.ids("FlatIndex.reconstruct", ids)
        blocks, positions = self._store.find(wanted.reshape(-1))
        _validate.known("FlatIndex.reconstruct", wanted.reshape(-1), positions)
        rows = blocks.rows(positions)
        return rows if wanted.ndim else rows[0]

    @core.entry("index", "")
    def search(
        self, queries: ArrayLike, k: int = 10, *, mask: ArrayLike | None = None, exclude: ArrayLike | None = None,
        pad: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest vectors for each query.

        Parameters
        ----------
        queries : array_like, shape (m, dim) or (dim,)
            A vector is one query, with results of shape (k,).
        k : int, default 10
            At least 1.
        mask : array_like of bool, shape (n,) or (m, n), optional
            True: the vector may be returned. In the order of `ids`.
        exclude : array_like of int, shape (m,), or int, optional
            An id for each query that it may not return (-1: none); one that is not in the index changes nothing.
        pad : bool, default False
            Where there are fewer than k, give id -1 and score -inf (euclidean: inf) instead of raising.

        Returns
        -------
        scores : ndarray of float32, shape (m, k)
            Best first.
        ids : ndarray of int64, shape (m, k)

        Raises
        ------
        TypeError, ValueError
            If shapes or dtypes do not fit, or there are fewer than k candidates and `pad` is not set.
        """
        name = "FlatIndex.search"
        x, single = _validate.queries(name, queries, self.dim, f"an index of dim {self.dim}")
        k = _validate.whole(name, "k", k, 1)
        snapshot = self._store.snapshot(_validate.excluded_ids(name, exclude, len(x)))
        allowed = _validate.search_mask(name, mask, len(x), snapshot.size)
        scores, ids = searching.best(name, x, k, snapshot, allowed, pad)
        return (scores[0], ids[0]) if single else (scores, ids)

    @core.entry("index_range", "")
    def range_search(
        self, queries: ArrayLike, threshold: float, *, mask: ArrayLike | None = None, exclude: ArrayLike | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All vectors as near to each query as a threshold.

        Parameters
        ----------
        queries : array_like, shape (m, dim) or (dim,)
        threshold : float
            The least score, or for "euclidean" the greatest distance, both included; rounded to float32.
        mask, exclude
            As for `search`.

        Returns
        -------
        lims : ndarray of int64, shape (m + 1,)
            Query i has found the entries from lims[i] to lims[i + 1].
        scores : ndarray of float32, shape (lims[-1],)
            Best first for each query, equal ones in the order of `ids`.
        ids : ndarray of int64, shape (lims[-1],)

        Raises
        ------
        TypeError, ValueError
            If shapes or dtypes do not fit.

        Examples
        --------
        >>> import fastla, numpy as np
        >>> index = fastla.FlatIndex(2)
        >>> index.add(np.array([[1.0, 0.0], [1.0, 1.0]]), ids=[7, 9])
        >>> lims, scores, ids = index.range_search(np.eye(2), 0.5)
        >>> lims, ids
        (array([0, 2, 3]), array([7, 9, 9]))
        """
        name = "FlatIndex.range_search"
        x, _ = _validate.queries(name, queries, self.dim, f"an index of dim {self.dim}")
        threshold = _validate.real(name, "threshold", threshold)
        snapshot = self._store.snapshot(_validate.excluded_ids(name, exclude, len(x)))
        allowed = _validate.search_mask(name, mask, len(x), snapshot.size)
        return searching.reaching(x, threshold, snapshot, allowed)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index into a file, which is replaced at once when all is written: a crash leaves the old one.

        Parameters
        ----------
        path : path-like
            The format is described in `fastla/_storage/file.py`, and the same for every CPU. A symbolic link stays
            one: the file that it points to is replaced; other hard links to that keep the old one. Permissions are
            kept.

        Raises
        ------
        OSError
            If it cannot be written, or there is something else than a regular file.
        """
        state = self._store.packed()
        file.save(path, state.blocks, state.next_id)

    @classmethod
    def load(cls, path: str | os.PathLike[str], mmap: bool = True) -> FlatIndex:
        """An index from a file.

        Parameters
        ----------
        path : path-like
        mmap : bool, default True
            Leave the vectors in the file, which may be larger than memory: a search reads them from there. `save` may
            replace the file, but nothing may shorten it meanwhile. Otherwise they are read, and their checksums
            verified.

        Returns
        -------
        FlatIndex

        Raises
        ------
        ValueError
            If the file is truncated, damaged, or no index.
        OSError
            If it cannot be read.
        """
        blocks, next_id = file.load(path, mmap)
        index = cls(blocks.dim, metric=blocks.metric, dtype=blocks.storage)
        index._store = Store(state_of(blocks, next_id))
        return index

    def __getstate__(self) -> dict[str, Any]:
        state = self._store.packed()
        blocks = state.blocks
        return {
            "dim": blocks.dim, "metric": blocks.metric, "dtype": blocks.storage, "n": blocks.n,
            "next_id": state.next_id,
            **{name: np.concatenate(blocks.pieces(name)) for name in ("data", *blocks.COLUMNS)},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        blocks = Blocks(state["dim"], state["dtype"], state["metric"])
        for name in ("data", *blocks.COLUMNS):
            setattr(blocks, name, state[name])
        blocks.n = state["n"]
        self._store = Store(state_of(blocks, state["next_id"]))
