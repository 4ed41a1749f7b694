"""Products whose every bit is known, and running them in threads and children."""

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import reference

import fastla

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
# A child of a process with threads is what is tested here; Python 3.12 warns of it.
allow_fork = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
needs_signals = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


class Case:
    """A product of small integers, whose every bit is known."""

    def __init__(self, a_shape: tuple[int, ...], b_shape: tuple[int, ...], dtype: str, order: str = "CC") -> None:
        rng = np.random.default_rng(len(a_shape) * 1000 + a_shape[-1])
        self.a, self.b = (
            np.asarray(rng.integers(-4, 5, shape), dtype, order=letter)
            for shape, letter in zip((a_shape, b_shape), order, strict=True)
        )
        self.expected = reference.matmul(self.a, self.b).astype(dtype)

    def check(self, out: np.ndarray | None = None) -> None:
        np.testing.assert_array_equal(fastla.matmul(self.a, self.b, out), self.expected)


def cases() -> list[Case]:
    """Every path: tiny, skinny, packed, folded, stacks, long k, few columns, transposed, own transpose."""
    shapes = [
        ((8, 8), (8, 8), "CC"), ((4, 700), (700, 601), "CC"), ((301, 280), (280, 303), "CC"),
        ((201, 90), (90, 333), "FF"), ((60, 16, 17), (60, 17, 15), "CC"), ((7, 60, 70), (70, 65), "CC"),
        ((3, 200, 150), (3, 150, 180), "CC"), ((20, 9001), (9001, 19), "CF"), ((901, 300), (300, 3), "CC"),
        ((3, 300), (300, 901), "CF"), ((5000,), (5000,), "CC"),
    ]
    made = [Case(*shape, dtype, order) for (*shape, order), dtype in zip(shapes, itertools.cycle(["f4", "f8"]))]
    own = Case((180, 220), (220, 180), "f8")
    own.b = own.a.T
    own.expected = reference.matmul(own.a, own.b)
    return [*made, own]


CASES = cases()


def at_once(*functions: Callable[[], None], timeout: float = 60) -> None:
    """Run each in a thread of its own, all starting together; what one of them raises is raised here."""
    barrier = threading.Barrier(len(functions))
    errors: list[BaseException] = []

    def run(function: Callable[[], None]) -> None:
        try:
            barrier.wait(timeout)
            function()
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    end = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), "a call hangs"
    if errors:
        raise errors[0]


def in_child(function: Callable[[], None], timeout: float = 30) -> None:
    """Run it in a forked child, which must end well and in time."""
    child = os.fork()
    if not child:
        code = 1
        try:
            function()
            code = 0
        except BaseException as error:  # noqa: BLE001 - the child must not go on as if it were the test
            os.write(2, f"in the child: {error!r}\n".encode())
        finally:
            os._exit(code)
    end = time.monotonic() + timeout
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child hangs")
        time.sleep(0.002)
    assert os.waitstatus_to_exitcode(status) == 0
