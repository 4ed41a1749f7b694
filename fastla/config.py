"""What fastla uses here: threads, target, versions."""

from __future__ import annotations

import os
import platform
import threading
from contextlib import ContextDecorator
from types import TracebackType
from typing import Any, Literal

import numpy as np

from fastla import _core, _validate
from fastla._cgroup import cpu_quota
from fastla._core import core


def _default_threads() -> int:
    """FASTLA_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs that this process may use (affinity, cgroup quota)."""
    if text := os.environ.get("FASTLA_NUM_THREADS", "").strip():
        try:
            return _validate.thread_count(int(text) if text.isdecimal() else 0)
        except ValueError:
            raise ValueError(
                f"FASTLA_NUM_THREADS must be a number from 1 to {_validate.MAX_THREADS}, not {text!r}"
            ) from None
    # OpenMP allows a list, one number a nesting level. What it does not understand it ignores.
    outermost = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if outermost.isdecimal() and len(outermost) < 10 and int(outermost):
        return min(int(outermost), _validate.MAX_THREADS)
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(max(1, min(cpus, cpu_quota(), _validate.MAX_THREADS)))


def set_num_threads(n: int) -> None:
    """Set how many threads a call may use, the calling one included, for the whole process.

    Parameters
    ----------
    n : int
        From 1 to 256. It may exceed the number of cores.

    Raises
    ------
    TypeError, ValueError
        If n is no integer, or out of range.

    Examples
    --------
    >>> import fastla
    >>> before = fastla.get_num_threads()
    >>> fastla.set_num_threads(1)
    >>> fastla.get_num_threads()
    1
    >>> fastla.set_num_threads(before)
    """
    core.set_threads(_validate.thread_count(n), -1)


def get_num_threads() -> int:
    """How many threads a call from this thread may use.

    Returns
    -------
    int
        As set by `num_threads` for this thread or else by `set_num_threads`; at first FASTLA_NUM_THREADS,
        OMP_NUM_THREADS, or
        the number of CPUs that the process may use by affinity and cgroup quota.

    Examples
    --------
    >>> import fastla
    >>> fastla.get_num_threads() >= 1
    True
    """
    process, local = core.get_threads()
    return local or process


class num_threads(threading.local, ContextDecorator):  # noqa: N801 - used like a function
    """Within a `with` block, or a decorated function, let calls from this thread use `n` threads.

    Other threads are not affected. Blocks may be nested.

    Parameters
    ----------
    n : int
        From 1 to 256.

    Raises
    ------
    TypeError, ValueError
        If n is no integer, or out of range.

    Examples
    --------
    >>> import fastla
    >>> with fastla.num_threads(1):
    ...     fastla.get_num_threads()
    1
    """

    def __init__(self, n: int) -> None:
        # Once for each thread that enters this block: what was before is that thread's.
        self._n = _validate.thread_count(n)
        self._before: list[int] = []

    def _recreate_cm(self) -> num_threads:
        return num_threads(self._n)         # a decorated function may run in several threads at once

    def __enter__(self) -> num_threads:
        self._before.append(core.get_threads()[1])
        core.set_threads(0, self._n)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        core.set_threads(0, self._before.pop())


class use_backend:  # noqa: N801 - used like a function
    """Let Numba's kernels, compiled at run time for this CPU, or the native ones do the work; for the whole process.

    As a context manager it goes back to what was before at the end of the block. It holds for all threads there too.

    Parameters
    ----------
    name : {"numba", "native"}
        "numba" needs Numba: ``pip install fastla[numba]``. Kernels are compiled when they are first called, and kept
        on disk where something can be written there. What Numba has no kernel for the native ones do.

    Raises
    ------
    ValueError
        If name is neither.
    ImportError
        If Numba is not installed.

    Examples
    --------
    >>> import fastla
    >>> with fastla.use_backend("native"):
    ...     fastla.show_config("dicts")["backend"]
    'native'
    """

    def __init__(self, name: Literal["numba", "native"]) -> None:
        if name not in ("numba", "native"):
            raise ValueError(f"use_backend: name must be 'numba' or 'native', not {name!r}")
        self._before = _core.current_target()
        _core.use_target(_core.NUMBA if name == "numba" else _core.native_target())

    def __enter__(self) -> use_backend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _core.use_target(self._before)


def _numba_facts() -> str:
    """What Numba does, or could do, here."""
    if not _core.has_numba():
        return "not installed (pip install fastla[numba])"
    if _core.current_target() == _core.NUMBA:
        from fastla._jit.kernels import target

        families = "; ".join(f"{family} of {', '.join(elements)}" for family, elements in target.FAMILIES.items())
        return f"does {families}; the rest is target {_core.native_target()}'s"
    if _core.native_target() == "baseline":
        return "may be faster than the only target built for this CPU: fastla.use_backend('numba')"
    return "installed: fastla.use_backend('numba')"


def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Any] | None:
    """Print, or return, what fastla uses on this machine.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        As for `numpy.show_config`.

    Returns
    -------
    dict or None
        With "dicts": the target in use, the targets built and those that can run here, the CPU's features, threads,
        backend and versions.

    Raises
    ------
    ValueError
        If mode is neither.

    Examples
    --------
    >>> import fastla
    >>> fastla.show_config("dicts")["backend"]
    'native'
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode must be 'stdout' or 'dicts', not {mode!r}")
    import fastla

    config = {
        "fastla": fastla.__version__,
        "target": _core.current_target(),
        "targets built": _core.built_targets(),
        "targets runnable": _core.runnable_targets(),
        "CPU features": sorted(core.cpu_features()),
        "threads": get_num_threads(),
        "backend": "numba" if _core.current_target() == _core.NUMBA else "native",
        "Numba": _numba_facts(),
        "dtypes": _core.owned_dtypes(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
    if mode == "dicts":
        return config
    width = max(map(len, config))
    for key, value in config.items():
        print(f"{key:{width}}  {' '.join(value) if isinstance(value, list) else value}")
    return None


core.set_threads(_default_threads(), -1)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=core.after_fork)
