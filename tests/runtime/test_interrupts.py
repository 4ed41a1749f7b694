"""Ctrl-C and other signals while fastla works."""

import signal
import time

import numpy as np
import pytest
from concurrency import CASES, needs_fork, needs_signals
from grids import slow
from process import start_python

import fastla

# Products of f operations, one for each kind of loop, nearly without memory: they repeat one row, stacks one matrix.
LONG = {
    "one product": "repeat(f // 2_000_000, 1000), repeat(1000, 1000)",
    "transposed operands": "repeat(1000, f // 4_000_000).T, repeat(2000, 1000).T",
    "own transpose": "(own := repeat(1500, f // 1_500**2)), own.T",
    "stack, each by all threads": "repeat(f // 160_000_000, 100, 8000), repeat(8000, 100)[np.newaxis]",
    "stack, a thread each": "repeat(f // 19_968_000, 64, 2400), repeat(1, 2400, 65)",
    "stack of long k": "repeat(f // 20_480_000, 32, 10000), repeat(1, 10000, 32)",
    "long k": "repeat(48, f // 4608), repeat(f // 4608, 48)",
    "long k, b packed by each task": "repeat(256, f // 131_072), repeat(f // 131_072, 256)",
    "long k, both operands transposed": "repeat(f // 131_072, 256).T, repeat(256, f // 131_072).T",
    "few rows": "repeat(4, f // 40_000), repeat(f // 40_000, 5000)",
    "few columns": "repeat(f // 40_000, 5000), repeat(5000, 4)",
}
DEFAULT = [
    ("one product", 1), ("one product", 2), ("stack, a thread each", 2), ("few rows", 2),
    ("long k, b packed by each task", 2),
]
OTHERS = [(kind, 2) for kind in LONG if (kind, 2) not in DEFAULT]
FEW_TASKS = ("long k, b packed by each task", "long k, both operands transposed")
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
@pytest.mark.parametrize(("kind", "threads"), [*DEFAULT, *slow(*OTHERS)])
def test_ctrl_c(kind, threads):
    """The contract is 200 ms; a busy machine is given a second, of a product of three, of few and long tasks twelve."""
    code = INTERRUPTED.format(seconds=12 if kind in FEW_TASKS else 3, operands=LONG[kind], calls_first=True)
    sent, printed, code, errors = interrupt(code, FASTLA_NUM_THREADS=str(threads))
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


@needs_signals
@pytest.mark.parametrize(
    "search",
    [lambda q, x: fastla.knn(q, x, 2, metric="dot"), lambda q, x: fastla.range_search(q, x, 0, metric="dot")],
    ids=["knn", "range_search"],
)
def test_a_handler_may_end_a_search_at_any_time(search):
    """Also while the queries are made ready."""

    class Ended(Exception):
        pass

    def handler(number: int, frame: object) -> None:
        raise Ended

    q, x = np.ones((100, 200_000), np.float32), np.ones((3, 200_000), np.float32)
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
