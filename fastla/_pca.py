"""Principal component analysis with scikit-learn's interface, without copying X or needing scikit-learn."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from fastla._methods.blocks import signs
from fastla._methods.components import gaussian, pca
from fastla._methods.components.estimator import Estimator
from fastla._methods.components.incremental import Moments
from fastla._methods.components.rows import Rows, project
from fastla._validate import eigen as _validate_eigen
from fastla._validate import pca as _validate


class PCA(Estimator):
    """Principal component analysis, as sklearn.decomposition.PCA: the same arguments, attributes and methods.

    X is read where it lies, tile by tile: it is never copied, written to or widened whole. Sparse X stays sparse and is
    centred implicitly. float32 X is summed in float64 where moments need it.

    Parameters
    ----------
    n_components : int, float, "mle" or None
        How many; a fraction: the fewest that explain more than so much of the variance; "mle": Minka's most likely;
        None: all.
    copy : bool, default True
        X is never written to, whatever it says.
    whiten : bool, default False
        Whether transformed columns have variance 1.
    svd_solver : {"auto", "full", "covariance_eigh", "arpack", "randomized"}
        "full" finds small values to full accuracy; "covariance_eigh" is the Gram matrix; the others are block Krylov,
        "arpack" to tol.
    tol : float, default 0.0
        Of residuals, relative, in block Krylov; 0: as the dtype needs.
    iterated_power, n_oversamples, power_iteration_normalizer
        For scikit-learn's sake; block Krylov has no use for them.
    random_state : None, int, RandomState or Generator
        Random starts; None: the same every time.

    Attributes
    ----------
    components_ : ndarray, shape (n_components_, d)
        Rows, the strongest first; the largest entry of each is positive. float32 only for float32 X, as all results.
    explained_variance_, explained_variance_ratio_, singular_values_ : ndarray, shape (n_components_,)
    mean_ : ndarray, shape (d,)
    noise_variance_ : float
        The mean variance of what was left out.
    n_components_, n_features_in_, n_samples_ : int
    feature_names_in_ : ndarray of str
        A data frame's columns.
    n_samples_seen_ : int
        By partial_fit.

    References
    ----------
    M. Tipping and C. Bishop, Mixtures of probabilistic principal component analyzers, Neural Computation 11 (1999).
    C. Musco and C. Musco, Randomized block Krylov methods for stronger and faster approximate singular value
    decomposition, NIPS 28 (2015).

    Examples
    --------
    >>> import fastla, numpy as np
    >>> x = np.array([[1.0, 1.0], [2.0, 2.1], [3.0, 2.9]])
    >>> fastla.PCA(1).fit(x).components_.round(2)
    array([[0.72, 0.69]])
    """

    def __init__(
        self,
        n_components: int | float | str | None = None,
        *,
        copy: bool = True,
        whiten: bool = False,
        svd_solver: str = "auto",
        tol: float = 0.0,
        iterated_power: int | str = "auto",
        n_oversamples: int = 10,
        power_iteration_normalizer: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.n_components, self.copy, self.whiten, self.svd_solver, self.tol = (
            n_components,
            copy,
            whiten,
            svd_solver,
            tol,
        )
        self.iterated_power, self.n_oversamples = iterated_power, n_oversamples
        self.power_iteration_normalizer, self.random_state = power_iteration_normalizer, random_state

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find the components of the rows X (n, d)."""
        x = _validate.data(X)
        n, d = x.shape
        wanted = _validate.component_count(self.n_components, n, d, self.svd_solver)
        tol = _validate_eigen.tolerance("PCA", self.tol)
        rng = _validate_eigen.generator("PCA", "random_state", self.random_state)
        count = wanted if isinstance(wanted, int) else None
        rows = Rows("PCA", x)
        found = pca.fit(rows, self.svd_solver, count, tol, rng)
        if count is None:
            count = pca.minka_rank(found.spectrum, n) if wanted == "mle" else pca.fewest(found.spectrum, wanted)
        self._set_names(X, d)
        self._set(found, count, n, rows.mean, x.dtype)
        self.n_samples_ = n
        return self

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Add rows to those seen so far. Exact while d x d numbers fit (d up to 4096); chunks may be of one row."""
        seen = getattr(self, "_moments", None)
        x = _validate.data(X, None if seen is None else len(seen.mean))
        k = self.n_components
        if k is not None:
            k = _validate.component_count(k, x.shape[1], x.shape[1], "arpack")
        rng = _validate_eigen.generator("PCA", "random_state", self.random_state)
        rows = Rows("PCA", x)
        if seen is None:
            seen = Moments(rows.d, k)
            self._set_names(X, rows.d)
        seen.add(rows)
        self._moments = seen
        count = min(seen.n, rows.d) if k is None else k
        self._set(seen.components(count, rng), count, seen.n, seen.mean, x.dtype)
        self.n_samples_ = self.n_samples_seen_ = seen.n
        return self

    def _set_names(self, x: Any, d: int) -> None:
        self.n_features_in_ = d
        names = _validate.feature_names(x)
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _set(self, found: pca.Components, k: int, n: int, mean: np.ndarray, dtype: np.dtype) -> None:
        out = np.dtype(np.float32 if dtype == np.float32 else np.float64)
        v, squares = found.v[:k], found.squares[:k]
        self.components_ = np.ascontiguousarray(v * signs(v, 1e-5 if out == np.float32 else 1e-7)[:, np.newaxis], out)
        self._mean = np.array(mean, float)  # in float64 for float32 X too: the spread may be small beside it
        self.mean_ = self._mean.astype(out)
        dof, rest = max(n - 1, 1), min(n, len(mean)) - k
        self.explained_variance_ = (squares / dof).astype(out)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.explained_variance_ratio_ = (squares / found.total).astype(out)
        self.singular_values_ = np.sqrt(squares).astype(out)
        left_out = found.total - squares.sum()
        self.noise_variance_ = max(left_out, 0.0) / dof / rest if rest > 0 else 0.0
        self.n_components_ = k

    def _checked(self, x: ArrayLike) -> Any:
        _validate.fitted(self)
        _validate.same_names(getattr(self, "feature_names_in_", None), x)
        return _validate.finite(_validate.data(x, self.n_features_in_))

    def _deviations(self) -> np.ndarray:
        """Standard deviations; infinite where they are but rounding, so that whitening leaves zeros there."""
        variances = self.explained_variance_.astype(float)
        floor = 10 * np.finfo(float).eps * variances.max(initial=np.finfo(float).tiny)
        return np.sqrt(np.where(variances > floor, variances, np.inf))

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Coordinates of rows (n, d) along the components, (n, n_components_)."""
        x = self._checked(X)
        v = self.components_.astype(float)
        if self.whiten:
            v /= self._deviations()[:, np.newaxis]
        return project(x, v, self._mean, self.components_.dtype if x.dtype == np.float32 else np.dtype(float))

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """Fit, then transform the same rows."""
        return self.fit(X).transform(X)

    def inverse_transform(self, X: ArrayLike) -> np.ndarray:
        """Rows (n, d) with these coordinates (n, n_components_)."""
        _validate.fitted(self)
        coordinates = np.asarray(_validate.data(X, self.n_components_))
        deviations = self._deviations() if self.whiten else np.ones(self.n_components_)
        v = self.components_ * np.where(np.isfinite(deviations), deviations, 0)[:, np.newaxis]
        dtype = self.components_.dtype if coordinates.dtype == np.float32 else np.dtype(float)
        return (coordinates.astype(float) @ v + self._mean).astype(dtype)

    def get_covariance(self) -> np.ndarray:
        """The model's covariance (d, d): the components' variances, and noise in all other directions."""
        return gaussian.covariance(*self._model())

    def get_precision(self) -> np.ndarray:
        """Its inverse."""
        return gaussian.precision(*self._model())

    def score_samples(self, X: ArrayLike) -> np.ndarray:
        """The log-likelihood of each row under the model."""
        x = self._checked(X)
        return gaussian.log_likelihood(x if isinstance(x, np.ndarray) else x.toarray(), self._mean, *self._model())

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Their mean."""
        return float(self.score_samples(X).mean())

    def _model(self) -> tuple[np.ndarray, np.ndarray, float]:
        _validate.fitted(self)
        return self.components_.astype(float), self.explained_variance_.astype(float), float(self.noise_variance_)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """pca0, pca1, and so on."""
        _validate.fitted(self)
        return np.array([f"{type(self).__name__.lower()}{i}" for i in range(self.n_components_)], dtype=object)
