"""The Python function behind whatever can be called."""

import functools
import inspect
import types
from typing import Any


def unwrapped(f: Any) -> tuple[types.FunctionType, list[Any], dict[str, Any]]:
    """The Python function behind a callable, and what it is given beside the call's arguments.

    Raises
    ------
    TypeError
        If there is none; the message says what f is.
    """
    if isinstance(f, functools.partial):
        function, given, keywords = unwrapped(f.func)
        return function, [*given, *f.args], {**keywords, **f.keywords}
    if isinstance(f, types.MethodType):
        function, given, keywords = unwrapped(f.__func__)
        return function, [f.__self__, *given], keywords
    if isinstance(f, types.FunctionType):
        return f, [], {}
    if isinstance(getattr(f, "py_func", None), types.FunctionType):     # of Numba's @njit
        return f.py_func, [], {}
    call = call_of(f)
    if isinstance(call, types.FunctionType) and not isinstance(f, type):
        return call, [f], {}
    raise TypeError(f"is the class {f.__name__}" if isinstance(f, type) else f"is of type {type(f).__name__}")


def call_of(value: Any) -> Any:
    """What calling a value calls, where its class says so."""
    return inspect.getattr_static(type(value), "__call__", None)


def wrap_builtin(f: Any, count: int) -> types.FunctionType:
    """A Python function of `count` parameters that calls f, a function written in C."""
    return {1: lambda x: f(x), 3: lambda x, i, j: f(x, i, j), 4: lambda b, h, i, j: f(b, h, i, j)}.get(
        count, lambda x, b, h, i, j: f(x, b, h, i, j))      # type: ignore[return-value]
