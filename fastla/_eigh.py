"""All eigenpairs of many small matrices."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla._methods import native
from fastla._validate import eigen as _validate


def eigh(a: ArrayLike, UPLO: str = "L") -> Any:
    """All eigenpairs of symmetric or complex Hermitian matrices, numpy.linalg.eigh's contract.

    Parameters
    ----------
    a : array_like, shape (..., n, n)
        A stack of matrices. Up to n = 32 (a single one: 24) the real ones are done in one dispatch, spread over the
        threads; others are NumPy's.
    UPLO : {"L", "U"}
        Which triangle is read.

    Returns
    -------
    EighResult
        (eigenvalues (..., n), ascending; eigenvectors (..., n, n), as columns).

    Raises
    ------
    LinAlgError
        If a is not a stack of square matrices, or an iteration does not converge.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.eigh(np.array([[[2.0, 1.0], [1.0, 2.0]]])).eigenvalues
    array([[1., 3.]])
    """
    matrices = _validate.small_stack(a, UPLO)
    if matrices is None:
        return np.linalg.eigh(a, UPLO)
    n = matrices.shape[-1]
    values, vectors = native.eigh_stack(matrices.reshape(-1, n, n), UPLO == "U")
    return _result_type()(values.reshape(matrices.shape[:-1]), vectors.reshape(matrices.shape))


@functools.cache
def _result_type() -> type:
    """NumPy's EighResult."""
    return type(np.linalg.eigh(np.eye(1)))
