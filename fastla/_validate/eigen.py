"""Arguments of the eigensolvers. Shapes, dtypes and numbers are checked here; what A holds is checked as it is read."""

import numbers
from typing import Any, NamedTuple

import numpy as np

from fastla._methods import operators, tuning
from fastla._methods.linear_operator import LinearOperator, float_dtype
from fastla._validate import entries, foreign, one_of, real, whole

SEED = 20240607
WHICH = ("LM", "LA", "SA", "BE", "SM")
SOLVERS = ("arpack", "lobpcg", "propack")


class Matrix(NamedTuple):
    """A as an array, a SciPy sparse array or a LinearOperator, and the dtype to compute in."""

    a: Any
    dtype: np.dtype
    what: str  # for messages: the function and the argument

    @property
    def is_array(self) -> bool:
        """Whether it is dense."""
        return isinstance(self.a, np.ndarray)

    def astype(self, dtype: np.dtype) -> "Matrix":
        """For another dtype's vectors."""
        return Matrix(self.a.astype(dtype, copy=False) if self.is_array else self.a, dtype, self.what)

    def magnitude(self, symmetric: bool) -> float:
        """The largest in an array, which is read for NaN and for symmetry."""
        return (entries.symmetric if symmetric else entries.finite)(self.what, self.a)

    def operator(self, symmetric: bool) -> operators.Operator:
        """Its products; an array is read for NaN, and for symmetry."""
        if self.is_array:
            make = operators.dense_symmetric if symmetric else operators.dense
            return make(self.what, self.a, self.magnitude(symmetric), tuning.BLOCK)
        if isinstance(self.a, LinearOperator):
            return operators.function(self.what, self.a, self.dtype, tuning.BLOCK)
        return operators.sparse(
            self.what, self.a, entries.finite(self.what, self.a.tocoo().data), self.dtype, tuning.BLOCK
        )


def is_sparse(a: Any) -> bool:
    """Whether it is one of SciPy's sparse arrays or matrices."""
    return hasattr(a, "tocsr") and hasattr(a, "nnz")


def matrix(name: str, label: str, a: Any, square: bool = True) -> Matrix:
    """A matrix in any of its forms."""
    if is_sparse(a):
        _check_numbers(name, label, a.dtype)
    elif (
        not isinstance(a, np.ndarray | LinearOperator) and hasattr(a, "shape") and (hasattr(a, "matvec") or callable(a))
    ):
        a = _wrapped(name, label, a)
    elif not isinstance(a, LinearOperator):
        a = _array(name, label, a)
    shape = tuple(a.shape)
    if len(shape) != 2 or (square and shape[0] != shape[1]):
        raise ValueError(
            f"{name}: {label} has shape {shape}, expected {'a square matrix (n, n)' if square else '(m, n)'}"
        )
    if isinstance(a, LinearOperator):
        return Matrix(a, a.known_dtype(), f"{name}: {label}")
    dtype = float_dtype(a.dtype)
    return Matrix(np.require(a, dtype, "A") if isinstance(a, np.ndarray) else a, dtype, f"{name}: {label}")


def _check_numbers(name: str, label: str, dtype: np.dtype) -> None:
    if dtype.kind not in "biufc":
        raise TypeError(f"{name}: {label} has dtype {dtype}, expected numbers")


def _array(name: str, label: str, a: Any) -> np.ndarray:
    if isinstance(a, np.ma.MaskedArray):
        raise TypeError(f"{name}: {label} is a masked array, expected a plain one")
    array = np.asarray(a)
    _check_numbers(name, label, array.dtype)
    return array


def _wrapped(name: str, label: str, a: Any) -> LinearOperator:
    """SciPy's LinearOperator, or a callable with a shape."""
    matvec = a.matvec if hasattr(a, "matvec") else a
    dtype = getattr(a, "dtype", None)
    if dtype is not None:
        _check_numbers(name, label, np.dtype(dtype))
    shape = tuple(whole(name, f"{label}.shape", n, 0) for n in a.shape)
    return LinearOperator(shape, matvec, getattr(a, "rmatvec", None), None, None if dtype is None else np.dtype(dtype))


def linear_operator(shape: Any, matvec: Any, rmatvec: Any, matmat: Any, dtype: Any) -> LinearOperator:
    """The arguments of linear_operator."""
    name = "linear_operator"
    try:
        rows, columns = shape
    except (TypeError, ValueError):
        raise ValueError(f"{name}: shape must be (m, n), not {shape!r}") from None
    for label, f in (("matvec", matvec), ("rmatvec", rmatvec), ("matmat", matmat)):
        if not callable(f) and (f is not None or label == "matvec"):
            raise TypeError(f"{name}: {label} must be a function, not {f!r} of type {type(f).__name__}")
    if dtype is not None:
        _check_numbers(name, "the operator", np.dtype(dtype))
        dtype = np.dtype(dtype)
    return LinearOperator(
        (whole(name, "shape[0]", rows, 0), whole(name, "shape[1]", columns, 0)), matvec, rmatvec, matmat, dtype
    )


