"""Numba's kernels beside threads and processes: first calls at once, fork, spawn, nowhere to write, no Numba at all."""

import multiprocessing
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from concurrency import allow_fork, at_once, in_child, needs_fork
from process import environment, output_of, run_python

import fastla

pytest.importorskip("numba")

A = np.random.default_rng(0).integers(-4, 5, (100, 100)).astype(np.float64)


@pytest.fixture
def numba():
    with fastla.use_backend("numba"):
        yield


def check_product() -> None:
    np.testing.assert_array_equal(fastla.matmul(A, A), A @ A)


FIRST_CALLS = """
    import threading
    import numpy as np, fastla
    a = np.ones((100, 100))
    start, right = threading.Barrier(4), []

    def work(function):
        start.wait()
        for _ in range(20):
            right.append((fastla.matmul(a, a, epilogue=function) == 100).all() and (fastla.matmul(a, a) == 100).all())

    same = lambda x, i, j: x
    threads = [threading.Thread(target=work, args=(same,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(right), all(right))
"""


def test_first_calls_at_once_compile_once():
    done = run_python(FIRST_CALLS, FASTLA_TARGET="numba", FASTLA_VERBOSE="1", timeout=300)
    assert done.stdout == "80 True\n", done.stderr
    assert done.stderr.count("fastla: matmul float64") == 1


@needs_fork
@allow_fork
def test_fork_beside_threads(numba):
    fastla.set_num_threads(2)
    at_once(check_product, check_product)
    in_child(check_product)
    check_product()
    f = lambda x, i, j: x + A[i, j]     # noqa: E731

    def check_function() -> None:
        np.testing.assert_array_equal(fastla.matmul(A, np.eye(100), epilogue=f), 2 * A)
    check_function()
    in_child(check_function)


def child_process(answers) -> None:
    answers.put(fastla.show_config("dicts")["backend"])
    with fastla.use_backend("numba"):
        check_product()
    answers.put(fastla.matmul(A, A, epilogue=lambda x, i, j: x - i)[3, 0])


def test_spawn(numba):
    """A spawned process starts with the native target, as any other, and can have its own backend and functions."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=child_process, args=(answers,))
    child.start()
    assert answers.get(timeout=120) == "native"
    assert answers.get(timeout=120) == (A @ A)[3, 0] - 3
    child.join()
    assert child.exitcode == 0


def test_the_environment_chooses_the_target():
    code = "import fastla; print(fastla.show_config('dicts')['backend'])"
    assert output_of(code, FASTLA_TARGET="numba") == "numba"


CACHED = """
    import sys
    import numpy as np, fastla
    a = np.random.default_rng(0).integers(-4, 5, (100, 100)).astype(sys.argv[1])
    for dtype in sys.argv[1:]:
        a = a.astype(dtype)
        assert (fastla.matmul(a, a) == a @ a).all(), dtype
    q = a.astype("float32")
    assert (fastla.knn(q, q, 1)[1][:, 0] == np.arange(100)).all()
"""


@pytest.mark.slow
def test_what_processes_cached_apart_works_together(tmp_path):
    variables = environment(FASTLA_TARGET="numba", NUMBA_CACHE_DIR=str(tmp_path), FASTLA_VERBOSE="1")
    for dtypes in (["float32"], ["float64"], ["float64", "float32"]):
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(CACHED), *dtypes], env=variables,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    assert "compiled" not in done.stderr and done.stderr.count("loaded") == 3


@pytest.mark.parametrize("when", ["before", "while compiling"])
def test_nowhere_to_write(when, monkeypatch):
    """A read-only install, or a disk that is full by then."""
    from numba import types
    from numba.core import caching

    from fastla._jit.kernels import compiling

    def refuse(*_):
        raise OSError("read-only file system")
    where = (caching._CacheLocator, "ensure_cache_path") if when == "before" else (caching._Cache, "save_overload")
    monkeypatch.setattr(*where, refuse)
    if when != "before":
        monkeypatch.setattr(compiling._Cache, "save_overload", refuse)
    entry = compiling.compiled("nothing", lambda x: x + 1, types.intp(types.intp))
    assert entry.ctypes(41) == 42


def test_without_numba():
    """Everything but what needs it works, and the tests pass."""
    tests = Path(__file__).parent.parent
    hidden = """
        import sys
        sys.modules["numba"] = None
        import pytest
        sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
    """
    some = [str(tests / name) for name in ("jit", "rows/test_paired.py", "products/test_epilogue.py")]
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(hidden), *some], env=environment(),
                          capture_output=True, text=True, timeout=300, cwd=tests.parent)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout and "skipped" in done.stdout
