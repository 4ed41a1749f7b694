"""Arguments of PCA."""

from typing import Any

import numpy as np

from fastla._methods.components.estimator import not_fitted
from fastla._validate import one_of, real
from fastla._validate.eigen import is_sparse

SOLVERS = ("auto", "full", "covariance_eigh", "arpack", "randomized")


def data(x: Any, features: int | None = None, least_rows: int = 1) -> Any:
    """Rows (n, d) of real numbers: an array, or SciPy sparse rows. features: what d must be."""
    if not is_sparse(x):
        if isinstance(x, np.ma.MaskedArray):
            raise TypeError("PCA: X is a masked array, expected a plain one")
        x = np.asarray(x)
        if x.dtype == object:
            try:
                x = x.astype(float)
            except (TypeError, ValueError):
                raise TypeError("PCA: X has dtype object: float() argument must be a string or a real number") from None
    if x.dtype.kind == "c":
        raise ValueError(f"PCA: Complex data not supported: X has dtype {x.dtype}, expected real numbers")
    if x.dtype.kind not in "fiub":
        raise ValueError(f"PCA: X has dtype {x.dtype}, expected real numbers")
    if x.ndim != 2:
        raise ValueError(
            f"PCA: Expected 2D array, got X of shape {x.shape}, expected (n, d). "
            f"Reshape your data: X.reshape(1, -1) for one row"
        )
    if x.shape[0] < least_rows or x.shape[1] < 1:
        short = f"{x.shape[0]} sample(s)" if x.shape[0] < least_rows else f"{x.shape[1]} feature(s)"
        raise ValueError(
            f"PCA: X has {short} (shape={x.shape}) while a minimum of {max(least_rows, 1)} is required."
        )
    if features is not None and x.shape[1] != features:
        raise ValueError(f"PCA: X has {x.shape[1]} features, but PCA is expecting {features} features as input")
    if isinstance(x, np.ndarray) and (x.dtype.itemsize > 8 or not x.dtype.isnative):
        x = x.astype(np.float64 if x.dtype.itemsize > 8 else x.dtype.newbyteorder("="))
    return x


def finite(x: Any) -> Any:
    """Rows without NaN and infinity."""
    if (
        not np.isfinite((x if isinstance(x, np.ndarray) else x.data).sum(dtype=float))
        and not np.isfinite(x if isinstance(x, np.ndarray) else x.data).all()
    ):
        raise ValueError("PCA: X contains NaN or infinity, expected finite numbers")
    return x


def component_count(k: Any, n: int, d: int, solver: str) -> int | float | str:
    """n_components: an integer, a fraction of the variance, or "mle"."""
    one_of("PCA", "svd_solver", solver, SOLVERS)
    least = min(n, d)
    if k is None:
        return least
    whole_spectrum = solver in ("auto", "full", "covariance_eigh")
    if isinstance(k, str) and k == "mle":
        if n < d:
            raise ValueError(
                f"PCA: n_components='mle' needs at least as many rows as features, but X has shape {(n, d)}"
            )
        if not whole_spectrum:
            raise ValueError(
                f"PCA: n_components='mle' needs svd_solver 'auto', 'full' or 'covariance_eigh', not {solver!r}"
            )
        return k
    if isinstance(k, bool | np.bool_) or not isinstance(k, int | float | np.integer | np.floating):
        raise TypeError(
            f"PCA: n_components must be an integer, a fraction, 'mle' or None, not {k!r} of type {type(k).__name__}"
        )
    if isinstance(k, int | np.integer):
        if not 1 <= k <= least:
            raise ValueError(
                f"PCA: n_components={k} must be between 1 and min(n_samples, n_features)={least}: X has shape {(n, d)}"
            )
        return int(k)
    if not 0 < real("PCA", "n_components", k) < 1 or not whole_spectrum:
        raise ValueError(
            f"PCA: n_components={k} must be an integer from 1 to {least}, or a fraction between 0 and 1 of the "
            f"variance with svd_solver 'auto', 'full' or 'covariance_eigh', not {solver!r}"
        )
    return float(k)


def fitted(estimator: Any) -> None:
    """An error where there was no fit."""
    if not hasattr(estimator, "components_"):
        raise not_fitted(f"PCA: this {type(estimator).__name__} instance is not fitted yet: call fit first")


def feature_names(x: Any) -> np.ndarray | None:
    """A data frame's column names, where all are strings."""
    names = getattr(x, "columns", None)
    if names is None or not all(isinstance(name, str) for name in names):
        return None
    return np.array(list(names), dtype=object)


def same_names(fitted_names: np.ndarray | None, x: Any) -> None:
    """A data frame's columns are those of the fit."""
    names = feature_names(x)
    if (
        fitted_names is not None
        and names is not None
        and (len(names) != len(fitted_names) or (names != fitted_names).any())
    ):
        raise ValueError(
            f"PCA: The feature names should match those that were passed during fit: X has {list(names)}, "
            f"expected {list(fitted_names)}"
        )
