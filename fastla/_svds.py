"""A handful of singular triplets of a large matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla._methods import dense, scipy_route, tuning
from fastla._methods.blocks import signs
from fastla._methods.krylov import triplets
from fastla._validate import eigen as _validate


def svds(
    A: Any,
    k: int = 6,
    ncv: int | None = None,
    tol: float = 0,
    which: str = "LM",
    v0: ArrayLike | None = None,
    maxiter: int | None = None,
    return_singular_vectors: bool | str = True,
    solver: str = "arpack",
    rng: Any = None,
    options: dict[str, Any] | None = None,
    *,
    random_state: Any = None,
) -> Any:
    """The largest or smallest singular triplets, by block Golub-Kahan; scipy.sparse.linalg.svds's arguments.

    Parameters
    ----------
    A : array_like, sparse array or LinearOperator with rmatvec, (m, n)
        Real or complex.
    k : int, default 6
        How many triplets.
    ncv, tol, v0, maxiter, rng
        As eigsh's; v0 has length min(m, n). `random_state` is rng by its old name.
    which : {"LM", "SM"}
        Largest or smallest.
    return_singular_vectors : bool, "u" or "vh"
        Which vectors to return: the others are None; False: only s.
    solver : {"arpack", "lobpcg", "propack"}
        SciPy's; the method here is the same for all.
    options : dict, optional
        Of SciPy's solvers; unused.

    Returns
    -------
    u : ndarray, shape (m, k)
    s : ndarray, shape (k,)
        Ascending; small ones right to eps ||A||.
    vh : ndarray, shape (k, n)

    Raises
    ------
    NoConvergence, TypeError, ValueError, NotImplementedError
        As eigsh.

    References
    ----------
    J. Baglama and L. Reichel, Augmented implicitly restarted Lanczos bidiagonalization methods, SIAM J. Sci. Comput. 27
    (2005).

    Examples
    --------
    >>> import fastla, numpy as np
    >>> u, s, vh = fastla.svds(np.diag([5.0, 4.0, 3.0, 2.0]), k=2)
    >>> s.round(6)
    array([4., 5.])
    """
    name = "svds"
    matrix = _validate.matrix(name, "A", A, square=False)
    least = min(matrix.a.shape)
    call = _validate.request(
        name, matrix, k, least, which, tol, maxiter, ncv, v0, random_state if rng is None else rng, ("LM", "SM"), least
    )
    kept = _validate.singular_vectors(return_singular_vectors)
    _validate.one_of(name, "solver", solver, _validate.SOLVERS)
    if matrix.is_array and (tuning.is_dense(least, call.k) or which == "SM"):
        u, s, v = dense.triplets(matrix.a, matrix.magnitude(symmetric=False), call.k, which)
    elif which == "SM":
        u, s, v = scipy_route.svds(
            f"{name}: which='SM' of an operator", A, call.k, call.rng, tol=tol, which="SM", maxiter=maxiter
        )
    else:
        operator = _validate.with_adjoint(name, matrix).operator(symmetric=False)
        wide = matrix.a.shape[0] < matrix.a.shape[1]
        u, s, v = triplets.triplets(
            operator.swapped() if wide else operator,
            max(matrix.a.shape),
            least,
            call.k,
            call.tol,
            call.restarts,
            call.v0,
            call.rng,
            call.basis,
        )
        u, v = (v, u) if wide else (u, v)
    ascending = np.argsort(s, kind="stable")
    u, s, v = u[ascending], s[ascending], v[ascending]
    sign = signs(u)[:, np.newaxis]
    u, vh = np.ascontiguousarray((u * sign).T), (v * sign).conj()
    return s if kept is None else (u if kept != "vh" else None, s, vh if kept != "u" else None)
