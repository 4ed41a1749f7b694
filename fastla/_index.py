"""FlatIndex: vectors kept ready to be searched, exactly, in a dtype as narrow as wished."""

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _search, _validate
from fastla._storage import file
from fastla._storage.blocks import Blocks


class FlatIndex:
    """An exact index of vectors: what `knn` searches, kept in the order in which it is read.

    Parameters
    ----------
    dim : int
        How many numbers a vector has.
    metric : {"cosine", "dot", "euclidean"}
        As for `knn`.
    dtype : {"float32", "float16", "bfloat16", "int8"}
        How vectors are stored, and searched, without being widened first. int8 has one scale a vector and integer dot products;
        queries are as fine as 16 bits there (less, the more numbers beyond 515: products are summed in 32 bits), and a vector with an infinity or NaN is NaN as a whole.

    Notes
    -----
    Scores are those of the vectors as stored (`reconstruct`). They are float32; a query has the same bits alone as in a batch, on
    any number of threads. Equal scores come in the order in which vectors were added, and NaN after all numbers.
    A search may run in several threads at once; `add` and `remove` may not run beside anything else on the same
    index: a search that reads what they free can crash.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> index = fastla.FlatIndex(2)
    >>> index.add(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    >>> scores, ids = index.search(np.array([1.0, 0.1]), k=2)
    >>> ids
    array([1, 2])
    """

    def __init__(self, dim: int, *, metric: str = "cosine", dtype: str = "float32") -> None:
        dim = _validate.whole("FlatIndex", "dim", dim, 1)
        metric = _validate.one_of("FlatIndex", "metric", metric, _validate.METRICS)
        storage = _validate.storage("FlatIndex", dtype)
        if storage == "int8" and dim > _validate.MOST_INT8_DIM:
            raise ValueError(f"FlatIndex: dim is {dim}, but int8 vectors have at most {_validate.MOST_INT8_DIM} numbers")
        self._blocks = Blocks(dim, storage, metric)
        self._next_id = 0

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
        return self._known().copy()

    def _known(self) -> np.ndarray:
        return self._blocks.ids[:len(self)]

    @property
    def nbytes(self) -> int:
        """Bytes that vectors and ids take up, room for more of them included; for a mapped index the file's."""
        return self._blocks.nbytes

    def __len__(self) -> int:
        return self._blocks.n

    def __repr__(self) -> str:
        return f"FlatIndex(dim={self.dim}, metric={self.metric!r}, dtype={self.dtype!r}) of {len(self)} vectors"

    def add(self, x: ArrayLike, ids: ArrayLike | None = None) -> None:
        """Add vectors.

        Parameters
        ----------
        x : array_like, shape (n, dim) or (dim,)
            Real numbers of any dtype and layout, within float32's range.
        ids : array_like of int, shape (n,), optional
            By default they go on from the highest so far: 0, 1, 2 and so on. An id that was removed is not given again.

        Raises
        ------
        TypeError, ValueError
            If shapes or dtypes do not fit, or an id is there already; nothing is added then.

        Notes
        -----
        A mapped index is first copied into memory; its file stays as it is.
        """
        rows = _validate.numbers("FlatIndex.add", "x", x)
        if rows.ndim not in (1, 2) or rows.shape[-1] != self.dim:
            raise ValueError(f"FlatIndex.add: x has shape {rows.shape}, expected (n, {self.dim}) or ({self.dim},)")
        rows = np.atleast_2d(rows)
        new = self._new_ids(ids, len(rows))
        before, count = self._next_id, len(self)
        if len(new):
            self._next_id = max(before, int(new.max()) + 1)     # first: an interrupt may not leave it behind the ids
        try:
            self._blocks.add(rows, new)
        except BaseException:
            if len(self) == count:
                self._next_id = before
            raise

    def _new_ids(self, ids: ArrayLike | None, count: int) -> np.ndarray:
        if ids is None:
            if self._next_id + count > _validate.MOST_ID + 1:
                raise ValueError(f"FlatIndex.add: no ids are left above {self._next_id - 1}; pass ids")
            return np.arange(self._next_id, self._next_id + count)
        new = _validate.new_ids("FlatIndex.add", ids)
        if new.shape != (count,):
            raise ValueError(f"FlatIndex.add: ids has shape {new.shape}, expected ({count},): one for each row of x")
        if len(np.unique(new)) < count:
            raise ValueError("FlatIndex.add: ids has an id twice")
        if count and (new.min() < self._next_id) and len(there := np.intersect1d(new, self._known())):
            raise ValueError(f"FlatIndex.add: id {there[0]} is in the index already")
        return new

    def remove(self, ids: ArrayLike) -> None:
        """Remove vectors by their ids; all others keep theirs, and their order.

        Parameters
        ----------
        ids : array_like of int, shape (n,), or int

        Raises
        ------
        KeyError
            If an id is not in the index; nothing is removed then.

        Notes
        -----
        A mapped index is first copied into memory; its file stays as it is.
        """
        wanted = np.atleast_1d(_validate.ids("FlatIndex.remove", ids))
        missing = np.setdiff1d(wanted, self._known())
        if len(missing):
            raise KeyError(f"FlatIndex.remove: no vector has id {missing[0]}")
        # New panels, then one assignment: an interrupt leaves all vectors or the rest.
        self._blocks = self._blocks.kept(np.flatnonzero(~np.isin(self._known(), wanted)))

    def reconstruct(self, id: int) -> np.ndarray:
        """The vector of an id, as stored.

        Parameters
        ----------
        id : int

        Returns
        -------
        ndarray of float32, shape (dim,)

        Raises
        ------
        KeyError
            If no vector has that id.
        """
        (position,) = np.nonzero(self.ids == _validate.whole("FlatIndex.reconstruct", "id", id, np.iinfo(np.int64).min))
        if not len(position):
            raise KeyError(f"FlatIndex.reconstruct: no vector has id {id}")
        return self._blocks.rows(position)[0]

    def search(
        self, queries: ArrayLike, k: int = 10, *, mask: ArrayLike | None = None, pad: bool = False
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
        x, single = _validate.queries("FlatIndex.search", queries, self.dim, f"an index of dim {self.dim}")
        k = _validate.whole("FlatIndex.search", "k", k, 1)
        allowed = _validate.search_mask("FlatIndex.search", mask, len(x), len(self))
        scores, positions = _search.best(
            "FlatIndex.search", x, self._blocks, len(self), self.dtype, k, self.metric, allowed, None, pad
        )
        ids = np.where(positions >= 0, self._blocks.ids[positions], -1) if len(self) else positions
        return (scores[0], ids[0]) if single else (scores, ids)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the index into a file, which is replaced at once when all is written: a crash leaves the old one.

        Parameters
        ----------
        path : path-like
            The format is described in `fastla/_storage/file.py`, and the same for every CPU.
        """
        file.save(path, self._blocks, self._next_id)

    @classmethod
    def load(cls, path: str | os.PathLike[str], mmap: bool = True) -> "FlatIndex":
        """An index from a file.

        Parameters
        ----------
        path : path-like
        mmap : bool, default True
            Leave the vectors in the file, which may be larger than memory: a search reads them from there. `save` may replace the
            file, but nothing may shorten it meanwhile. Otherwise they are read, and their checksums verified.

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
        panels, next_id = file.load(path, mmap)
        index = cls(panels.dim, metric=panels.metric, dtype=panels.storage)
        index._blocks, index._next_id = panels, next_id
        return index

    def __getstate__(self) -> dict[str, Any]:
        panels = self._blocks.trimmed()
        return {
            "dim": self.dim, "metric": self.metric, "dtype": self.dtype, "n": len(self), "next_id": self._next_id,
            **{name: np.array(getattr(panels, name)) for name in ("data", *panels.COLUMNS)},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["dim"], metric=state["metric"], dtype=state["dtype"])
        self._next_id = state["next_id"]
        for name in ("data", *self._blocks.COLUMNS):
            setattr(self._blocks, name, state[name])
        self._blocks.n = state["n"]
