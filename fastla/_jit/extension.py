"""Functions of fastla inside the user's own @njit code.

Numba finds `init` by its entry point `numba_extensions` and calls it before it first compiles anything. Inside, a call
is one of the Python function, for which the GIL is held; the kernels release it. So everything is as from Python:
stacks, integers, slices, transposes. The result's type is that of a trial with arrays of one element. An exception is
caught in Python and raised anew in compiled code, where try and except know it.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import objmode, typeof, types
from numba.core.errors import TypingError
from numba.extending import overload, register_jitable
from numba.np.numpy_support import as_dtype
from numpy.exceptions import AxisError

import fastla


def _matmul(x1: Any, x2: Any) -> Any:
    return _plain(fastla.matmul(x1, x2))


def _dot(a: Any, b: Any) -> Any:
    return _plain(fastla.dot(a, b))


def _cosine_similarity(x: Any, y: Any) -> Any:
    return _plain(fastla.cosine_similarity(x, y))


def _knn(queries: Any, corpus: Any, k: int, metric: str) -> Any:
    scores, rows = fastla.knn(queries, corpus, k, metric=metric)
    return _plain(scores), _plain(rows)


def _softmax(x: Any, axis: int) -> Any:
    return _plain(fastla.softmax(x, axis))


def _attention(query: Any, key: Any, value: Any, attn_mask: Any, is_causal: bool, kv_lengths: Any, scale: Any) -> Any:
    return _plain(fastla.attention(query, key, value, attn_mask, is_causal=is_causal, kv_lengths=kv_lengths,
                                   scale=scale))


def _plain(x: Any) -> Any:
    """As the type says: adjacent where it is an array."""
    return np.ascontiguousarray(x) if isinstance(x, np.ndarray) and x.ndim else x


ERRORS = (AxisError, ValueError, TypeError, MemoryError, FloatingPointError, RuntimeWarning)


def _attempt(called: Callable, trial: Any, *given: Any) -> tuple[Any, int, str]:
    """The answer, or one of its type with the number of the error beside, and what it says."""
    try:
        return called(*given), 0, ""
    except Exception as error:
        kind = next((i for i, of in enumerate(ERRORS) if isinstance(error, of)), len(ERRORS))
        return trial, 1 + kind, str(error)


@register_jitable
def _raise(kind: int, message: str) -> None:
    """Raise the error of this number: Numba must see each class by name."""
    if kind == 1:
        raise AxisError(message)
    if kind == 2:
        raise ValueError(message)
    if kind == 3:
        raise TypeError(message)
    if kind == 4:
        raise MemoryError(message)
    if kind == 5:
        raise FloatingPointError(message)
    if kind == 6:
        raise RuntimeWarning(message)
    raise RuntimeError(message)


def _array(t: Any) -> Any:
    """An array like those of a type, of one element."""
    if not isinstance(t, types.Array):
        return np.ones((), as_dtype(t)) if isinstance(t, types.Number) else None
    return np.ones((1,) * t.ndim, as_dtype(t.dtype))


def _compiled_call(called: Callable, *arguments: Any) -> Any:
    """A call of a Python function from compiled code, for arguments of these types; their error is the user's."""
    try:
        trial = called(*(_array(t) if isinstance(t, types.Type) else t for t in arguments))
    except (TypeError, ValueError) as error:
        raise TypingError(str(error)) from None
    result = typeof(trial)

    @register_jitable
    def call(*given):           # type: ignore[no-untyped-def]
        with objmode(answer=result, kind=types.intp, message=types.unicode_type):
            answer, kind, message = _attempt(called, trial, *given)
        if kind:
            _raise(kind, message)
        return answer
    return call


def _arrays(*given: Any) -> bool:
    return all(isinstance(t, types.Array) for t in given)


def _overload_pair(function: Any, called: Any) -> None:
    """A function of two arrays; `called` is what compiled code calls."""
    @overload(function)
    def pair(x1: Any, x2: Any) -> Any:
        if not _arrays(x1, x2):
            return None
        call = _compiled_call(called, x1, x2)

        def run(x1: Any, x2: Any) -> Any:
            return call(x1, x2)
        return run


_done: list[bool] = []


def init() -> None:
    """Make the functions known to Numba, once."""
    if _done:
        return
    _done.append(True)

    for function, called in (fastla.matmul, _matmul), (fastla.dot, _dot):
        _overload_pair(function, called)

    @overload(fastla.cosine_similarity)
    def cosine_similarity(x: Any, y: Any = None) -> Any:
        if not _arrays(x):
            return None
        call = _compiled_call(_cosine_similarity, x, y)

        def run(x: Any, y: Any = None) -> Any:
            return call(x, y)
        return run

    @overload(fastla.knn)
    def knn(queries: Any, corpus: Any, k: Any = 10, metric: Any = "cosine") -> Any:
        if not _arrays(queries, corpus):
            return None
        call = _compiled_call(_knn, queries, corpus, 1, "cosine")

        def run(queries: Any, corpus: Any, k: Any = 10, metric: Any = "cosine") -> Any:
            return call(queries, corpus, k, metric)
        return run

    @overload(fastla.softmax)
    def softmax(x: Any, axis: Any = -1) -> Any:
        if not _arrays(x):
            return None
        call = _compiled_call(_softmax, x, -1)

        def run(x: Any, axis: Any = -1) -> Any:
            return call(x, axis)
        return run

    @overload(fastla.attention)
    def attention(query: Any, key: Any, value: Any, attn_mask: Any = None, is_causal: Any = False,
                  kv_lengths: Any = None, scale: Any = None) -> Any:
        if not _arrays(query, key, value):
            return None
        call = _compiled_call(_attention, query, key, value, None, False, None, None)

        def run(query: Any, key: Any, value: Any, attn_mask: Any = None, is_causal: Any = False,
                kv_lengths: Any = None, scale: Any = None) -> Any:
            return call(query, key, value, attn_mask, is_causal, kv_lengths, scale)
        return run
