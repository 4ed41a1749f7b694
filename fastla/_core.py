"""(operation, dtype) -> kernel: one loop over the targets, best first.

A target is an instruction set that the kernels were compiled for (setup.py). The first that the CPU can run is taken at
import; the environment variable FASTLA_TARGET forces one by name; `use_target` switches within the process. The target
"numba" (`_jit/kernels/target.py`) is one on top of a native one: its entries are compiled when they are first called.
"""

import importlib
import importlib.util
import math
import os
from typing import Any

import numpy as np

from fastla._native import fastla_core as core
from fastla._storage.dtypes import STORAGE

# The element row that does each dtype's products. A dtype without a row is NumPy's.
ROWS = {"float32": "float32", "float64": "float64", "int32": "int32"}

# The element row that searches what is stored in each dtype. Scores of the narrow ones are float32.
SEARCH_ROWS = {"float64": "float64", **{name: storage.row for name, storage in STORAGE.items()}}

NUMBA = "numba"     # the target that is compiled at run time, on top of a native one

_current = ""       # the native target in use
_numba: dict[str, Any] = {}         # the Numba target's tables by element row; empty: it is not in use
_eigen: dict[str, Any] = {}


def _module_name(target: str, row: str) -> str:
    return f"fastla._native.{target}_{row}"


def built_targets() -> list[str]:
    """The targets that this installation has, best first."""
    return [
        target for target in core.targets()
        if all(importlib.util.find_spec(_module_name(target, row)) for row in {*ROWS.values(), *SEARCH_ROWS.values()})
    ]


def missing_features(target: str) -> list[str]:
    """What this CPU (or its operating system) lacks for a target."""
    return sorted(core.targets()[target] - core.cpu_features())


def runnable_targets() -> list[str]:
    """The built targets that this machine can run, best first."""
    return [target for target in built_targets() if not missing_features(target)]


def has_numba() -> bool:
    """Whether Numba is installed; it is not imported."""
    return importlib.util.find_spec("numba") is not None


def use_target(name: str, everywhere: bool = False) -> None:
    """Let a target's kernels do the work from now on, in the whole process; "numba": those compiled at run time.

    From a target's `numpy_flops` on (setup.py's table) NumPy's routine does it instead; with `everywhere`, which is for
    tests and for measuring that crossover, the kernels do all.

    Raises
    ------
    ImportError
        If it is unknown, was not built, or the CPU lacks a feature; nothing changes then.
    """
    global _current
    native = _native_target() if name == NUMBA else name
    _check_native(native)
    tables = _numba_tables(native) if name == NUMBA else {}
    capsules = {dtype: importlib.import_module(_module_name(native, row)).kernels for dtype, row in ROWS.items()}
    for dtype in {*ROWS, *_numba, *tables}:
        capsule = tables.get(dtype, capsules.get(dtype))
        core.install(np.dtype(dtype).num, capsule, math.inf if everywhere or dtype in tables else None)
    _current = native
    _numba.clear()
    _numba.update(tables)
    core.STORAGE_KERNELS.clear()
    _eigen.update((row, tables.get(row, capsules[row])) for row in ("float32", "float64"))


def _check_native(name: str) -> None:
    if name not in core.targets():
        known = ", ".join([*core.targets(), NUMBA])
        raise ImportError(f"fastla: no target {name!r} on this platform; there are {known}")
    if missing := missing_features(name):
        raise ImportError(f"fastla: target {name!r} needs the CPU feature(s) {', '.join(missing)}, missing here")
    if name not in built_targets():
        raise ImportError(f"fastla: target {name!r} was not built; this installation has {', '.join(built_targets())}")


def _numba_tables(native: str) -> dict[str, Any]:
    """The Numba target's tables, by element row, on top of a native target's."""
    if not has_numba():
        raise ImportError("fastla: the Numba target needs Numba: pip install fastla[numba]")
    from fastla._jit.kernels import target

    elements = {element for elements in target.FAMILIES.values() for element in elements}
    return {element: target.table(core, element, native, importlib.import_module(
        _module_name(native, ROWS[element])).kernels if element in ROWS else None) for element in elements}


def products(dtype: str) -> Any:
    """The kernels, of the target in use, for products of a dtype."""
    return _numba.get(dtype) or importlib.import_module(_module_name(_current, ROWS[dtype])).kernels


def search(dtype: str) -> Any:
    """The kernels, of the target in use, that search what is stored in a dtype."""
    row = SEARCH_ROWS[dtype]
    if dtype not in core.STORAGE_KERNELS:
        own = _numba.get(row)
        core.STORAGE_KERNELS[dtype] = own or importlib.import_module(_module_name(_current, row)).kernels
    return core.STORAGE_KERNELS[dtype]


def eigen(dtype: str) -> Any:
    """The kernels of the target in use for eigensolvers in float32 or float64."""
    return _eigen[dtype]


def current_target() -> str:
    """The name of the target in use."""
    return NUMBA if _numba else _current


def native_target() -> str:
    """The native target in use; beneath Numba's, that which does what Numba's does not."""
    return _current


def owned_dtypes() -> list[str]:
    """The names of the dtypes whose products are fastla's."""
    return sorted({*ROWS, *_numba})


def owns(dtype: np.dtype) -> bool:
    """Whether products of this dtype are fastla's."""
    return dtype.isnative and core.owns(dtype.num)


def _first_target() -> str:
    forced = os.environ.get("FASTLA_TARGET")
    if forced:
        return forced
    return _native_target()


def _native_target() -> str:
    """The one in use, or else the best of this machine."""
    if _current:
        return _current
    for target in runnable_targets():
        if target not in core.test_only_targets():
            return target
    raise ImportError(
        f"fastla: no kernels for this machine; built: {built_targets() or 'none'}, "
        f"CPU features: {sorted(core.cpu_features())}"
    )


use_target(_first_target())
