"""A handful of eigenpairs of a large matrix."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from fastla._methods import dense, power, scipy_route, tuning
from fastla._methods.convergence import NoConvergence
from fastla._methods.krylov import leading
from fastla._methods.linear_operator import LinearOperator
from fastla._methods.power import PowerIteration
from fastla._validate import eigen as _validate

__all__ = ["LinearOperator", "NoConvergence", "PowerIteration", "eigsh", "linear_operator", "power_iteration"]


def linear_operator(
    shape: tuple[int, int],
    matvec: Callable[[np.ndarray], Any],
    rmatvec: Callable[[np.ndarray], Any] | None = None,
    matmat: Callable[[np.ndarray], Any] | None = None,
    dtype: DTypeLike | None = None,
) -> LinearOperator:
    """A matrix given by functions, for eigsh, svds and power_iteration: the Hessian of a training run, say.

    Parameters
    ----------
    shape : (int, int)
        (m, n).
    matvec : callable
        x of shape (n,) -> A @ x. Its result is copied: it may use one buffer again and again.
    rmatvec : callable, optional
        x of shape (m,) -> A.conj().T @ x; svds needs it.
    matmat : callable, optional
        X of shape (n, b) -> A @ X; blocks are multiplied by it where it is given, one vector at a time where not.
    dtype : dtype, optional
        Of A; None: what the first product has.

    Returns
    -------
    LinearOperator
        With shape, dtype, and `products`: how many vectors were multiplied so far.

    Raises
    ------
    TypeError, ValueError
        If an argument is not what it says here.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> a = fastla.linear_operator((500, 500), lambda x: np.arange(500) * x)
    >>> fastla.eigsh(a, k=2, which="LA", return_eigenvectors=False).round(6)
    array([498., 499.])
    >>> 0 < a.products < 500
    True
    """
    return _validate.linear_operator(shape, matvec, rmatvec, matmat, dtype)


def power_iteration(
    a: Any,
    *,
    v0: ArrayLike | None = None,
    tol: float = 1e-10,
    maxiter: int | None = None,
    shift: complex | None = None,
    rng: Any = None,
) -> PowerIteration:
    """The dominant eigenpair, by the textbook's method: v <- A v / ||A v||.

    It ends when the residual ||A v - w v|| is at most tol ||A||, never on a small change of the value, which a slow
    iteration has too.
    Where the largest magnitude is shared by +w and -w (bipartite graphs) or by a complex pair it does not converge:
    `converged` is
    False then; a shift separates the former. For more than one pair, and for speed, see eigsh.

    Parameters
    ----------
    a : array_like, sparse array, LinearOperator or callable with shape and dtype, (n, n)
        Symmetric or not, real or complex.
    v0 : array_like, shape (n,), optional
        A start; a thousandth of noise is added, so that none is orthogonal to the answer. By default random.
    tol : float, default 1e-10
        Of the residual, relative to ||A||; the dtype's rounding at least.
    maxiter : int, optional
        Products at most; by default 1000.
    shift : number, optional
        Iterates A - shift I: the eigenvalue farthest from the shift is found.
    rng : None, int or numpy.random.Generator
        The start's noise; by default the same every time.

    Returns
    -------
    PowerIteration
        With value, vector, residual, iterations, converged.

    Raises
    ------
    TypeError, ValueError
        If A is not square, holds NaN or infinity, or another argument is not what it says here.

    References
    ----------
    R. von Mises and H. Pollaczek-Geiringer, Praktische Verfahren der Gleichungsaufloesung, ZAMM 9 (1929).

    Examples
    --------
    >>> import fastla, numpy as np
    >>> result = fastla.power_iteration(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> round(result.value, 8), result.vector.round(4), result.converged
    (3.0, array([0.7071, 0.7071]), True)
    """
    name = "power_iteration"
    matrix = _validate.matrix(name, "a", a)
    n = _validate.whole(name, "the side of a", matrix.a.shape[0], 1)
    shift, dtype = _validate.shift(matrix, shift)
    tol = _validate.tolerance(name, tol)
    maxiter = power.MAXITER if maxiter is None else _validate.whole(name, "maxiter", maxiter, 1)
    start = _validate.start(name, v0, n, dtype)
    rng = _validate.generator(name, "rng", rng)
    operator = matrix.astype(dtype).operator(symmetric=False)
    return power.power_iteration(operator, n, start, tol, maxiter, shift, rng)


def eigsh(
    A: Any,
    k: int = 6,
    M: Any = None,
    sigma: float | None = None,
    which: str = "LM",
    v0: ArrayLike | None = None,
    ncv: int | None = None,
    maxiter: int | None = None,
    tol: float = 0,
    return_eigenvectors: bool = True,
    Minv: Any = None,
    OPinv: Any = None,
    mode: str = "normal",
    rng: Any = None,
) -> Any:
    """A few eigenpairs of a symmetric or complex Hermitian matrix, by block Krylov.

    The arguments are those of scipy.sparse.linalg.eigsh.

    Parameters
    ----------
    A : array_like, sparse array, LinearOperator or callable with shape and dtype, (n, n)
        An array is compared with its transpose.
    k : int, default 6
        How many pairs.
    M, sigma, Minv, OPinv, mode
        Generalised problems and shift-invert: these are handed to SciPy.
    which : {"LM", "LA", "SA", "BE", "SM"}
        Largest magnitude, largest or smallest value, both ends, smallest magnitude (by LAPACK where A is a matrix of
        some thousand rows;
        else by SciPy).
    v0 : array_like, shape (n,), optional
        A start, beside random ones.
    ncv : int, optional
        Vectors in the basis, where more than usual (120, or 3 k) are wanted.
    maxiter : int, optional
        Restarts at most; by default 10 n.
    tol : float, default 0
        A residual ||A v - w v|| is at most max(tol |w|, c eps ||A||), with a small c.
    return_eigenvectors : bool, default True
        Whether to return vectors too.
    rng : None, int or numpy.random.Generator
        The random starts; by default the same every time: equal calls give equal bits.

    Returns
    -------
    w : ndarray, shape (k,)
        Ascending.
    v : ndarray, shape (n, k)
        Orthonormal columns; the largest entry of each is positive (of complex ones real too), the first on a tie.

    Raises
    ------
    NoConvergence
        If the restarts are used up; it has the pairs that have converged.
    TypeError, ValueError
        If A is not square, not symmetric, holds NaN or infinity, or another argument is not what it says here.
    NotImplementedError
        If SciPy is needed and not installed.

    Notes
    -----
    Values that tie or nearly tie are all found: a converged answer is deflated and the rest of the space searched for
    what it missed.

    References
    ----------
    K. Wu and H. Simon, Thick-restart Lanczos method for large symmetric eigenvalue problems, SIAM J. Matrix Anal. Appl.
    22 (2000).
    J. Kuczynski and H. Wozniakowski, Estimating the largest eigenvalue by the power and Lanczos algorithms with a
    random start, SIAM J.
    Matrix Anal. Appl. 13 (1992).

    Examples
    --------
    >>> import fastla, numpy as np
    >>> w, v = fastla.eigsh(np.diag(np.arange(1.0, 501.0)), k=3)
    >>> w.round(6)
    array([498., 499., 500.])
    """
    name = "eigsh"
    if M is not None or sigma is not None or Minv is not None or OPinv is not None or mode != "normal":
        return scipy_route.eigsh(
            f"{name}: a generalised or shift-invert problem",
            A,
            k,
            _validate.generator(name, "rng", rng),
            return_eigenvectors,
            v0,
            M=M,
            sigma=sigma,
            which=which,
            ncv=ncv,
            maxiter=maxiter,
            tol=tol,
            Minv=Minv,
            OPinv=OPinv,
            mode=mode,
        )
    matrix = _validate.matrix(name, "A", A)
    n = matrix.a.shape[0]
    if matrix.is_array and n and _validate.whole(name, "k", k, 1) >= n:
        warnings.warn(f"{name}: k is {k} and A has {n} rows: all eigenpairs are computed", RuntimeWarning, stacklevel=2)
        k = n
    call = _validate.request(
        name, matrix, k, n - (not matrix.is_array), which, tol, maxiter, ncv, v0, rng, _validate.WHICH, n
    )
    if matrix.is_array and (tuning.is_dense(n, call.k) or which == "SM" and n <= tuning.DENSE_SMALLEST):
        values, vectors = dense.eigenpairs(matrix.a, matrix.magnitude(symmetric=True), call.k, which)
    elif which == "SM":
        return scipy_route.eigsh(
            f"{name}: which='SM' of an operator",
            A,
            call.k,
            call.rng,
            return_eigenvectors,
            v0,
            which="SM",
            ncv=ncv,
            maxiter=maxiter,
            tol=tol,
        )
    else:
        operator = matrix.operator(symmetric=True)
        values, vectors = leading.eigenpairs(
            operator, n, call.k, which, call.tol, call.restarts, call.v0, call.rng, call.basis
        )
    ascending = np.argsort(values, kind="stable")
    if not return_eigenvectors:
        return values[ascending]
    return scipy_route.signed(values[ascending], vectors[ascending])
