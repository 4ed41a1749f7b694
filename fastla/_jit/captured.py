"""What a user's function names beside its parameters: numbers and arrays are read anew at every call.

A function is described by its code and by what its names stand for when it is called: closure and global variables,
attributes of modules and objects, defaults, what a partial or a bound method adds, and all that of the functions that
it calls. Numbers and arrays become `Slot`s, further arguments of the compiled function, of which the types alone are
compiled in; everything else (functions of NumPy, strings, tuples) is a constant of the compiled code. The key of a
description holds all that the compiled code depends on.
"""

import builtins
import inspect
import math
import types
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastla._jit.bytecode import references, self_attributes
from fastla._jit.callables import call_of, unwrapped, wrap_builtin
from fastla._jit.kinds import kind_of

KNOWN_MODULES = (math, np, builtins)        # whose constants stay


class Slot:
    """A number or an array, as the compiled function's argument `index`."""

    def __init__(self, index: int, kind: tuple) -> None:
        self.index, self.kind = index, kind

    def _unknown(self, other: Any = None) -> Any:
        raise TypeError("known when it is called")      # so that no branch is decided while compiling

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __bool__ = _unknown       # type: ignore[assignment]

    def __hash__(self) -> int:
        return self.index


@dataclass
class Place:
    """An object whose attributes are read; `members`: what stands for those that the function names."""

    members: dict[str, Any] = field(default_factory=dict)


class Description:
    """A callable as it stands at a call: `key`, the `values` of its slots, and what is compiled of it.

    Raises
    ------
    TypeError
        If the function does not take `count` arguments; the message begins with a verb.
    """

    def __init__(self, f: Any, count: int) -> None:
        if isinstance(f, np.ufunc | types.BuiltinFunctionType):
            f = wrap_builtin(f, count)
        self.function, given, keywords = unwrapped(f)
        self.values: list[Any] = []
        self.slots: list[Slot] = []
        self._keys: list[Any] = []
        self._known: dict[int, Helper | None] = {id(self.function): None}
        self._kept: list[Any] = []              # objects whose identity is part of the key
        self.parameters = self._parameters(given, keywords, count)
        self.names = self._names(self.function)
        self.key = (count, *self._keys)

    def _parameters(self, given: list[Any], keywords: dict[str, Any], count: int) -> list[Any]:
        """What stands for each parameter of the function: the number of an argument of the call, or a substitute."""
        code = self.function.__code__
        names = code.co_varnames[:code.co_argcount]
        defaults = dict(zip(reversed(names), reversed(self.function.__defaults__ or ()), strict=False))
        free = [name for name in names[len(given):] if name not in keywords]
        rest = free[count:]
        if (code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS) or code.co_kwonlyargcount
                or len(free) < count or any(name not in defaults for name in rest) or len(given) > len(names)):
            raise TypeError(f"takes {inspect.signature(self.function)}")
        found: list[Any] = []
        for i, name in enumerate(names):
            if name in free[:count]:
                found.append(free.index(name))
            else:
                value = given[i] if i < len(given) else keywords.get(name, defaults.get(name))
                found.append(self._substitute(value, self_attributes(code, name)))
        return found

    def _names(self, function: types.FunctionType) -> tuple[dict[str, Any], dict[str, Any]]:
        """What stands for the global and for the closure variables that a function reads, where not they themselves."""
        code = function.__code__
        self._keys.append(code)
        cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
        roots: dict[tuple[bool, str], list[tuple[str, ...]]] = {}
        for is_global, name, attributes in references(code):
            roots.setdefault((is_global, name), []).append(attributes)
        found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        for (is_global, name), chains in roots.items():
            if is_global:
                if name not in function.__globals__:
                    continue            # a builtin, or Numba's to complain of
                value = function.__globals__[name]
            else:
                try:
                    value = cells[name].cell_contents
                except ValueError:
                    continue
            found[not is_global][name] = self._substitute(value, chains)
        return found

    def _substitute(self, value: Any, chains: Any) -> Any:
        """What the compiled function sees in the place of a value of which it takes these attributes in a row."""
        kind = kind_of(value)
        if kind is not None:
            return self._slot(value, kind)
        if isinstance(value, types.FunctionType):
            return self._helper(value)
        if any(value is module for module in KNOWN_MODULES) or not _has_members(value):
            return self._constant(value)
        self._keys.append("place")
        place = Place()
        chains = [chain for chain in chains if chain]
        for name in dict.fromkeys(chain[0] for chain in chains):
            if hasattr(value, name):
                below = [chain[1:] for chain in chains if chain[0] == name]
                self._keys.append(name)
                place.members[name] = self._substitute(getattr(value, name), below)
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
        except TypeError:
            by_value = False
        self._keys.append((type(value), value) if by_value else id(value))
        self._kept.append(value)
        return value

    def _helper(self, function: types.FunctionType) -> "Helper":
        if id(function) not in self._known:
            self._known[id(function)] = None            # while it is being described
            self._kept.append(function)
            self._constant(function.__defaults__)
            self._known[id(function)] = Helper(function, self._names(function))
        else:
            self._keys.append("again")
        helper = self._known[id(function)]
        if helper is None:
            raise TypeError(f"calls {function.__qualname__}, which calls itself")
        return helper


class Helper:
    """A function that another one calls."""

    def __init__(self, function: types.FunctionType, names: tuple[dict[str, Any], dict[str, Any]]) -> None:
        self.function, self.names = function, names


def _has_members(value: Any) -> bool:
    """Whether it is a module or an object of a Python class, whose attributes are read at every call."""
    return isinstance(value, types.ModuleType) or (
        hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value)
    ) or (hasattr(value, "__dict__") and isinstance(call_of(value), types.FunctionType)
          and not hasattr(value, "py_func"))


def copy_with(function: types.FunctionType, names: tuple[dict[str, Any], dict[str, Any]],
              defaults: tuple | None = None) -> types.FunctionType:
    """The same code over other global and closure variables."""
    code = function.__code__
    closure = tuple(
        types.CellType(names[1][name]) if name in names[1] else cell
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True)
    )
    return types.FunctionType(code, {**function.__globals__, **names[0]}, function.__name__, defaults, closure)


