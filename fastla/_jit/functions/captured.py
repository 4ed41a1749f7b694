"""What a user's function names beside its parameters: numbers and arrays are read anew at every call.

A function is described by its code and by what its names stand for when it is called: closure and global variables,
attributes of modules and objects, defaults, what a partial or a bound method adds, and all that of the functions that
it calls. Numbers and arrays become `Slot`s, further arguments of the compiled function, of which the types alone are
compiled in; everything else (functions of NumPy, strings, tuples) is a constant of the compiled code. The key of a
description holds all that the compiled code depends on.
"""

import builtins
import enum
import functools
import inspect
import math
import types
from typing import Any

import numpy as np

from fastla._jit.functions.bytecode import references, self_attributes, written
from fastla._jit.functions.callables import call_of, unwrapped, wrap_builtin
from fastla._jit.functions.kinds import kind_of
from fastla._jit.functions.substitutes import Helper, Place, Slot

KNOWN_MODULES = (math, np, builtins)        # whose constants stay
NOT_PLAIN = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
HEAP_TYPE = 1 << 9                          # CPython's flag of classes that a class statement made


class Description:
    """A callable as it stands at a call: `key`, the `values` of its slots, and what is compiled of it.

    Raises
    ------
    TypeError
        If f is no function of `count` arguments, which are `shown` so; the message begins with a verb.
    """

    def __init__(self, f: Any, count: int, shown: str) -> None:
        if isinstance(f, np.ufunc | types.BuiltinFunctionType):
            f = wrap_builtin(f, count)
        try:
            self.function, given, keywords = unwrapped(f)
            if self.function.__code__.co_flags & NOT_PLAIN:
                raise TypeError("is a generator or a coroutine")
            _must_take(count, self.function, given, keywords)
        except TypeError as error:
            raise TypeError(f"{error}, expected a function of ({shown})") from None
        self.values: list[Any] = []
        self.slots: list[Slot] = []
        self._keys: list[Any] = []
        self._known: dict[tuple, Helper | None] = {_identity(self.function, given, keywords): None}
        self.constants: list[Any] = []          # objects whose identity is part of the key
        self._alive: list[Any] = []             # those whose identity matters until all is described
        self._places: dict[int, Place] = {}     # by identity: Numba compares them with `is`
        self.parameters = self._parameters(self.function, given, keywords, count)
        self.names = self._names(self.function)
        self.key = (count, *self._keys)
        del self._alive, self._known, self._places

    def _parameters(self, function: types.FunctionType, given: list[Any], keywords: dict[str, Any],
                    count: int) -> list[Any]:
        """What stands for each parameter of a function: the number of an argument of the call, or a substitute."""
        code = function.__code__
        names = code.co_varnames[:code.co_argcount]
        defaults = _defaults(function)
        free = _free(function, given, keywords)[:count]
        self._keys.append(tuple(name in free for name in names))
        found: list[Any] = []
        for i, name in enumerate(names):
            if name in free:
                found.append(free.index(name))
            else:
                value = given[i] if i < len(given) else keywords.get(name, defaults.get(name))
                found.append(self._substitute(value, self_attributes(code, name)))
        return found

    def _names(self, function: types.FunctionType) -> tuple[dict[str, Any], dict[str, Any]]:
        """What stands for the global and for the closure variables that a function reads, where not they themselves."""
        code = function.__code__
        for name in written(code):
            raise TypeError(f"writes {name}, which is not its own")
        self._keys.append(code)
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        roots: dict[tuple[bool, str], list[tuple[str, ...]]] = {}
        for is_global, name, attributes in references(code):
            roots.setdefault((is_global, name), []).append(attributes)
        found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for (is_global, name), chains in roots.items():
            if is_global:
                if name not in function.__globals__:
                    self._keys.append("builtin")        # or Numba's to complain of
                    continue
                value = function.__globals__[name]
            else:
                try:
                    value = cells[name].cell_contents
                except ValueError:
                    self._keys.append("unset")
                    continue
            found[not is_global][name] = self._substitute(value, chains)
        return found

    def _substitute(self, value: Any, chains: Any) -> Any:
        """What the compiled function sees in the place of a value of which it takes these attributes in a row."""
        kind = kind_of(value)
        if kind is not None:
            return self._slot(value, kind)
        if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
            return self._helper(value)
        if any(value is module for module in KNOWN_MODULES) or not _has_members(value):
            return self._constant(value)
        self._alive.append(value)
        place = self._places.setdefault(id(value), Place.of(value))
        self._keys += "place", list(self._places).index(id(value)), place.compared, place.counted
        for name in dict.fromkeys(chain[0] for chain in chains if chain):
            if hasattr(value, name):
                below = [chain[1:] for chain in chains if chain and chain[0] == name]
                self._keys.append(name)
                place.members[name] = self._substitute(getattr(value, name), below)
        if () in chains and isinstance(call_of(value), types.FunctionType):
            self._keys.append("call")
            place.call = self._helper(value)
        return place

    def _slot(self, value: Any, kind: tuple) -> Slot:
        self._keys.append(kind)
        self.values.append(value)
        self.slots.append(Slot(len(self.slots), kind))
        return self.slots[-1]

    def _constant(self, value: Any) -> Any:
        try:
            hash(value)
            by_value = isinstance(value, str | bytes | tuple | complex | type(None))
        except (TypeError, ValueError):
            by_value = False
        # Equal values may differ: 0.0 and -0.0, 1 and True.
        self._keys.append((type(value), value, repr(value)) if by_value else id(value))
        self.constants.append(value)
        return value

    def _helper(self, f: Any) -> Any:
        """A function that this one calls: with what a method or a partial gives it beside the call's arguments."""
        try:
            function, given, keywords = unwrapped(f)
        except TypeError:
            return self._constant(f)
        which = _identity(f if isinstance(f, functools.partial) else function, given, keywords)
        if which in self._known:
            self._keys.append(list(self._known).index(which))
        else:
            self._known[which] = None                   # while it is being described
            self._alive.append((f, function, given, keywords))
            free = _free(function, given, keywords)
            parameters = self._parameters(function, given, keywords, len(free)) if given or keywords else None
            defaults = {name: self._substitute(value, ((),)) for name, value in _defaults(function).items()}
            shown = f"function {function.__qualname__} at {id(function):#x}"
            self._known[which] = Helper(shown, function, free, parameters, self._names(function), defaults)
        helper = self._known[which]
        if helper is None:
            raise TypeError(f"calls {function.__qualname__}, which calls itself")
        return helper


