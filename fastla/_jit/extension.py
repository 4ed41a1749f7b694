"""Functions of fastla inside the user's own @njit code.

Numba finds `init` by its entry point `numba_extensions` and calls it before it first compiles anything. Inside, a call
is one of the Python function, for which the GIL is held; the kernels release it. So everything is as from Python:
stacks, integers, slices, transposes, exceptions. The result's type is that of a trial with arrays of one element.
"""

from typing import Any

import numpy as np
from numba import objmode, types
from numba.core.errors import TypingError
from numba.extending import overload
from numba.np.numpy_support import as_dtype

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


def _trial(t: Any) -> Any:
    """An array like those of a type, of one element."""
    if not isinstance(t, types.Array):
        return np.ones((), as_dtype(t)) if isinstance(t, types.Number) else None
    return np.ones((1,) * t.ndim, as_dtype(t.dtype))


def _result(function: Any, *arguments: Any) -> Any:
    """The type of a function's result for arguments of these types; its error is the user's."""
    from numba import typeof

    try:
        answer = function(*(_trial(t) if isinstance(t, types.Type) else t for t in arguments))
    except (TypeError, ValueError) as error:
        raise TypingError(str(error)) from None
    return typeof(answer)


def _arrays(*given: Any) -> bool:
    return all(isinstance(t, types.Array) for t in given)


def _overload_pair(function: Any, called: Any) -> None:
    """A function of two arrays; `called` is what compiled code calls."""
    @overload(function)
    def pair(x1: Any, x2: Any) -> Any:
        if not _arrays(x1, x2):
            return None
        result = _result(called, x1, x2)

        def run(x1: Any, x2: Any) -> Any:
            with objmode(answer=result):
                answer = called(x1, x2)
            return answer
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
        result = _result(_cosine_similarity, x, y)

        def run(x: Any, y: Any = None) -> Any:
            with objmode(answer=result):
                answer = _cosine_similarity(x, y)
            return answer
        return run

    @overload(fastla.knn)
    def knn(queries: Any, corpus: Any, k: Any = 10, metric: Any = "cosine") -> Any:
        if not _arrays(queries, corpus):
            return None
        result = _result(_knn, queries, corpus, 1, "cosine")

        def run(queries: Any, corpus: Any, k: Any = 10, metric: Any = "cosine") -> Any:
            with objmode(answer=result):
                answer = _knn(queries, corpus, k, metric)
            return answer
        return run

    @overload(fastla.softmax)
    def softmax(x: Any, axis: Any = -1) -> Any:
        if not _arrays(x):
            return None
        result = _result(_softmax, x, -1)

        def run(x: Any, axis: Any = -1) -> Any:
            with objmode(answer=result):
                answer = _softmax(x, axis)
            return answer
        return run

    @overload(fastla.attention)
    def attention(query: Any, key: Any, value: Any, attn_mask: Any = None, is_causal: Any = False,
                  kv_lengths: Any = None, scale: Any = None) -> Any:
        if not _arrays(query, key, value):
            return None
        result = _result(_attention, query, key, value, None, False, None, None)

        def run(query: Any, key: Any, value: Any, attn_mask: Any = None, is_causal: Any = False,
                kv_lengths: Any = None, scale: Any = None) -> Any:
            with objmode(answer=result):
                answer = _attention(query, key, value, attn_mask, is_causal, kv_lengths, scale)
            return answer
        return run
