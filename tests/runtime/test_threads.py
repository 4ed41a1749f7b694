"""Several threads of Python, several of the pool, and the end of the process."""

import os
import random
import sys
import threading
import time

import numpy as np
import pytest
from concurrency import CASES, at_once
from process import output_of, run_python

import fastla
from fastla._core import core

THREADS = [1, 2, 3, 7, 16]
SOAK_SECONDS = float(os.environ.get("FASTLA_SOAK_SECONDS", "3"))


# --- how many threads -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("threads", THREADS)
def test_thread_counts(target, threads):
    fastla.set_num_threads(threads)
    for case in CASES:
        case.check()
    assert core.workers() >= threads - 1 or threads == 1


def test_results_do_not_depend_on_the_number_of_threads(target):
    rng = np.random.default_rng(5)
    for case in CASES:
        a = rng.standard_normal(case.a.shape).astype(case.a.dtype)
        b = a.T if case.b.base is case.a else rng.standard_normal(case.b.shape).astype(case.b.dtype)
        with fastla.num_threads(1):
            alone = fastla.matmul(a, b)
        for threads in THREADS[1:]:
            with fastla.num_threads(threads):
                assert fastla.matmul(a, b).tobytes() == alone.tobytes(), (a.shape, b.shape, threads)


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("row", [0, 150, 299])
def test_an_overflow_is_reported_whichever_thread_met_it(threads, row):
    a, b = np.ones((300, 300)), np.ones((300, 300))
    a[row, 7] = b[7, row] = 1e200
    with fastla.num_threads(threads):
        for _ in range(5):
            with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow .* matmul"):
                fastla.matmul(a, b)
            with np.errstate(all="raise"):      # nothing is left over for the next
                fastla.matmul(b[:50, :6], b[:6])


def test_the_pool_stops_and_comes_back():
    fastla.set_num_threads(3)
    CASES[2].check()
    assert core.workers() >= 2
    core.stop()
    assert core.workers() == 0
    CASES[2].check()
    assert core.workers() >= 2


# --- several callers --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("callers", [2, 8])
@pytest.mark.parametrize("threads", [1, 2, 7])
def test_callers_at_once(callers, threads):
    fastla.set_num_threads(threads)

    def work(first: int) -> None:
        for turn in range(2 * len(CASES)):
            CASES[(first + turn) % len(CASES)].check()

    at_once(*(lambda first=first: work(first) for first in range(callers)))


def test_callers_with_numbers_of_their_own():
    def work(threads: int) -> None:
        with fastla.num_threads(threads):
            for case in CASES:
                case.check()
                assert fastla.get_num_threads() == threads

    at_once(*(lambda threads=threads: work(threads) for threads in THREADS))


def test_more_callers_than_the_board_has_places():
    """The pool has places for 64 jobs; whoever finds none works alone."""
    fastla.set_num_threads(2)
    at_once(*(CASES[i % len(CASES)].check for i in range(80)))


def test_the_gil_is_released_in_a_long_product():
    a = np.ones((2000, 2000))
    started, done = threading.Event(), threading.Event()

    def multiply() -> None:
        started.set()
        with fastla.num_threads(1):
            fastla.matmul(a, a)
        done.set()

    thread = threading.Thread(target=multiply)
    began = time.perf_counter()
    thread.start()
    started.wait()
    turns = 0
    while not done.is_set():
        turns += 1
        time.sleep(0.001)
    took = time.perf_counter() - began
    thread.join()
    assert took > 0.05, "too short a product to tell"
    assert turns > 10, f"{turns} turns in {took:.2f} s"


