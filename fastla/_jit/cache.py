"""Compiling an entry of the contract, or loading it from the disk.

Numba's cache is keyed by a function's own file, code and closure: it misses edits of what the function calls. So each
entry closes over a hash of these sources and of the contract. Where nothing can be written entries are compiled anew
in each process; `FASTLA_VERBOSE=1` shows how long that takes.
"""

import hashlib
import os
import sys
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import cfunc

from fastla._jit.contract import HEADER
from fastla._jit.vec import BYTES


@cache
def fingerprint() -> int:
    """A hash of what entries are made of."""
    digest = hashlib.sha256(str(BYTES).encode())
    for path in [*sorted(Path(__file__).parent.glob("*.py")), HEADER]:
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7])


def compiled(name: str, function: Callable[..., Any], signature: Any) -> Any:
    """The cfunc of an entry."""
    began = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")         # of a place that cannot be written
            entry = cfunc(signature, cache=True, error_model="numpy")(function)
    except (RuntimeError, OSError):                 # nowhere to write
        entry = cfunc(signature, error_model="numpy")(function)
    if os.environ.get("FASTLA_VERBOSE", "0") not in ("", "0"):
        how = "loaded" if getattr(entry, "cache_hits", 0) else "compiled"
        print(f"fastla: {name} {how} for Numba in {time.perf_counter() - began:.2f} s", file=sys.stderr)
    return entry
