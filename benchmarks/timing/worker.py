"""What runs in a side's process: it builds operands, times its own library on them, and answers through a pipe."""

from __future__ import annotations

import contextlib
import math
import signal
import statistics
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.operations import Case
from benchmarks.timing.load import Watch
from benchmarks.timing.measurement import Turn

GROUP_S = 20e-6     # shorter calls are timed several at a time, for reading the clock takes 0.1 us


class _Work:
    """One case as one side does it, inside that side's process."""

    def __init__(self, does: str, case: Case, seed: int) -> None:
        self.case = case
        self.operands = case.make(seed)
        self.call = case.SIDES[does](case, self.operands)
        self.group, self.result = 1, None

    def warm(self) -> float:
        """Make the first calls, which start pools and touch memory, and return the result's error."""
        first = self.turn(0.0, 1).best
        if first < 1e-3 and not self.case.gap_ms:
            self.group = max(1, int(GROUP_S / self.turn(0.0, 1).best))
        return self.error()

    def error(self) -> float:
        """Return the last result's error in units of the tolerance; infinite where it is NaN."""
        error = self.case.check(self.operands, self.result)
        return math.inf if math.isnan(error) else error

    def answer(self) -> Any:
        """Return the last result itself."""
        return self.result

    def turn(self, seconds: float, min_calls: int) -> Turn:
        """Time as many calls as fit, and watch what others do meanwhile."""
        times, calls, spent = [], 0, 0.0
        call, group, gap_s = self.call, range(self.group), self.case.gap_ms * 1e-3
        watch = Watch()
        while spent < seconds or calls < min_calls:
            if gap_s:
                time.sleep(gap_s)
            started = time.perf_counter()
            for _ in group:
                self.result = call()
            took = time.perf_counter() - started
            times.append(took / len(group))
            calls, spent = calls + len(group), spent + took + gap_s
        return Turn(min(times), statistics.median(times), watch.others())


def _about() -> dict[str, str]:
    """Return what this process has for fastla."""
    import fastla
    config = fastla.show_config(mode="dicts")
    return {"version": fastla.__version__, "target": config["target"], "file": fastla.__file__}


def serve(pipe: Connection, does: str) -> None:
    """Carry out orders, (name, arguments) each answered by (done, answer or traceback), until the pipe closes.

    Parameters
    ----------
    pipe : Connection
    does : str
        The side of a case that is done here, a key of Case.SIDES.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # Ctrl-C is the parent's, which then ends its workers
    work = None
    with contextlib.suppress(EOFError):
        while True:
            order, arguments = pipe.recv()
            try:
                if order == "about":
                    pipe.send((True, _about()))
                elif order == "load":
                    work = None     # frees the last case's memory first
                    work = _Work(does, *arguments)
                    pipe.send((True, None))
                else:
                    pipe.send((True, getattr(work, order)(*arguments)))
            except Exception:  # noqa: BLE001  (whatever it was, the parent is told)
                pipe.send((False, traceback.format_exc(limit=-3)))
