"""The exception of an iteration that has not converged."""

import sys
from typing import Any

import numpy as np


class NoConvergence(RuntimeError):
    """An iteration ended before all pairs had converged. Where SciPy is loaded it is an ArpackNoConvergence too.

    Attributes
    ----------
    eigenvalues : ndarray, shape (c,)
        The pairs that have converged, ascending; svds: singular values.
    eigenvectors : ndarray, shape (n, c)
        Their vectors; svds: right singular vectors.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> a = fastla.linear_operator((3000, 3000), lambda x: np.linspace(1, 0.5, 3000) * x, dtype=float)
    >>> try:
    ...     fastla.eigsh(a, k=10, tol=1e-12, maxiter=1)
    ... except fastla.NoConvergence as error:
    ...     print(len(error.eigenvalues) < 10)
    True
    """

    eigenvalues: np.ndarray
    eigenvectors: np.ndarray

    def __init__(self, message: str, eigenvalues: Any, eigenvectors: Any) -> None:
        RuntimeError.__init__(self, message)
        self.eigenvalues, self.eigenvectors = eigenvalues, eigenvectors


def no_convergence(message: str, values: np.ndarray, vectors: np.ndarray) -> NoConvergence:
    """The exception for pairs in any order; the rows of `vectors` are vectors."""
    order = np.argsort(values, kind="stable")
    return _exception_class()(message, values[order], vectors[order].T)


def _exception_class() -> type[NoConvergence]:
    linalg = sys.modules.get("scipy.sparse.linalg")
    if linalg is None:
        return NoConvergence
    if linalg not in _classes:
        body = {"__init__": NoConvergence.__init__, "__doc__": NoConvergence.__doc__, "__module__": "fastla"}
        _classes[linalg] = type("NoConvergence", (NoConvergence, linalg.ArpackNoConvergence), body)
    return _classes[linalg]


_classes: dict[Any, type[NoConvergence]] = {}
