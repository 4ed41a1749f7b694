"""Numba as a target: tables of kernels whose entries are compiled, or loaded from the disk, when they are first called.

A table is a native target's, with some entries taken over. What an entry declines, and whatever it does not have, the
native target does.
"""

import importlib
from typing import Any

from fastla._jit.lock import Lock

# The entries of the contract that Numba fills, and the element rows for which it does.
FAMILIES = {
    "matmul": ("float32", "float64", "int32", "int8"),
    "search": ("float32", "float64"),
    "attention": ("float32", "float64"),
    "symmetric_product": ("float32", "float64"),
}

_tables: dict[tuple[str, str], Any] = {}
_entries: dict[tuple[str, str], Any] = {}       # compiled code lives as long as its object
_lock = Lock()


def families_of(element: str) -> list[str]:
    """The entries that Numba fills for an element row."""
    return [family for family, elements in FAMILIES.items() if element in elements]


def table(core: Any, element: str, native_target: str, native: Any) -> Any:
    """The capsule of an element row; native: that of the target beneath it, or None."""
    with _lock:
        key = element, native_target
        if key not in _tables:
            from fastla._jit.kernels.tile import MR, NV
            from fastla._jit.vec import BYTES

            size = 8 if element == "float64" else 2 if element == "int8" else 4
            core.on_pending(lambda element, family: compile_entry(core, element, family))
            _tables[key] = core.overlay(native, element, BYTES, MR, NV * BYTES // size, families_of(element))
        return _tables[key]


def compile_entry(core: Any, element: str, family: str) -> None:
    """Set an entry of all tables of an element row."""
    with _lock:
        from fastla._jit.kernels.compiling import compiled

        if (element, family) not in _entries:
            module = importlib.import_module(f"fastla._jit.kernels.{family}")
            _entries[element, family] = compiled(f"{family} {element}", module.build(element), module.SIGNATURE)
        for (row, _), capsule in _tables.items():
            if row == element:
                core.set_entry(capsule, family, _entries[element, family].address)

