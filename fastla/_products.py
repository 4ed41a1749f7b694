"""Matrix products with NumPy's semantics: matmul, dot, vecdot, matvec, vecmat.

The public functions are `core.entry`s: where both operands are plain arrays of one dtype that fastla owns, the
compiled entry does all; what needs converting, checking or handing on comes here.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastla import _core, _validate
from fastla._core import core
from fastla._jit.functions.user_function import MOST_ROWS, calling, compiled

# How the functions of the family see their operands: a stack of vectors, or (None) of whatever its dimensions say.
_AS_GIVEN = (None, None)
_DOTS = (True, True)
_MATRICES_VECTORS = (False, True)
_VECTORS_MATRICES = (True, False)


def _before_numpy_2_2(name: str, dims: tuple[int, int]) -> Any:
    """numpy.matvec or vecmat, by its matmul: what NumPy before 2.2 lacks. dims: the core dimensions of the operands."""
    def function(x1: Any, x2: Any, /, out: Any = None, **keywords: Any) -> Any:
        if "axes" in keywords:
            raise TypeError(f"{name}: axes= needs NumPy 2.2, this is {np.__version__}")
        x1, x2 = np.asanyarray(x1), np.asanyarray(x2)
        for label, x, least in (("x1", x1, dims[0]), ("x2", x2, dims[1])):
            if x.ndim < least:
                raise ValueError(f"{name}: {label} has shape {x.shape}, expected at least {least} dimension(s)")
        (out,) = out if isinstance(out, tuple) else (out,)
        left, right = (x1, x2[..., np.newaxis]) if dims[0] == 2 else (np.conj(x1)[..., np.newaxis, :], x2)
        axis = -1 if dims[0] == 2 else -2
        result = np.matmul(left, right, out=None if out is None else np.expand_dims(out, axis), **keywords)
        return np.squeeze(result, axis)[()] if out is None else out
    return function


def _without_added(c: np.ndarray, added: tuple[int, ...]) -> Any:
    """Without the axes of length 1 that the result does not have; a 0-d result is a scalar."""
    return c if not added else c[(..., *(0 if axis in added else slice(None) for axis in (-2, -1)))][()]


def _multiply(p: _validate.Product) -> Any:
    if p.out is None:
        return _without_added(core.product(p.a, p.b, None), p.added)
    if p.out.size and core.product(p.a, p.b, p.out) is None:
        # Not one the kernels can write: by columns, perhaps, or it overlaps an operand, or its elements are spread.
        if core.product(p.b.mT, p.a.mT, p.out.mT) is None:
            np.copyto(p.out, core.product(p.a, p.b, None))
    return None


def _family(name: str, x1: Any, x2: Any, out: Any, keywords: dict[str, Any], vectors: tuple) -> Any:
    p = None if keywords else _validate.product(name, x1, x2, out, vectors)
    if p is None:
        return NotImplemented           # NumPy's to do: the entry calls it
    result = _multiply(p)
    return result if out is None else out


@core.entry("product", "(m?,k),(k,n?)->(m?,n?)", np.matmul)
def matmul(
    x1: ArrayLike, x2: ArrayLike, /, out: np.ndarray | None = None, *, epilogue: Callable | None = None,
    **keywords: Any,
) -> Any:
    """Matrix product of two arrays, as `numpy.matmul`.

    Parameters
    ----------
    x1 : array_like, shape (..., m, k) or (k,)
        A 1-D operand is a row; its dimension of length 1 is removed from the result.
    x2 : array_like, shape (..., k, n) or (k,)
        A 1-D operand is a column. Leading dimensions are broadcast.
    out : ndarray, shape (..., m, n), optional
        Where the result goes, in any layout. It may overlap the operands: the result is as if they were copied first.
    epilogue : callable, optional
        f(x, i, j) -> x: a function of your own, compiled by Numba (docs/user_functions.md), for the element in row i
        and column j of each matrix of the result, in its dtype; it meets each element once, after the whole of k.
    **keywords
        numpy.matmul's others (casting, order, dtype, subok, signature, axes, axis). With any of them, and for what
        fastla does not own (other dtypes than float32, float64 and int32, subclasses, object arrays), NumPy's function
        is called.

    Returns
    -------
    ndarray or scalar
        Of the dtype that NumPy's promotion gives; a scalar only where both operands are 1-D.

    Raises
    ------
    ValueError
        If the shapes do not fit; the message names them.
    MemoryError
        If there is no memory for packed operands.
    ImportError
        If there is an epilogue and Numba is not installed. What it raises comes out as it is; `out` is as it was then.

    Notes
    -----
    The blocking is that of Goto and van de Geijn, "Anatomy of high-performance matrix multiplication" (2008). The bits
    of a result depend on values, shapes, strides and the target (`fastla.show_config`), not on the number of threads,
    the address or the place in a stack. (Elements that are not aligned are copied first, and a copy's strides may
    differ.) A matrix times its own transpose is exactly symmetric and costs half. Overflow and invalid operations are
    reported as `numpy.errstate` says, whichever thread met them.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.matmul(np.array([[1.0, 2.0], [3.0, 4.0]]), np.eye(2))
    array([[1., 2.],
           [3., 4.]])
    >>> fastla.matmul(np.ones((10, 2, 3), np.float32), np.ones((3, 4), np.float32)).shape
    (10, 2, 4)
    """
    if epilogue is not None:
        return _matmul_with(epilogue, x1, x2, out, keywords)
    return _family("matmul", x1, x2, out, keywords, _AS_GIVEN)


def _matmul_with(epilogue: Callable, x1: Any, x2: Any, out: Any, keywords: dict[str, Any]) -> Any:
    p = None if keywords else _validate.product("matmul", x1, x2, out, _AS_GIVEN)
    if p is None:
        shown = [getattr(x, "dtype", type(x).__name__) for x in (x1, x2, out) if x is not None] + list(keywords)
        raise TypeError(f"matmul: epilogue needs arrays of one dtype, out's too, of {', '.join(_core.ROWS)}, "
                        f"and no further keywords, not {', '.join(map(str, shown))}")
    if max(p.a.shape[-2], p.b.shape[-1]) > MOST_ROWS:
        raise ValueError(f"matmul: x1 has shape {p.a.shape} and x2 {p.b.shape}, expected at most {MOST_ROWS} rows and "
                         f"columns with an epilogue")
    function = compiled("matmul", "epilogue", epilogue, p.a.dtype)
    with calling(function):
        c = core.product_with(p.a, p.b, function)       # a fresh array: a function may raise half way
    if p.out is None:
        return _without_added(c, p.added)
    np.copyto(p.out, c)
    return out


@core.entry("product", "(k),(k)->()", np.vecdot)
def vecdot(x1: ArrayLike, x2: ArrayLike, /, out: np.ndarray | None = None, *, axis: int = -1, **keywords: Any) -> Any:
    """Dot products of two stacks of vectors, as `numpy.vecdot`.

    Parameters
    ----------
    x1, x2 : array_like, shape (..., k)
        Broadcast against each other but for the vectors' axis.
    out : ndarray, shape (...), optional
    axis : int, default -1
        The axis of the vectors, in both operands.
    **keywords
        numpy.vecdot's others; with any of them NumPy's function is called.

    Returns
    -------
    ndarray or scalar, shape (...)

    Raises
    ------
    ValueError
        If the shapes do not fit; the message names them.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.vecdot(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1.0, 1.0]))
    array([3., 7.])
    """
    if operator.index(axis) != -1:
        return NotImplemented
    return _family("vecdot", x1, x2, out, keywords, _DOTS)


@core.entry("product", "(m,k),(k)->(m)", getattr(np, "matvec", _before_numpy_2_2("matvec", (2, 1))))
def matvec(x1: ArrayLike, x2: ArrayLike, /, out: np.ndarray | None = None, **keywords: Any) -> Any:
    """Products of a stack of matrices with a stack of vectors, as `numpy.matvec` (NumPy 2.2).

    Parameters
    ----------
    x1 : array_like, shape (..., m, k)
    x2 : array_like, shape (..., k)
        Leading dimensions are broadcast.
    out : ndarray, shape (..., m), optional
    **keywords
        numpy.matvec's others; with any of them NumPy's function is called.

    Returns
    -------
    ndarray, shape (..., m)

    Raises
    ------
    ValueError
        If the shapes do not fit; the message names them.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.matvec(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    array([[1., 3.],
           [2., 4.]])
    """
    return _family("matvec", x1, x2, out, keywords, _MATRICES_VECTORS)


@core.entry("product", "(k),(k,n)->(n)", getattr(np, "vecmat", _before_numpy_2_2("vecmat", (1, 2))))
def vecmat(x1: ArrayLike, x2: ArrayLike, /, out: np.ndarray | None = None, **keywords: Any) -> Any:
    """Products of a stack of vectors with a stack of matrices, as `numpy.vecmat` (NumPy 2.2).

    Parameters
    ----------
    x1 : array_like, shape (..., k)
    x2 : array_like, shape (..., k, n)
        Leading dimensions are broadcast.
    out : ndarray, shape (..., n), optional
    **keywords
        numpy.vecmat's others; with any of them NumPy's function is called.

    Returns
    -------
    ndarray, shape (..., n)

    Raises
    ------
    ValueError
        If the shapes do not fit; the message names them.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.vecmat(np.array([1.0, 1.0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    array([4., 6.])
    """
    return _family("vecmat", x1, x2, out, keywords, _VECTORS_MATRICES)


@core.entry("product", "(m?,k),(k,n?)->(m?,n?)", np.dot, most_dims=2, takes_out=False)
def dot(a: ArrayLike, b: ArrayLike, out: np.ndarray | None = None) -> Any:
    """Dot product of two arrays, as `numpy.dot`.

    Parameters
    ----------
    a : array_like, shape (..., k)
    b : array_like, shape (k,) or (..., k, n)
        With more than two dimensions, every row of `a` meets every matrix of `b`: nothing is broadcast.
    out : ndarray, optional
        Exactly as the result: its shape and dtype, C-contiguous.

    Returns
    -------
    ndarray or scalar, shape a.shape[:-1] + b.shape[:-2] + b.shape[-1:]

    Raises
    ------
    ValueError
        If the shapes do not fit, or out is not exactly as the result.

    Examples
    --------
    >>> import fastla, numpy as np
    >>> fastla.dot(np.array([1.0, 2.0]), np.array([3.0, 4.0])).item()
    11.0
    >>> fastla.dot(np.ones((2, 3)), np.ones((4, 3, 5))).shape
    (2, 4, 5)
    """
    if _validate.foreign(a, b, out):
        return NotImplemented
    x, y = np.asarray(a), np.asarray(b)
    if 0 in (x.ndim, y.ndim):
        return NotImplemented
    y_rows = y.shape[-2:][0]
    shape = x.shape[:-1] + y.shape[:-2] + y.shape[y.ndim - (y.ndim > 1):]
    if x.shape[-1] != y_rows:
        raise ValueError(
            f"dot: a has shape {x.shape} and b has shape {y.shape}: "
            f"{x.shape[-1]} elements of a would meet {y_rows} of b, expected as many"
        )
    if out is not None and not (type(out) is np.ndarray and out.shape == shape and out.flags.c_contiguous):
        return NotImplemented           # for NumPy to refuse
    flat = out
    if y.ndim > 2:
        columns = math.prod(y.shape[:-2]) * y.shape[-1]
        y = np.moveaxis(y, -2, 0).reshape(y_rows, columns)
        flat = None if out is None else out.reshape(*x.shape[:-1], columns)
    p = _validate.product("dot", x, y, flat, _AS_GIVEN)
    if p is None:
        return NotImplemented
    result = _multiply(p)
    if out is None:
        return result.reshape(shape)[()]
    return out if out.ndim else out[()]
