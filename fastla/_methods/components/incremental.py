"""Moments of rows that come in chunks: the mean and the scatter matrix, combined exactly.

Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances (1979).
"""

import numpy as np

from fastla._methods.components import pca
from fastla._methods.components.rows import Rows

SCATTER_FEATURES = 4096  # beyond, the leading directions stand for what has been seen


class Moments:
    """What has been seen so far: count, mean, and the scatter matrix, or a factor f, f^T f, of its leading part."""

    def __init__(self, d: int, k: int | None) -> None:
        self.n, self.mean, self.total = 0, np.zeros(d), 0.0
        self.k = k
        self.exact = d <= SCATTER_FEATURES
        self.scatter = np.zeros((d, d)) if self.exact else np.empty((0, d))

    def add(self, rows: Rows) -> None:
        """Another chunk."""
        if self.exact:
            scatter = rows.gram()
            spread = float(np.trace(scatter))
        else:
            spread = rows.total()
            chunk = rows.centred()
        n = self.n + rows.n
        apart = rows.mean - self.mean
        weight = self.n * rows.n / n
        if self.exact:
            self.scatter += scatter + weight * np.outer(apart, apart)
        else:
            stacked = np.concatenate([self.scatter, chunk, np.sqrt(weight) * apart[np.newaxis]])
            _, s, vh = np.linalg.svd(stacked, full_matrices=False)
            self.scatter = s[: self.k, np.newaxis] * vh[: self.k]
        self.total += spread + weight * float(apart @ apart)
        self.mean += apart * (rows.n / n)
        self.n = n

    def components(self, k: int, rng: np.random.Generator) -> pca.Components:
        """The leading components of all that was seen."""
        if self.exact:
            return pca.by_gram(self.scatter, k, rng)
        v = self.scatter
        lengths = np.sqrt(np.square(v).sum(1))
        return pca.Components(np.linalg.qr(v.T)[0].T[:k], lengths[:k] ** 2, None, self.total)