def generator(name: str, label: str, rng: Any) -> np.random.Generator:
    """A source of random numbers; None: the same every time."""
    if isinstance(rng, np.random.RandomState):
        rng = rng.randint(2**31)
    try:
        return np.random.default_rng(SEED if rng is None else rng)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: {label} must be None, a seed or a numpy.random.Generator, not {rng!r}") from None


def start(name: str, v0: Any, n: int, dtype: np.dtype) -> np.ndarray | None:
    """A start vector of length 1; None for one of zeros, which says nothing."""
    if v0 is None:
        return None
    x = _array(name, "v0", v0)
    if x.size != n or x.ndim > 2 or (x.ndim == 2 and 1 not in x.shape):
        raise ValueError(f"{name}: v0 has shape {x.shape}, expected ({n},)")
    if x.dtype.kind == "c" and dtype.kind != "c":
        raise TypeError(f"{name}: v0 is complex, expected real numbers for A of dtype {dtype}")
    x = x.reshape(-1).astype(dtype, copy=False)
    size = entries.finite(f"{name}: v0", x)
    if size == 0:
        return None
    x = x / x.real.dtype.type(size)
    return (x / np.sqrt(np.square(np.abs(x)).sum())).astype(dtype)


def tolerance(name: str, tol: Any) -> float:
    """A relative residual."""
    number = real(name, "tol", tol)
    if not 0 <= number < np.inf:
        raise ValueError(f"{name}: tol must be finite and not negative, not {tol}")
    return number


def singular_vectors(wanted: Any) -> str | None:
    """Which singular vectors to return: "u", "vh", both as "", or None."""
    if isinstance(wanted, bool | np.bool_):
        return "" if wanted else None
    if wanted not in ("u", "vh"):
        raise ValueError(f"svds: return_singular_vectors must be a bool, 'u' or 'vh', not {wanted!r}")
    return wanted


def with_adjoint(name: str, a: Matrix) -> Matrix:
    """A matrix that can be multiplied from both sides."""
    if isinstance(a.a, LinearOperator) and a.a.rmatvec is None:
        raise ValueError(f"{name}: A has no rmatvec, expected one (x -> A.conj().T @ x)")
    return a


class Request(NamedTuple):
    """Numbers that eigsh and svds share."""

    k: int
    which: str
    tol: float
    restarts: int
    basis: int
    v0: np.ndarray | None
    rng: np.random.Generator


def request(
    name: str,
    a: Matrix,
    k: Any,
    most: int,
    which: Any,
    tol: Any,
    maxiter: Any,
    ncv: Any,
    v0: Any,
    rng: Any,
    choices: tuple[str, ...],
    size: int,
) -> Request:
    """Everything but A. most: the most pairs there may be; size: how long a start vector is."""
    k = whole(name, "k", k, 1)
    if k > most:
        raise ValueError(f"{name}: k is {k}, expected at most {most} for A of shape {tuple(a.a.shape)}")
    return Request(
        k,
        one_of(name, "which", which, choices),
        tolerance(name, tol),
        10 * size if maxiter is None else whole(name, "maxiter", maxiter, 1),
        0 if ncv is None else min(whole(name, "ncv", ncv, 1), size),
        start(name, v0, size, a.dtype),
        generator(name, "rng", rng),
    )


def shift(a: Matrix, value: Any) -> tuple[complex, np.dtype]:
    """power_iteration's shift, and the dtype that it asks for."""
    if value is None:
        return 0.0, a.dtype
    if isinstance(value, bool) or not isinstance(value, numbers.Number) or value != value or abs(value) == np.inf:
        raise ValueError(f"power_iteration: shift must be a finite number, not {value!r}")
    if isinstance(value, numbers.Real):
        return float(value), a.dtype
    return complex(value), np.result_type(a.dtype, np.complex64)


MOST_STACKED = 32  # rows of a matrix in a stack that the kernels solve
MOST_ALONE = 24  # and of a matrix alone, most of whose lanes stay empty: docs/measurements.md, "One small matrix"


def small_stack(a: Any, uplo: Any) -> np.ndarray | None:
    """A stack of small real matrices, (..., n, n), for the kernels; None where it is NumPy's to do, or to refuse."""
    if foreign(a) or uplo not in ("L", "U"):
        return None
    array = np.asarray(a)
    if (
        array.ndim < 2
        or array.shape[-1] != array.shape[-2]
        or not 1 <= array.shape[-1] <= MOST_STACKED
        or not array.size
        or array.ndim == 2
        and array.shape[0] > MOST_ALONE
    ):
        return None
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    if array.dtype not in (np.float32, np.float64):
        return None
    return np.require(array, array.dtype.newbyteorder("="), "A")
