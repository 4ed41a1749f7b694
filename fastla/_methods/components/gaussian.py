"""The probabilistic model of PCA.

Tipping and Bishop, Mixtures of probabilistic principal component analyzers, Neural Computation 11 (1999).
"""

import numpy as np

from fastla._methods.components.rows import project


def covariance(v: np.ndarray, variances: np.ndarray, noise: float) -> np.ndarray:
    """V^T diag(variances - noise) V + noise I."""
    return (v.T * np.maximum(variances - noise, 0)) @ v + noise * np.eye(v.shape[1])


def precision(v: np.ndarray, variances: np.ndarray, noise: float) -> np.ndarray:
    """The inverse of the covariance, by its eigenvectors; without noise, its pseudo-inverse."""
    variances = np.maximum(variances, noise)
    tiny = len(v) * np.finfo(float).eps * variances.max(initial=0)
    inverse = np.divide(1, variances, out=np.zeros_like(variances), where=variances > tiny)
    if noise <= tiny:
        return (v.T * inverse) @ v
    return (v.T * (inverse - 1 / noise)) @ v + np.eye(v.shape[1]) / noise


def log_likelihood(x: np.ndarray, mean: np.ndarray, v: np.ndarray, variances: np.ndarray, noise: float) -> np.ndarray:
    """Of each row of x under the model."""
    d = x.shape[1]
    matrix = precision(v, variances, noise)
    sign, log_determinant = np.linalg.slogdet(matrix)
    if sign <= 0:
        log_determinant = -np.inf
    squares = np.empty(len(x))
    step = max(16, (1 << 20) // (8 * d))
    for i in range(0, len(x), step):
        tile = project(x[i : i + step], np.eye(d), mean, np.dtype(float))
        squares[i : i + step] = ((tile @ matrix) * tile).sum(1)
    return -0.5 * (squares + d * np.log(2 * np.pi) - log_determinant)
