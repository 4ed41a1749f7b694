"""What runs in a side's process: it builds operands, times its own library on them, and answers through a pipe."""

from __future__ import annotations

import contextlib
import math
import signal
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.cases import Case, operation

GROUP_S = 20e-6     # shorter calls are timed several at a time, for reading the clock takes 0.1 us


class _Work:
    """One case as one side does it, inside that side's process."""

    def __init__(self, side: str, case: Case, seed: int) -> None:
        self.case, self.operation = case, operation(case)
        self.operands = self.operation.make(case, seed)
        self.call = self.operation.sides[side](case, self.operands)
        self.group, self.result = 1, None

    def warm(self) -> float:
        """Make the first calls, which start pools and touch memory, and return the result's error."""
        first = self.best(0.0, 1)
        if first < 1e-3 and not self.case.gap_ms:
            self.group = max(1, int(GROUP_S / self.best(0.0, 1)))
        return self.error()

    def error(self) -> float:
        """Return the last result's error in units of the tolerance; infinite where it is NaN."""
        error = self.operation.check(self.case, self.operands, self.result)
        return math.inf if math.isnan(error) else error

    def answer(self) -> Any:
        """Return the last result itself."""
        return self.result

    def best(self, round_s: float, min_calls: int) -> float:
        """Return the shortest time of a call, in seconds, of as many as fit in `round_s`."""
        best, calls, spent = math.inf, 0, 0.0
        call, group, gap_s = self.call, range(self.group), self.case.gap_ms * 1e-3
        while spent < round_s or calls < min_calls:
            if gap_s:
                time.sleep(gap_s)
            started = time.perf_counter()
            for _ in group:
                self.result = call()
            took = time.perf_counter() - started
            best, calls, spent = min(best, took / len(group)), calls + len(group), spent + took + gap_s
        return best


def serve(pipe: Connection, side: str) -> None:
    """Carry out orders, (name, arguments) each answered by (done, answer or traceback), until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # Ctrl-C is the parent's, which then ends its workers
    work = None
    with contextlib.suppress(EOFError):
        while True:
            order, arguments = pipe.recv()
            try:
                if order == "load":
                    work = None     # frees the last case's memory first
                    work = _Work(side, *arguments)
                    pipe.send((True, None))
                else:
                    pipe.send((True, getattr(work, order)(*arguments)))
            except Exception:  # noqa: BLE001  (whatever it was, the parent is told)
                pipe.send((False, traceback.format_exc(limit=-3)))