def _defaults(function: types.FunctionType) -> dict[str, Any]:
    """The defaults of parameters, from the last on."""
    code = function.__code__
    return dict(zip(reversed(code.co_varnames[:code.co_argcount]), reversed(function.__defaults__ or ()), strict=False))


def _must_take(count: int, function: types.FunctionType, given: list[Any], keywords: dict[str, Any]) -> None:
    """TypeError unless a function can be called with so many arguments beside those given."""
    code, free = function.__code__, _free(function, given, keywords)
    if (code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS) or code.co_kwonlyargcount or len(free) < count
            or any(name not in _defaults(function) for name in free[count:]) or len(given) > code.co_argcount):
        raise TypeError(f"takes {inspect.signature(function, follow_wrapped=False)}")


def _free(function: types.FunctionType, given: list[Any], keywords: dict[str, Any]) -> list[str]:
    """The parameters that a call gives."""
    code = function.__code__
    return [name for name in code.co_varnames[len(given):code.co_argcount] if name not in keywords]


def _identity(function: Any, given: list[Any], keywords: dict[str, Any]) -> tuple:
    return id(function), *map(id, given), *((name, id(value)) for name, value in keywords.items())


def _has_members(value: Any) -> bool:
    """Whether it is a module, a Python class or an object of one, whose attributes are read at every call."""
    if isinstance(value, types.ModuleType):
        return True
    of = value if isinstance(value, type) else type(value)
    if of.__module__.partition(".")[0] in ("numba", "numpy") or isinstance(value, enum.Enum):
        return False
    if isinstance(value, type):
        return bool(value.__flags__ & HEAP_TYPE) and not issubclass(value, BaseException)
    has_own = hasattr(value, "__dict__") or hasattr(type(value), "__slots__") and not isinstance(value, tuple)
    return has_own and (not callable(value) or isinstance(call_of(value), types.FunctionType))
