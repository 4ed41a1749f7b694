"""Compiling the functions of the target, and an entry of the contract, or loading that from the disk.

Numba's own cache is keyed by a function's file, code and closure: it misses edits of what the function calls, and
takes closures over compiled functions for new ones in every process. So entries are keyed by their name and a hash of
these sources and of the contract; the CPU's features are in Numba's part of the key. Where nothing can be written
entries are compiled anew in each process. `FASTLA_VERBOSE=1` shows how long that takes.
"""

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, NullCache
from numba.core.ccallback import CFunc

from fastla._jit.kernels.contract import HEADER
from fastla._jit.vec import BYTES


def jit(function: Any) -> Any:
    """Compiled as all of the target is: without the GIL, and a division by zero is a number."""
    return njit(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


def jit_for(*parameters: Any) -> Any:
    """The same for functions made anew for each set of parameters, which become part of their names.

    Numba tells functions of one name and argument types apart by a count that begins anew in each process, and the
    linker takes the first of a name: what different processes have cached would be mistaken for each other.
    """
    def decorate(function: Any) -> Any:
        function.__qualname__ += "".join(f"_{parameter}" for parameter in parameters)
        return jit(function)
    return decorate


@cache
def fingerprint() -> int:
    """A hash of what entries are made of."""
    digest = hashlib.sha256(str(BYTES).encode())
    here = Path(__file__).parent
    for path in [*sorted(here.parent.glob("*.py")), *sorted(here.glob("*.py")), HEADER]:
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7])


class _Cache(FunctionCache):
    """Numba's, but for the key."""

    def __init__(self, function: Callable[..., Any], name: str) -> None:
        super().__init__(function)
        self._name = name

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return sig, codegen.magic_tuple(), self._name, fingerprint()


def compiled(name: str, function: Callable[..., Any], signature: Any) -> CFunc:
    """The C function of an entry."""
    began = time.perf_counter()
    function.__qualname__ += "_" + name.replace(" ", "_")       # as `jit_for` does
    entry = CFunc(function, (signature.args, signature.return_type), locals={}, options={"error_model": "numpy"})
    with contextlib.suppress(RuntimeError, OSError):        # nowhere to write
        entry._cache = _Cache(function, name)
    try:
        entry.compile()
    except OSError:                                         # no longer
        entry._cache = NullCache()
        entry.compile()
    if os.environ.get("FASTLA_VERBOSE", "0") not in ("", "0"):
        how = "loaded" if entry.cache_hits else "compiled"
        print(f"fastla: {name} {how} for Numba in {time.perf_counter() - began:.2f} s", file=sys.stderr)
    return entry
