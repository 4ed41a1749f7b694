"""Time the same work on several sides, each in a process of its own, in turn.

Two libraries in one process disturb each other: a pool's threads go on spinning after a call, and take the cores from
the next library's. So each side has a process, only one of them works at a time, and there is a pause between turns.
What is compared are times of one round, taken a moment apart, so that a machine that slows down slows both sides;
the median over the rounds then forgets the odd one. Rounds that others disturbed are measured again (load.py).
The result is checked before and after the timing.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from benchmarks.operations import NUMPY, OURS, Case
from benchmarks.timing.measurement import Measurement

PAUSE_S = 0.05      # OpenBLAS's idle threads spin for 2**26 ticks of the clock, 26 ms at 2.6 GHz, and then sleep
AGAIN_S = 0.2       # a rest before a disturbed round is measured again: what disturbed it may be over
ANSWER_S, END_S = 300.0, 2.0
THREAD_VARIABLES = ("FASTLA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
                    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")


class SideFailed(RuntimeError):
    """A side raised, died, or gave no answer."""


class Side(NamedTuple):
    """Who takes part.

    Attributes
    ----------
    name : str
        As it is called in the measurement.
    does : str
        Whose call it makes, a key of Case.SIDES.
    python : str
        The interpreter.
    path : list of str
        Its PYTHONPATH.
    """

    name: str
    does: str
    python: str = sys.executable
    path: Sequence[str] = ()


def here(does: str) -> Side:
    """Return a side that runs on this interpreter, and finds what this process finds."""
    return Side(does, does, path=[os.path.abspath(folder) for folder in sys.path])


PAIR = (here(NUMPY), here(OURS))


class _Process:
    """A side's process, and the pipe to it."""

    def __init__(self, side: Side, threads: int) -> None:
        self.name = side.name
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
        environment["PYTHONPATH"] = os.pathsep.join(side.path)
        self._pipe, theirs = multiprocessing.Pipe()
        command = [side.python, "-P", str(Path(__file__).with_name("child.py")), str(theirs.fileno()), side.does]
        self._process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()])
        theirs.close()      # or a worker that dies would not read as an end of file

    def ask(self, about: object, order: str, *arguments: Any) -> Any:
        """Give an order, wait while the side works alone, and return its answer; `about` is for messages."""
        try:
            self._pipe.send((order, arguments))
            if not self._pipe.poll(ANSWER_S):
                raise SideFailed(f"{self.name} gave no answer in {ANSWER_S:.0f} s: {about}")
            done, answer = self._pipe.recv()
        except (EOFError, OSError):
            raise SideFailed(f"{self.name}'s process died (exit code {self._ended()}): {about}") from None
        if not done:
            raise SideFailed(f"{self.name} failed: {about}\n{answer.strip()}")
        return answer

    def _ended(self) -> int | None:
        try:
            return self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> None:
        """Tell the worker to return by the end of file; one that does not is killed."""
        self._pipe.close()
        if self._ended() is None:
            self._process.kill()
            self._process.wait()


class Workers:
    """A process for each side, with a number of threads, for as many cases as wanted; a context manager."""

    def __init__(self, threads: int, sides: Sequence[Side] = PAIR) -> None:
        self.threads = threads
        self._processes = {side.name: _Process(side, threads) for side in sides}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.end()

    def about(self) -> dict[str, dict[str, str]]:
        """Return for each side which fastla it has: version, target, file."""
        return {name: process.ask("import fastla", "about") for name, process in self._processes.items()}

    def measure(self, case: Case, rounds: int = 5, round_s: float = 0.2, *, min_calls: int = 2, seed: int = 7,
                warm: bool = True, results: bool = False, again: bool = True, limit_s: float = math.inf) -> Measurement:
        """Measure one case.

        Parameters
        ----------
        case : Case
        rounds : int
            In each, every side has a turn; the order rotates.
        round_s : float
            How long a turn lasts, in seconds.
        min_calls : int
            Calls in a turn, at least, however long they take.
        seed : int
            Of the operands.
        warm : bool
            Make untimed calls first; without them the result is checked only after the timing.
        results : bool
            Keep the results themselves too.
        again : bool
            Measure as many rounds again as were disturbed, at most as many as were asked for.
        limit_s : float
            After this many seconds no further round is begun.

        Raises
        ------
        SideFailed
            Where a side raises or dies.
        """
        found = Measurement(case, self.threads, rounds, errors=dict.fromkeys(self._processes, 0.0))
        self._ask_all(case, "load", case, seed)
        if warm:
            found.errors = self._ask_all(case, "warm")
        order = list(self._processes)
        started = time.monotonic()
        while len(found.rounds) < (2 * rounds if again else rounds) and len(found.undisturbed) < rounds:
            time.sleep(AGAIN_S if len(found.rounds) >= rounds else 0)
            turns = {}
            for side in order:
                time.sleep(PAUSE_S)
                turns[side] = self._processes[side].ask(case, "turn", round_s, min_calls)
            found.rounds.append(turns)
            order.append(order.pop(0))
            if time.monotonic() - started > limit_s:
                break
        errors = self._ask_all(case, "error")
        found.errors = {side: max(error, errors[side]) for side, error in found.errors.items()}
        found.results = self._ask_all(case, "answer") if results else {}
        return found

    def _ask_all(self, case: Case, order: str, *arguments: Any) -> dict[str, Any]:
        return {name: process.ask(case, order, *arguments) for name, process in self._processes.items()}
