"""Time the same work on several sides, each in a process of its own, in turn.

Two libraries in one process disturb each other: a pool's threads go on spinning after a call, and take the cores from
the next library's. So each side has a process, only one of them works at a time, and there is a pause between turns.
What is compared are times of one round, taken a moment apart, so that a machine that slows down slows both sides;
the median over the rounds then forgets the odd one. The result is checked before and after the timing.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from benchmarks.cases import Case
from benchmarks.worker import serve

PAUSE_S = 0.05      # OpenBLAS's idle threads spin for 2**26 ticks of the clock, 26 ms at 2.6 GHz, and then sleep
ANSWER_S = 300.0
PAIR = ("numpy", "fastla")
THREAD_VARIABLES = ("FASTLA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS",
                    "VECLIB_MAXIMUM_THREADS")


class SideFailed(RuntimeError):
    """A side raised, died, or gave no answer."""


@dataclass
class Measurement:
    """What was measured of one case.

    Attributes
    ----------
    seconds : {side: [float, ...]}
        The shortest time of a call in each round.
    errors : {side: float}
        The largest error found, in units of the tolerance.
    results : {side: result}
        Where they were asked for.
    """

    case: Case
    threads: int
    seconds: dict[str, list[float]]
    errors: dict[str, float]
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Every side's result is within the tolerance."""
        return all(error <= 1 for error in self.errors.values())

    def median(self, side: str) -> float:
        """Return the median of a side's rounds, in seconds."""
        return statistics.median(self.seconds[side])

    def ratio(self, peer: str = "numpy") -> float:
        """Return how many times faster fastla is than `peer`: the median of the rounds' ratios."""
        return statistics.median(p / f for p, f in zip(self.seconds[peer], self.seconds["fastla"], strict=True))

    def best_ratio(self) -> float:
        """Return how many times faster fastla's best round is than NumPy's."""
        return min(self.seconds["numpy"]) / min(self.seconds["fastla"])


class Workers:
    """A process for each side, with a number of threads, for as many cases as wanted; a context manager."""

    def __init__(self, threads: int, sides: Sequence[str] = PAIR) -> None:
        self.threads = threads
        self._case: Case | None = None      # for messages
        self._pipes, self._processes = {}, {}
        context = multiprocessing.get_context("spawn")
        with _environment(threads):     # libraries read these when they are loaded, so the parent's must be right
            for side in sides:
                self._pipes[side], theirs = context.Pipe()
                self._processes[side] = context.Process(target=serve, args=(theirs, side), daemon=True)
                self._processes[side].start()
                theirs.close()          # or a worker that dies would not read as an end of file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes.values():
            pipe.close()                # the end of file tells the worker to return
        for process in self._processes.values():
            process.join(1)
            if process.is_alive():
                process.terminate()

    def _ask(self, side: str, order: str, *arguments: Any) -> Any:
        """Give a side an order, wait while it works alone, and return its answer."""
        pipe, process = self._pipes[side], self._processes[side]
        try:
            pipe.send((order, arguments))
            if not pipe.poll(ANSWER_S):
                raise SideFailed(f"{side} gave no answer in {ANSWER_S:.0f} s: {self._case}")
            done, answer = pipe.recv()
        except (EOFError, OSError):
            process.join(1)
            raise SideFailed(f"{side}'s process died (exit code {process.exitcode}): {self._case}") from None
        if not done:
            raise SideFailed(f"{side} failed: {self._case}\n{answer.strip()}")
        return answer

    def measure(self, case: Case, rounds: int = 5, round_s: float = 0.2, *, min_calls: int = 2, seed: int = 7,
                warm: bool = True, results: bool = False, limit_s: float = math.inf) -> Measurement:
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
        limit_s : float
            After this many seconds no further round is begun.

        Raises
        ------
        SideFailed
            Where a side raises or dies.
        """
        self._case = case
        order = list(self._pipes)
        found = Measurement(case, self.threads, {side: [] for side in order}, dict.fromkeys(order, 0.0))
        for side in order:
            self._ask(side, "load", case, seed)
            if warm:
                found.errors[side] = self._ask(side, "warm")
        started = time.monotonic()
        for _ in range(rounds):
            for side in order:
                time.sleep(PAUSE_S)
                found.seconds[side].append(self._ask(side, "best", round_s, min_calls))
            order.append(order.pop(0))
            if time.monotonic() - started > limit_s:
                break
        found.errors = {side: max(found.errors[side], self._ask(side, "error")) for side in order}
        found.results = {side: self._ask(side, "answer") for side in order} if results else {}
        return found


@contextlib.contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Ask every library for `threads` threads in the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
