"""The machine that was measured, in a line."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

import numpy as np


def machine() -> str:
    """Return one line on what was measured where: processor, cores, NumPy, its BLAS, fastla and its target."""
    import fastla
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    config = fastla.show_config(mode="dicts")
    return (f"{_processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, NumPy {np.__version__} with "
            f"{blas['name']} {blas['version']}{_blas_kernel()}; fastla {fastla.__version__}, target {config['target']}")


def _processor() -> str:
    """Return the processor's name, and architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return f"{name[1].strip() if name else platform.processor() or 'unknown processor'} ({platform.machine()})"


def _blas_kernel() -> str:
    """Return which of its kernels the BLAS has chosen, if threadpoolctl can say."""
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return ""
    kernels = {pool["architecture"] for pool in threadpool_info() if pool.get("architecture")}
    forced = ", as OPENBLAS_CORETYPE asks" if os.environ.get("OPENBLAS_CORETYPE") else ""
    return f" ({', '.join(sorted(kernels))}{forced})" if kernels else ""
