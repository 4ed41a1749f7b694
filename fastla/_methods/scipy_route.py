"""What SciPy does: generalised problems, shift-invert, the smallest in magnitude; with our order and signs."""

from typing import Any

import numpy as np

from fastla._methods.blocks import signs
from fastla._methods.convergence import no_convergence
from fastla._methods.linear_operator import LinearOperator


def _linalg(what: str) -> Any:
    try:
        import scipy.sparse.linalg
    except ImportError:
        raise NotImplementedError(f"{what} is SciPy's to do, which is not installed (pip install scipy)") from None
    return scipy.sparse.linalg


def _argument(linalg: Any, a: Any) -> Any:
    """A or another operand as SciPy takes it."""
    if isinstance(a, LinearOperator):
        return linalg.LinearOperator(a.shape, a.matvec, a.rmatvec, dtype=a.known_dtype())
    if callable(a) and hasattr(a, "shape") and not hasattr(a, "matvec"):
        return linalg.LinearOperator(a.shape, lambda x: np.array(a(x.ravel())), dtype=getattr(a, "dtype", None))
    return a


def eigsh(
    what: str, a: Any, k: int, rng: np.random.Generator, return_eigenvectors: bool, v0: Any, **keywords: Any
) -> Any:
    """scipy.sparse.linalg.eigsh, ascending and signed; `what` it is needed for."""
    linalg = _linalg(what)
    for name in ("M", "Minv", "OPinv"):
        keywords[name] = _argument(linalg, keywords.get(name))
    a = _argument(linalg, a)
    if v0 is None and getattr(a, "ndim", 2) == 2:
        v0 = rng.standard_normal(np.shape(a)[0] if np.shape(a) else a.shape[0])  # equal calls, equal bits
    try:
        result = linalg.eigsh(a, k, v0=v0, return_eigenvectors=return_eigenvectors, **keywords)
    except linalg.ArpackNoConvergence as error:
        raise no_convergence(str(error), error.eigenvalues, np.atleast_2d(error.eigenvectors.T)) from None
    if not return_eigenvectors:
        return np.sort(result)
    ascending = np.argsort(result[0], kind="stable")
    return signed(result[0][ascending], result[1].T[ascending])


def signed(values: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(values, vectors as columns), each with its largest entry positive."""
    return values, np.ascontiguousarray((vectors * signs(vectors)[:, np.newaxis]).T)


def svds(
    what: str, a: Any, k: int, rng: np.random.Generator, **keywords: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(u as rows, values, v as rows) by scipy.sparse.linalg.svds."""
    linalg = _linalg(what)
    try:
        u, s, vh = linalg.svds(_argument(linalg, a), k, rng=rng, **keywords)
    except linalg.ArpackNoConvergence as error:
        raise no_convergence(str(error), error.eigenvalues, np.atleast_2d(error.eigenvectors.T)) from None
    return u.T, s, vh.conj()
