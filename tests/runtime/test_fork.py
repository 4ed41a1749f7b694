"""fork, before, beside and in the midst of products."""

import itertools
import multiprocessing
import threading

import pytest
from concurrency import CASES, allow_fork, at_once, in_child, needs_fork, needs_signals
from process import start_python

import fastla
from fastla._core import core


def check_in_a_fresh_process() -> None:
    """The child starts without workers, and gets its own."""
    assert core.workers() == 0
    for case in CASES:
        case.check()
    assert core.workers() >= 1


@needs_fork
@allow_fork
@pytest.mark.parametrize("threads", [2, 7])
def test_fork_then_use(threads):
    fastla.set_num_threads(threads)
    CASES[2].check()
    assert core.workers() >= threads - 1
    for _ in range(3):
        in_child(check_in_a_fresh_process)
        CASES[2].check()


@needs_fork
@allow_fork
def test_fork_in_a_fork():
    fastla.set_num_threads(2)
    CASES[2].check()

    def grandchild() -> None:
        CASES[2].check()
        in_child(check_in_a_fresh_process)
        CASES[2].check()

    in_child(grandchild)


@needs_fork
@allow_fork
@pytest.mark.parametrize("threads", [2, 4])
def test_fork_while_others_compute(threads):
    fastla.set_num_threads(threads)
    stop = threading.Event()

    def compute(first: int) -> None:
        for case in itertools.islice(itertools.cycle(CASES), first, None):
            if stop.is_set():
                return
            case.check()

    def fork() -> None:
        try:
            for _ in range(15):
                in_child(check_in_a_fresh_process)
                CASES[2].check()
        finally:
            stop.set()

    at_once(fork, *(lambda first=first: compute(first) for first in (0, 3, 6)), timeout=120)


@needs_fork
@allow_fork
def test_fork_from_another_thread():
    """The thread that forks is the child's main thread."""
    fastla.set_num_threads(2)
    CASES[2].check()
    at_once(lambda: in_child(check_in_a_fresh_process), CASES[2].check)


def multiply_in_worker(index: int) -> bytes:
    case = CASES[index]
    case.check()
    return fastla.matmul(case.a, case.b).tobytes()


@needs_fork
@allow_fork
def test_multiprocessing_with_fork():
    fastla.set_num_threads(2)
    CASES[2].check()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.map_async(multiply_in_worker, range(len(CASES))).get(60)
    assert results == [case.expected.tobytes() for case in CASES]


FORKS_IN_A_HANDLER = """
    import os, signal
    import numpy as np
    import fastla

    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((1000, 4000)), rng.standard_normal((4000, 1000))
    expected = fastla.matmul(a, b)
    children = []

    def handler(number, frame):
        if 0 not in children and len(children) < 3:     # a child keeps to itself
            children.append(os.fork())

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    while len(children) < 3:
        try:
            result = fastla.matmul(a, b)
        except RuntimeError as error:
            assert 0 in children and "forked in the midst" in str(error)
            result = fastla.matmul(a, b)
        assert np.array_equal(result, expected)
        if 0 in children:
            os._exit(0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


@needs_signals
@needs_fork
def test_a_handler_that_forks_in_the_midst_of_a_product():
    """The parent's product is right; the child's, which has lost what other threads had begun, raises, or is right."""
    process = start_python(FORKS_IN_A_HANDLER, FASTLA_NUM_THREADS="3")
    printed, errors = process.communicate(timeout=60)
    assert errors == ""
    assert set(eval(printed)) == {0}
