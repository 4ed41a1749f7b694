"""Memory that a call takes beyond its inputs and outputs, in a process of its own (Linux)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

PROCESS = Path("/proc/self")


def can_measure() -> bool:
    """Whether this system tells the peak of a process's memory, and lets it be reset."""
    return (PROCESS / "clear_refs").exists()


def _resident(what: str) -> int:
    for line in (PROCESS / "status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {what} in {PROCESS / 'status'}")


def taken_by(call: Callable[[], np.ndarray | Iterable[np.ndarray]]) -> float:
    """Return MiB: the peak of resident memory (VmHWM, reset before) less what was resident and what the results take.

    What is loaded at first use counts unless it was used before.
    """
    (PROCESS / "clear_refs").write_text("5")
    before = _resident("VmRSS")
    results = call()
    peak = _resident("VmHWM")
    return (peak - before - sum(x.nbytes for x in ([results] if isinstance(results, np.ndarray) else results))) / 2**20


def apart(module: str, *arguments: str) -> float:
    """Return what a module prints as its main program, run in a process of its own: MiB."""
    command = [sys.executable, "-m", module, *arguments]
    return float(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