@pytest.mark.parametrize("threads", [1, 2])
def test_a_mask_that_is_written_meanwhile(threads):
    """What is found is anybody's guess, but rows of the corpus or the padding."""
    rng = np.random.default_rng(0)
    n = 9000
    x = rng.standard_normal((n, 8), dtype=np.float32)
    mask = np.ones(n, bool)
    index = fastla.FlatIndex(8)
    index.add(x)
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            mask[:] = False
            mask[:] = True

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with fastla.num_threads(threads):
            for m in [1, 9, 60, 400] * 10:
                for _, ids in (fastla.knn(x[:m], x, 10, mask=mask, pad=True), index.search(x[:m], 10, mask=mask, pad=True)):
                    assert ids.min() >= -1
                    assert ids.max() < n
    finally:
        done.set()
        writer.join()


def test_soak():
    """For FASTLA_SOAK_SECONDS (3): callers, shapes and numbers of threads mixed, and threads that come and go."""
    end = time.monotonic() + SOAK_SECONDS
    counts = [0] * 5

    def work(number: int) -> None:
        rng = random.Random(number)
        while time.monotonic() < end:
            case = rng.choice(CASES)
            out = np.full_like(case.expected, np.nan) if case.expected.ndim and rng.random() < 0.5 else None
            if rng.random() < 0.5:
                with fastla.num_threads(rng.choice(THREADS)):
                    case.check(out)
            else:
                case.check(out)
            counts[number] += 1

    def disturb() -> None:
        rng = random.Random(99)
        while time.monotonic() < end:
            fastla.set_num_threads(rng.choice(THREADS))
            at_once(rng.choice(CASES).check, rng.choice(CASES).check)

    at_once(*(lambda number=number: work(number) for number in range(len(counts))), disturb, timeout=SOAK_SECONDS + 60)
    assert all(count > 5 for count in counts), counts


# --- the end ----------------------------------------------------------------------------------------------------------
def test_no_worker_before_the_first_product():
    code = "import fastla; from fastla._core import core; print(core.workers())"
    assert output_of(code, FASTLA_NUM_THREADS="4") == "0"


def test_exit_with_workers_is_clean():
    code = """
        import numpy as np, fastla
        from fastla._core import core
        fastla.matmul(np.ones((500, 500)), np.ones((500, 500)))
        print(core.workers())
    """
    assert int(output_of(code, FASTLA_NUM_THREADS="4")) >= 1


@pytest.mark.parametrize("end", ["pass", "sys.exit(0)", "raise SystemExit"])
def test_exit_while_daemon_threads_compute(end):
    code = f"""
        import sys, threading, time
        import numpy as np, fastla

        def work(n):
            a = np.ones((n, n))
            while True:
                fastla.matmul(a, a)

        for n in (8, 100, 400, 900):
            threading.Thread(target=work, args=(n,), daemon=True).start()
        time.sleep(0.2)
        print("end", flush=True)
        {end}
    """
    for _ in range(2):
        assert output_of(code, FASTLA_NUM_THREADS="2") == "end"


def test_products_at_exit():
    """atexit functions and module teardown may still multiply."""
    code = """
        import atexit
        import numpy as np, fastla
        a = np.ones((300, 300))

        class Last:
            def __del__(self, matmul=fastla.matmul, a=a):
                print("del", int(matmul(a, a)[0, 0]))

        last = Last()
        atexit.register(lambda: print("atexit", int(fastla.matmul(a, a)[0, 0])))
    """
    done = run_python(code, FASTLA_NUM_THREADS="3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["atexit 300", "del 300"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc/self/statm")
def test_scratch_of_ended_threads_is_freed():
    """Each thread packs 4 MB; forty that kept it would hold 160."""
    code = """
        import os, threading
        import numpy as np, fastla

        a, b = np.ones((100, 1000), order="F"), np.ones((1000, 1000))

        def resident_after(threads):
            for _ in range(threads):
                thread = threading.Thread(target=fastla.matmul, args=(a, b))
                thread.start()
                thread.join()
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

        print(-resident_after(3) + resident_after(40))
    """
    # One arena: malloc's habit of keeping what was freed, in one for each thread, is not what is measured.
    assert int(output_of(code, FASTLA_NUM_THREADS="1", MALLOC_ARENA_MAX="1")) < 60e6
