"""Several threads of Python, several of the pool, fork, signals, and the end of the process."""

import itertools
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import reference
from process import output_of, run_python, start_python

import fastla
from fastla._native import fastla_core as core

THREADS = [1, 2, 3, 7, 16]
SOAK_SECONDS = float(os.environ.get("FASTLA_SOAK_SECONDS", "3"))

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


# --- fork -------------------------------------------------------------------------------------------------------------
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


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------
# Products of f operations, one for each kind of loop, nearly without memory: they repeat one row, stacks one matrix.
LONG = {
    "one product": "repeat(f // 2_000_000, 1000), repeat(1000, 1000)",
    "transposed operands": "repeat(1000, f // 4_000_000).T, repeat(2000, 1000).T",
    "own transpose": "(own := repeat(1500, f // 1_500**2)), own.T",
    "stack, each by all threads": "repeat(f // 160_000_000, 100, 8000), repeat(8000, 100)[np.newaxis]",
    "stack, a thread each": "repeat(f // 19_968_000, 64, 2400), repeat(1, 2400, 65)",
    "stack of long k": "repeat(f // 20_480_000, 32, 10000), repeat(1, 10000, 32)",
    "long k": "repeat(48, f // 4608), repeat(f // 4608, 48)",
    "few rows": "repeat(4, f // 40_000), repeat(f // 40_000, 5000)",
    "few columns": "repeat(f // 40_000, 5000), repeat(5000, 4)",
}
INTERRUPTED = """
    import time
    import numpy as np
    import fastla

    def repeat(*shape):
        return np.broadcast_to(np.ones(shape[-2:] if len(shape) == 3 else shape[-1]), shape)

    x = np.ones((1000, 1000))
    fastla.matmul(x, x)
    began = time.perf_counter()
    fastla.matmul(x, x)
    f = int(2e9 * {seconds} / (time.perf_counter() - began))
    a, b = {operands}
    if {calls_first}:
        fastla.matmul(x, x)
    print("ready", flush=True)
    try:
        fastla.matmul(a, b)
        print("finished", time.monotonic())
    except KeyboardInterrupt:
        print("interrupted", time.monotonic())
    small = np.arange(10_000.0).reshape(100, 100) % 7
    for _ in range(3):
        assert (fastla.matmul(small, small) == np.einsum("ik,kj->ij", small, small)).all()
        assert (fastla.matmul(x, x) == 1000).all()
    print("right", flush=True)
"""


def interrupt(code: str, **variables: str) -> tuple[float, list[str], int, str]:
    """SIGINT 0.4 s after the program has printed "ready": when that was, what it printed then, exit code, stderr."""
    process = start_python(code, **variables)
    try:
        assert process.stdout.readline() == "ready\n", process.communicate(timeout=30)
        time.sleep(0.4)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        printed, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    return sent, printed.splitlines(), process.returncode, errors


@needs_signals
@pytest.mark.parametrize("threads", ["2", "1"])
@pytest.mark.parametrize("operands", LONG.values(), ids=LONG)
def test_ctrl_c(operands, threads):
    """The contract is 200 ms; a busy machine is given a second, of a product of three."""
    if threads == "1" and operands not in (LONG["one product"], LONG["stack, a thread each"]):
        pytest.skip("one thread: two kinds are enough")
    code = INTERRUPTED.format(seconds=3, operands=operands, calls_first=True)
    sent, printed, code, errors = interrupt(code, FASTLA_NUM_THREADS=threads)
    assert (code, errors, printed[-1]) == (0, "", "right"), errors
    how, when = printed[0].split()
    assert how == "interrupted"
    assert float(when) - sent < 1.0


@needs_signals
def test_ctrl_c_where_nobody_catches_it():
    code = INTERRUPTED.format(seconds=3, operands=LONG["one product"], calls_first=True)
    code = code.replace("except KeyboardInterrupt", "except ZeroDivisionError")
    began = time.monotonic()
    _, printed, code, errors = interrupt(code, FASTLA_NUM_THREADS="2")
    assert time.monotonic() - began < 3
    assert printed == []
    assert code == -signal.SIGINT
    assert errors.splitlines()[-1] == "KeyboardInterrupt"


@needs_signals
def test_ctrl_c_where_another_thread_imported_fastla():
    """Python's main thread is the one to ask for signals, wherever the import was."""
    code = INTERRUPTED.format(seconds=3, operands=LONG["one product"], calls_first=False)
    code = code.replace("import fastla\n", "import threading; importer = threading.Thread(target=__import__, "
                        "args=('fastla',)); importer.start(); importer.join(); import fastla\n")
    sent, printed, code, errors = interrupt(code, FASTLA_NUM_THREADS="2")
    assert (code, errors, printed[-1]) == (0, "", "right"), errors
    how, when = printed[0].split()
    assert how == "interrupted"
    assert float(when) - sent < 1.0


