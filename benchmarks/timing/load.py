"""How much of its cores a process loses to others meanwhile: what makes a time untrue on a busy machine.

Others may work on a core that nobody wants. So what counts is the smaller of two figures: the time that others worked
on this process's cores (/proc/stat, less what the process itself used), and the time that its threads were ready to run
and had to wait (/proc/self/task/*/schedstat). What the machine's host stole is lost in any case.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

STAT, TASKS = Path("/proc/stat"), Path("/proc/self/task")
WORK, STOLEN = (0, 1, 2, 5, 6), 7       # columns of /proc/stat: user (guests too), nice, system, irq, softirq; steal
TOLERATED = 0.2         # cores; undisturbed, up to 0.1 are seen


class _Clocks(NamedTuple):
    """Seconds since whenever."""

    now: float
    used: float         # by this process
    worked: float       # by anybody, on this process's cores
    stolen: float
    waited: float       # by this process's threads; infinite where nobody says


def cores() -> set[int]:
    """Return the cores that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def ticks(stat: str, among: Collection[int]) -> tuple[int, int]:
    """Return the ticks in which some cores were working for anybody, and those that were stolen from them.

    Parameters
    ----------
    stat : str
        The text of /proc/stat.
    among : collection of int
        The cores that count.
    """
    names = {f"cpu{core}" for core in among}
    lines = [line.split()[1:] for line in stat.splitlines() if line.split()[:1] and line.split()[0] in names]
    return sum(int(line[column]) for line in lines for column in WORK), sum(int(line[STOLEN]) for line in lines)


def waiting(tasks: Path) -> float:
    """Return the seconds that threads were ready to run but had no core, or infinity where the system does not say.

    Parameters
    ----------
    tasks : Path
        A folder for each thread, whose schedstat says: ns on a core, ns waiting for one, turns.
    """
    total = 0
    for task in tasks.iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[1])
        except FileNotFoundError:
            return math.inf
        except ProcessLookupError:      # the thread has ended
            continue
    return total * 1e-9


class Watch:
    """What this process loses from now on; nothing, where there is no /proc/stat."""

    def __init__(self) -> None:
        self._cores = cores()
        self._start = self._read()

    def _read(self) -> _Clocks | None:
        if not STAT.exists():
            return None
        worked, stolen = (count / os.sysconf("SC_CLK_TCK") for count in ticks(STAT.read_text(), self._cores))
        return _Clocks(time.perf_counter(), time.process_time(), worked, stolen, waiting(TASKS))

    def lost(self) -> float:
        """Return the cores that this process lost, on average."""
        start, end = self._start, self._read()
        if start is None or end is None or end.now == start.now:
            return 0.0
        others = max(0.0, end.worked - start.worked - (end.used - start.used))
        waited = end.waited - start.waited if math.isfinite(end.waited) else math.inf
        return max(0.0, min(others, waited) + end.stolen - start.stolen) / (end.now - start.now)
