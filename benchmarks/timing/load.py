"""How many cores other processes take meanwhile: what makes a time untrue on a busy machine."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

STAT = Path("/proc/stat")
IDLE = (3, 4, 8, 9)     # columns of /proc/stat that do not count: idle, iowait; guest, guest_nice (in user already)
TOLERATED = 0.25        # cores; ticks of 10 ms make a turn of 0.12 s uncertain by nearly as much


def cores() -> set[int]:
    """Return the cores that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def busy_ticks(stat: str, among: Collection[int]) -> int:
    """Return the ticks in which some cores were working for anybody, or were stolen by the machine's host.

    Parameters
    ----------
    stat : str
        The text of /proc/stat.
    among : collection of int
        The cores that count.
    """
    names = {f"cpu{core}" for core in among}
    lines = (line.split() for line in stat.splitlines())
    return sum(int(ticks) for line in lines if line and line[0] in names
               for column, ticks in enumerate(line[1:]) if column not in IDLE)


class Watch:
    """What others take of this process's cores, from now on. Where there is no /proc/stat, nothing."""

    def __init__(self) -> None:
        self._cores = cores()
        self._busy, self._own, self._clock = self._read()

    def _read(self) -> tuple[float, float, float]:
        busy = busy_ticks(STAT.read_text(), self._cores) / os.sysconf("SC_CLK_TCK") if STAT.exists() else None
        return busy, time.process_time(), time.perf_counter()

    def others(self) -> float:
        """Return the cores that others took, on average."""
        busy, own, clock = self._read()
        if busy is None or clock == self._clock:
            return 0.0
        return max(0.0, (busy - self._busy - (own - self._own)) / (clock - self._clock))


def disturbs(others: float, threads: int) -> bool:
    """Whether others left less than a core to each thread: where there are cores enough, they may work."""
    return others > max(0, len(cores()) - threads) + TOLERATED