@needs_signals
@needs_fork
def test_ctrl_c_in_a_forked_child():
    code = INTERRUPTED.format(seconds=3, operands=LONG["one product"], calls_first=True)
    fork = "\n    import os, sys\n    child = os.fork()\n    if child:\n        import signal\n        " \
           "signal.signal(signal.SIGINT, lambda *_: os.kill(child, signal.SIGINT))\n        " \
           "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    code = code.replace("    a, b =", fork + "    a, b =")
    sent, printed, code, errors = interrupt(code, FASTLA_NUM_THREADS="2")
    assert (code, errors, printed[-1]) == (0, "", "right"), errors
    how, when = printed[0].split()
    assert how == "interrupted"
    assert float(when) - sent < 1.0


FORKS_IN_A_HANDLER = """
    import os, signal
    import numpy as np
    import fastla

    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2000, 4000)), rng.standard_normal((4000, 2000))
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
    process = start_python(FORKS_IN_A_HANDLER, FASTLA_NUM_THREADS="3", PYTHONWARNINGS="ignore::DeprecationWarning")
    printed, errors = process.communicate(timeout=60)
    assert errors == ""
    assert set(eval(printed)) == {0}


@needs_signals
def test_any_exception_of_a_handler_gets_out():
    class Alarm(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, handler)
    a = np.broadcast_to(np.ones(3000), (20_000, 3000))
    b = np.broadcast_to(np.ones(1000), (3000, 1000))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        began = time.monotonic()
        with pytest.raises(Alarm):
            fastla.matmul(a, b)
        assert time.monotonic() - began < 1.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    for case in CASES:
        case.check()


@needs_signals
@pytest.mark.parametrize("threads", [1, 2])
def test_a_handler_may_call_fastla(threads):
    """A product within a product: scratch and pool are re-entrant, and each has its own floating-point status."""
    calls = []

    def handler(number: int, frame: object) -> None:
        with np.errstate(over="ignore"), fastla.num_threads(2):
            for case in CASES:
                case.check()
            calls.append(np.full((30, 30), 1e200).sum() * np.float64(1e200))
            fastla.matmul(np.full((30, 30), 1e200), np.full((30, 30), 1e200))

    a, b = np.broadcast_to(np.ones(3000), (6000, 3000)), np.broadcast_to(np.ones(1000), (3000, 1000))
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.1)
        while not calls:
            with fastla.num_threads(threads), np.errstate(all="raise"):
                c = fastla.matmul(a, b)
            assert (c == 3000).all()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@needs_signals
def test_a_handler_does_not_hide_an_overflow():
    calls = []

    def handler(number: int, frame: object) -> None:
        calls.append(fastla.matmul(np.eye(3), np.eye(3)))

    a, b = np.ones((6000, 3000)), np.ones((3000, 1000))
    a[0, 0] = b[0, 0] = 1e200       # met at once, by the caller
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with fastla.num_threads(1), np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
            fastla.matmul(a, b)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert calls, "the product was too short for the signal to fall into it"


@needs_signals
def test_an_interrupted_product_leaves_no_warning_behind():
    def handler(number: int, frame: object) -> None:
        raise TimeoutError

    a = np.ones((6000, 3000))
    b = np.ones((3000, 1000))
    a[:, 0] = b[0, :] = 1e200
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(TimeoutError), np.errstate(over="ignore"):
            fastla.matmul(a, b)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with np.errstate(all="raise"):
        fastla.matmul(np.eye(3), np.eye(3))


# --- the end ----------------------------------------------------------------------------------------------------------
def test_no_worker_before_the_first_product():
    code = "import fastla; from fastla._native import fastla_core as core; print(core.workers())"
    assert output_of(code, FASTLA_NUM_THREADS="4") == "0"


def test_exit_with_workers_is_clean():
    code = """
        import numpy as np, fastla
        from fastla._native import fastla_core as core
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


@needs_signals
@pytest.mark.parametrize("search", [lambda q, x: fastla.knn(q, x, 2, metric="dot"), lambda q, x: fastla.range_search(q, x, 0, metric="dot")])
def test_a_handler_may_end_a_search_at_any_time(search):
    """Also while the queries are made ready."""

    class Ended(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise Ended

    q, x = np.ones((100, 600_000), np.float32), np.ones((3, 600_000), np.float32)
    with fastla.num_threads(1):
        search(q, x)
        start = time.perf_counter()
        search(q, x)
        duration = time.perf_counter() - start
        before = signal.signal(signal.SIGALRM, handler)
        ended = 0
        try:
            for part in np.linspace(0.05, 0.7, 12):
                try:
                    signal.setitimer(signal.ITIMER_REAL, duration * part)
                    search(q, x)
                    time.sleep(2 * duration)
                except Ended:
                    ended += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    assert ended > 5
