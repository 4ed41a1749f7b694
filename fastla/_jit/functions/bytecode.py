"""The names that a function reads and writes, from its bytecode."""

import dis
import functools
import types
from typing import Any


@functools.lru_cache(maxsize=1024)
def written(code: types.CodeType) -> tuple[str, ...]:
    """The global and closure variables that code assigns or deletes."""
    return tuple(_written(code, code.co_freevars))


def _written(code: types.CodeType, free: tuple[str, ...]) -> list[str]:
    """Those of code and of the code within it; free: the closure variables of the whole."""
    own = [instruction.argval for instruction in dis.get_instructions(code)
           if instruction.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")
           or instruction.opname in ("STORE_DEREF", "DELETE_DEREF") and instruction.argval in code.co_freevars
           and instruction.argval in free]
    within = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return [*own, *(name for inner in within for name in _written(inner, free))]


@functools.lru_cache(maxsize=1024)
def references(code: types.CodeType) -> tuple[tuple[bool, str, tuple[str, ...]], ...]:
    """The names that code reads: whether a global one, the name, and the attributes taken of it in a row."""
    return tuple(dict.fromkeys(_references(code, code.co_freevars)))


def _references(code: types.CodeType, free: tuple[str, ...]) -> list[tuple[bool, str, tuple[str, ...]]]:
    """Those of code and of the code within it; free: the closure variables of the whole."""
    found: dict[tuple, None] = {}
    root: Any = None
    attributes: list[str] = []
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if root is not None and name in ("LOAD_ATTR", "LOAD_METHOD"):
            attributes.append(instruction.argval)
            continue
        if name in ("CACHE", "EXTENDED_ARG", "PUSH_NULL"):
            continue
        if root is not None:
            found[*root, tuple(attributes)] = None
        root, attributes = None, []
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            root = (True, instruction.argval)
        elif "DEREF" in name and instruction.argval in code.co_freevars and instruction.argval in free:
            root = (False, instruction.argval)
    within = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return [*found, *(reference for inner in within for reference in _references(inner, free))]


def self_attributes(code: types.CodeType, parameter: str) -> tuple[tuple[str, ...], ...]:
    """The attributes in a row that code takes of a parameter, code within it too."""
    found: dict[tuple[str, ...], None] = {}
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType) and parameter in inner.co_freevars:
            found.update(dict.fromkeys(self_attributes(inner, parameter)))
    attributes: list[str] | None = None
    for instruction in dis.get_instructions(code):
        if attributes is not None and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            attributes.append(instruction.argval)
        elif instruction.opname not in ("CACHE", "EXTENDED_ARG"):
            if attributes:
                found[tuple(attributes)] = None
            # From Python 3.13 on one instruction may load two, or store one and load another.
            loaded = instruction.argval[-1] if isinstance(instruction.argval, tuple) else instruction.argval
            reads = "LOAD_FAST" in instruction.opname or instruction.opname == "LOAD_DEREF"
            attributes = [] if reads and loaded == parameter else None
    return tuple(found)
