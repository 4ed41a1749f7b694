"""Passes over the rows of a data matrix X with the mean taken off, tile by tile: X is never copied or widened whole.

A tile is X's rows less a provisional mean, in the dtype that is computed in: numbers near zero, whose squares do not
cancel. What the provisional mean lacks of the true one, d, is put right exactly:
sum (x - s - d)(x - s - d)^T = sum (x - s)(x - s)^T - n d d^T.
Sums within a tile are in that dtype, over tiles in float64. Sparse rows stay sparse; their mean is taken off the
products.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastla._methods import native, tuning
from fastla._products import matmul

_TILE_BYTES = 1 << 20
_SAMPLE = 512  # rows that the provisional mean is of
_COLUMNS = 4096  # in a chunk of a wide X


def work_dtype(dtype: np.dtype) -> np.dtype:
    """What tiles are computed in: float32 where it holds X's numbers exactly."""
    narrow = dtype in (np.float16, np.float32) or (dtype.kind in "iub" and dtype.itemsize <= 2)
    return np.dtype(np.float32 if narrow else np.float64)


class Rows:
    """X, dense or sparse, and its mean once a pass has found it."""

    mean: np.ndarray  # (d,) float64

    def __init__(self, name: str, x: Any) -> None:
        self.name = name
        self.n, self.d = x.shape
        self.is_sparse = not isinstance(x, np.ndarray)
        self.x = x.tocsr() if self.is_sparse else x
        self.work = np.dtype(np.float64) if self.is_sparse else work_dtype(x.dtype)
        self._is_native = not self.is_sparse and native.can_scatter(x)
        self.step = max(16, _TILE_BYTES // (self.d * self.work.itemsize))
        if self.is_sparse:
            self.mean = self._finite(np.asarray(self.x.sum(0, dtype=float)).ravel() / self.n)
            self.shift = self.mean
        else:
            sample = np.unique(np.linspace(0, self.n - 1, min(self.n, _SAMPLE)).astype(int))
            total = sum(self.x[sample[i : i + 64]].sum(0, dtype=float) for i in range(0, len(sample), 64))
            mean = self._finite(total / len(sample))
            # Of integers it is one: differences are exact then.
            self.shift = (np.rint(mean) if x.dtype.kind in "iub" else mean).astype(self.work)

    def _finite(self, x: np.ndarray) -> np.ndarray:
        if not np.isfinite(x).all():
            raise ValueError(f"{self.name}: X holds NaN or infinity, or numbers too large to square")
        return x

    def _dense(self, x: Any, dtype: np.dtype) -> np.ndarray:
        return (x.toarray() if self.is_sparse else x).astype(dtype, copy=False)

    def _tiles(self) -> Iterator[np.ndarray]:
        for i in range(0, self.n, self.step):
            yield self._dense(self.x[i : i + self.step], self.work) - self.shift

    def _set_mean(self, total: np.ndarray) -> np.ndarray:
        """From the sum of shifted rows; returns what the provisional mean lacked."""
        lacking = total / self.n
        self.mean = self.shift + lacking
        return lacking

    def gram(self) -> np.ndarray:
        """X^T X, (d, d) in float64; finds the mean."""
        if self._is_native and self.d <= tuning.GRAM_KERNEL_FEATURES:
            g, total, _ = native.scatter(self.x, self.shift, None)
            lacking = self._set_mean(total)
            g -= self.n * np.outer(lacking, lacking)
            self._finite(np.trace(g))
            return g
        g, total = np.zeros((self.d, self.d)), np.zeros(self.d)
        with np.errstate(over="ignore", invalid="ignore"):
            for tile in self._tiles():
                g += matmul(tile.T, tile)
                total += tile.sum(0, dtype=float)
            lacking = self._set_mean(total)
            g -= self.n * np.outer(lacking, lacking)
        self._finite(np.trace(g))
        return g

    def gram_of_rows(self) -> np.ndarray:
        """X X^T, (n, n) in float64, by chunks of columns; finds the mean."""
        g = np.zeros((self.n, self.n))
        self.mean = np.empty(self.d)
        with np.errstate(over="ignore", invalid="ignore"):
            for j in range(0, self.d, _COLUMNS):
                chunk = self._dense(self.x[:, j : j + _COLUMNS], np.dtype(float)) - self.shift[j : j + _COLUMNS]
                mean = chunk.mean(0)
                self.mean[j : j + _COLUMNS] = self.shift[j : j + _COLUMNS] + mean
                chunk -= mean
                g += matmul(chunk, chunk.T)
        self._finite(np.trace(g))
        return g

    def times_transposed(self, u: np.ndarray) -> np.ndarray:
        """U X for u of shape (k, n), in float64, by chunks of columns."""
        parts = [
            matmul(u, self._dense(self.x[:, j : j + _COLUMNS], np.dtype(float)) - self.mean[j : j + _COLUMNS])
            for j in range(0, self.d, _COLUMNS)
        ]
        return np.concatenate(parts, axis=1)

    def total(self) -> float:
        """The sum of squares of X, the mean taken off; finds the mean."""
        if self.is_sparse:
            x = self.x
            deviations = np.bincount(x.indices, (x.data - self.mean[x.indices]) ** 2, self.d)
            zeros = self.n - np.bincount(x.indices, minlength=self.d)
            return float(self._finite(deviations + zeros * self.mean**2).sum())
        if self._is_native:
            _, total, squares = native.scatter(self.x, self.shift, np.zeros((1, self.d)))
            lacking = self._set_mean(total)
            return float(self._finite(squares - self.n * lacking**2).sum())
        total, squares = np.zeros(self.d), np.zeros(self.d)
        with np.errstate(over="ignore", invalid="ignore"):
            for tile in self._tiles():
                total += tile.sum(0, dtype=float)
                squares += np.einsum("ij,ij->j", tile, tile, dtype=float)
            lacking = self._set_mean(total)
        return float(self._finite(squares - self.n * lacking**2).sum())

    def scatter(self, v: np.ndarray) -> np.ndarray:
        """X^T (X V) for the rows v, as rows, X read once; the mean must be known."""
        if self.is_sparse:
            y = self.x @ v.T - self.mean @ v.T
            return np.ascontiguousarray((self.x.T @ y - np.outer(self.mean, y.sum(0))).T)
        lacking = self.mean - self.shift
        if self._is_native:
            return native.scatter(self.x, self.shift, v)[0] - self.n * np.outer(matmul(v, lacking), lacking)
        result = np.zeros(v.shape)
        narrow = v.astype(self.work)
        for tile in self._tiles():
            result += matmul(matmul(narrow, tile.T), tile)
        return result - self.n * np.outer(matmul(v, lacking), lacking)

    def centred(self) -> np.ndarray:
        """X with the mean taken off, in float64: for a chunk."""
        return self._dense(self.x, np.dtype(float)) - self.mean

    def rotated_r(self, v: np.ndarray) -> np.ndarray:
        """R of a QR factorisation of X V in float64, for the rows v, tile by tile (TSQR)."""
        r = np.empty((0, len(v)))
        step = max(self.step, 4 * len(v))
        for i in range(0, self.n, step):
            tile = self._dense(self.x[i : i + step], np.dtype(float)) - self.mean
            r = np.linalg.qr(np.concatenate([r, matmul(tile, v.T)]), mode="r")
        return r


def project(x: Any, v: np.ndarray, mean: np.ndarray, out_dtype: np.dtype) -> np.ndarray:
    """(X - mean) V^T for the rows v, in float64 tile by tile."""
    if not isinstance(x, np.ndarray):
        return (x @ v.T - mean @ v.T).astype(out_dtype)
    out = np.empty((len(x), len(v)), out_dtype)
    step = max(16, _TILE_BYTES // (8 * max(x.shape[1], 1)))
    for i in range(0, len(x), step):
        out[i : i + step] = matmul(x[i : i + step].astype(float) - mean, v.T)
    return out
