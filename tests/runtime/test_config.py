"""show_config, the number of threads and where it comes from, threadpoolctl."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from process import output_of, run_python

import fastla
from fastla import _cgroup, _core, config
from fastla._core import core

BAD_COUNTS = [
    *((n, ValueError) for n in (0, -1, 257, 10**30)),
    *((n, TypeError) for n in (1.5, 2.0, True, np.True_, "2", None)),
]


# --- show_config ------------------------------------------------------------------------------------------------------
def test_show_config_dicts():
    shown = fastla.show_config("dicts")
    assert shown == fastla.show_config(mode="dicts")
    assert shown["fastla"] == fastla.__version__
    assert shown["numpy"] == np.__version__
    assert shown["target"] == _core.current_target()
    assert shown["target"] in shown["targets runnable"]
    assert set(shown["targets runnable"]) <= set(shown["targets built"])
    assert set(shown["CPU features"]) == core.cpu_features()
    assert shown["backend"] == "native"
    with fastla.num_threads(3):
        assert fastla.show_config("dicts")["threads"] == 3


def test_show_config_prints_the_same(capsys):
    assert fastla.show_config() is None
    printed = capsys.readouterr().out
    fastla.show_config("stdout")
    assert capsys.readouterr().out == printed
    for key, value in fastla.show_config("dicts").items():
        line = next(line for line in printed.splitlines() if line.startswith(key + "  "))
        assert line.removeprefix(key).split() == (list(value) if isinstance(value, list) else str(value).split())


@pytest.mark.parametrize("mode", ["json", "", None, "DICTS"])
def test_show_config_refuses_another_mode(mode):
    with pytest.raises(ValueError, match=rf"mode must be .*'stdout'.*'dicts'.*{mode!r}"):
        fastla.show_config(mode)


# --- the number of threads --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n", [1, 2, 7, 256, np.int64(3), np.uint8(5)])
def test_set_num_threads(n):
    fastla.set_num_threads(n)
    assert fastla.get_num_threads() == n
    assert type(fastla.get_num_threads()) is int


@pytest.mark.parametrize(("n", "error"), BAD_COUNTS, ids=repr)
@pytest.mark.parametrize("function", [fastla.set_num_threads, fastla.num_threads])
def test_bad_counts_are_named(function, n, error):
    before = fastla.get_num_threads()
    with pytest.raises(error) as caught:
        function(n)
    assert str(caught.value).startswith("n must be ")
    assert repr(n) in str(caught.value) or str(n) in str(caught.value)
    assert fastla.get_num_threads() == before


def test_num_threads_nests_and_ends_with_an_exception():
    fastla.set_num_threads(2)
    with fastla.num_threads(5):
        assert fastla.get_num_threads() == 5
        with pytest.raises(ZeroDivisionError), fastla.num_threads(7):
            assert fastla.get_num_threads() == 7
            raise ZeroDivisionError
        assert fastla.get_num_threads() == 5
        with fastla.num_threads(1):
            assert fastla.get_num_threads() == 1
        assert fastla.get_num_threads() == 5
    assert fastla.get_num_threads() == 2


def test_one_num_threads_may_be_entered_again():
    fastla.set_num_threads(2)
    block = fastla.num_threads(4)
    with block, fastla.num_threads(6), block:
        assert fastla.get_num_threads() == 4
    assert fastla.get_num_threads() == 2
    with block:
        assert fastla.get_num_threads() == 4
    assert fastla.get_num_threads() == 2


def test_one_num_threads_in_two_threads():
    """Each gets back what it had."""
    fastla.set_num_threads(2)
    block = fastla.num_threads(5)
    inside = threading.Barrier(2)
    after = {}

    def enter(own: int) -> None:
        with fastla.num_threads(own):
            with block:
                inside.wait(10)
                assert fastla.get_num_threads() == 5
            inside.wait(10)
            after[own] = fastla.get_num_threads()

    threads = [threading.Thread(target=enter, args=(own,)) for own in (7, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert after == {7: 7, 8: 8}


def test_num_threads_decorates():
    @fastla.num_threads(3)
    def inner(depth: int = 2) -> list[int]:
        """Says how many."""
        return [fastla.get_num_threads(), *(inner(depth - 1) if depth else [])]

    fastla.set_num_threads(2)
    assert inner() == [3, 3, 3]
    assert inner.__doc__ == "Says how many."
    assert fastla.get_num_threads() == 2


def test_set_num_threads_within_a_block_is_for_after_it():
    fastla.set_num_threads(2)
    with fastla.num_threads(3):
        fastla.set_num_threads(4)
        assert fastla.get_num_threads() == 3
    assert fastla.get_num_threads() == 4


def test_a_block_is_for_its_own_thread():
    fastla.set_num_threads(2)
    seen = []

    def elsewhere() -> None:
        seen.append(fastla.get_num_threads())
        with fastla.num_threads(9):
            inside.set()
            go_on.wait(30)
            seen.append(fastla.get_num_threads())
        seen.append(fastla.get_num_threads())

    inside, go_on = threading.Event(), threading.Event()
    with fastla.num_threads(5):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        assert inside.wait(30)
        assert fastla.get_num_threads() == 5
        go_on.set()
        thread.join(30)
    assert seen == [2, 9, 2]
    assert fastla.get_num_threads() == 2


def test_set_num_threads_is_for_every_thread():
    seen = []
    fastla.set_num_threads(2)
    thread = threading.Thread(target=lambda: fastla.set_num_threads(6))
    thread.start()
    thread.join(30)
    assert fastla.get_num_threads() == 6
    thread = threading.Thread(target=lambda: seen.append(fastla.get_num_threads()))
    thread.start()
    thread.join(30)
    assert seen == [6]


def test_a_decorated_function_in_two_threads_at_once():
    """Each thread gets back its own number, in whatever order they leave."""
    fastla.set_num_threads(2)
    first_is_in, second_is_in, first_is_out = threading.Event(), threading.Event(), threading.Event()
    after = {}

    @fastla.num_threads(1)
    def work(entered: threading.Event, leave: threading.Event) -> None:
        entered.set()
        assert leave.wait(30)

    def first() -> None:
        with fastla.num_threads(5):
            work(first_is_in, second_is_in)
            after["first"] = fastla.get_num_threads()
        first_is_out.set()

    thread = threading.Thread(target=first)
    thread.start()
    assert first_is_in.wait(30)
    work(second_is_in, first_is_out)
    after["second"] = fastla.get_num_threads()
    thread.join(30)
    core.set_threads(0, 0)      # this thread as it was, even if the test fails
    assert after == {"first": 5, "second": 2}


# --- where it comes from ----------------------------------------------------------------------------------------------
@pytest.fixture
def unlimited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No variables set, 11 CPUs to use, and a file system without cgroups, whose root is returned."""
    for name in ("FASTLA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(11)), raising=False)
    monkeypatch.setattr(_cgroup, "Path", lambda *parts: tmp_path.joinpath(*(str(part).lstrip("/") for part in parts)))
    return tmp_path


@pytest.mark.parametrize(
    ("fastla_threads", "omp_threads", "expected"),
    [
        (None, None, 11), ("3", None, 3), (None, "4", 4), ("3", "4", 3), ("", "4", 4), ("  ", "4", 4), (" 5 ", None, 5),
        (None, "3,2", 3), (None, " 6 , 2", 6), ("256", None, 256), (None, "99999", 256),
        # what OpenMP's variable should not hold is ignored
        (None, "many", 11), (None, "", 11), (None, "0", 11), (None, "-2", 11), (None, "2.5", 11),
        (None, ",2", 11), (None, "²", 11),
    ],
)
def test_variables(monkeypatch, unlimited, fastla_threads, omp_threads, expected):
    for name, value in [("FASTLA_NUM_THREADS", fastla_threads), ("OMP_NUM_THREADS", omp_threads)]:
        if value is not None:
            monkeypatch.setenv(name, value)
    assert config._default_threads() == expected


@pytest.mark.parametrize("value", ["many", "0", "-1", "257", "1.5", "3,2", "0x10"])
def test_a_wrong_variable_of_ours_is_an_error(monkeypatch, unlimited, value):
    monkeypatch.setenv("FASTLA_NUM_THREADS", value)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with pytest.raises(ValueError, match=rf"FASTLA_NUM_THREADS .*1 to 256.*'{value}'"):
        config._default_threads()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"FASTLA_NUM_THREADS": "3", "OMP_NUM_THREADS": "2"}, "3"),
        ({"OMP_NUM_THREADS": "3,2"}, "3"),
        ({"FASTLA_NUM_THREADS": "16"}, "16"),
    ],
)
def test_variables_are_read_at_import(variables, expected):
    assert output_of("import fastla; print(fastla.get_num_threads())", **variables) == expected


def test_a_wrong_variable_stops_the_import():
    done = run_python("import fastla", FASTLA_NUM_THREADS="lots")
    assert done.returncode == 1
    assert "FASTLA_NUM_THREADS" in done.stderr.splitlines()[-1]
    assert "'lots'" in done.stderr.splitlines()[-1]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no CPU affinity here")
def test_affinity_is_honoured():
    code = """
        import os
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{cpus}])
        import fastla
        print(fastla.get_num_threads())
    """
    assert output_of(code.format(cpus=1)) == "1"
    cpus = len(os.sched_getaffinity(0))
    assert int(output_of(code.format(cpus=cpus))) == max(1, min(cpus, _cgroup.cpu_quota(), 256))


# --- threadpoolctl ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("imports", ["import threadpoolctl, fastla", "import fastla, threadpoolctl"])
@pytest.mark.parametrize("limits", ["1", "{'fastla': 1}"])
def test_threadpoolctl(imports, limits):
    pytest.importorskip("threadpoolctl")
    output_of(
        f"""
        {imports}
        import numpy as np

        def listed():
            return [library for library in threadpoolctl.threadpool_info() if library["internal_api"] == "fastla"]

        (library,) = listed()
        assert library["num_threads"] == 3, library
        assert library["version"] == fastla.__version__, library
        assert "fastla" in library["filepath"], library
        with threadpoolctl.threadpool_limits({limits}):
            assert fastla.get_num_threads() == 1
            assert listed()[0]["num_threads"] == 1
            assert (fastla.matmul(np.ones((300, 300)), np.ones((300, 300))) == 300).all()
            with threadpoolctl.threadpool_limits(limits={{"fastla": 2}}):
                assert fastla.get_num_threads() == 2
            assert fastla.get_num_threads() == 1
        assert fastla.get_num_threads() == 3
        fastla.set_num_threads(5)
        assert listed()[0]["num_threads"] == 5
        """,
        FASTLA_NUM_THREADS="3",
    )


def test_threadpoolctl_sets_the_process_not_the_thread():
    """What it restores at the end is what the process had, in a num_threads block too."""
    pytest.importorskip("threadpoolctl")
    output_of(
        """
        import threadpoolctl, fastla
        with fastla.num_threads(5):
            with threadpoolctl.threadpool_limits(2):
                pass
            assert fastla.get_num_threads() == 5
        assert fastla.get_num_threads() == 3, fastla.get_num_threads()
        """,
        FASTLA_NUM_THREADS="3",
    )


def test_threadpoolctl_may_ask_for_more_than_there_are():
    """Others' limits go beyond ours: no reason to fail in the middle of theirs."""
    pytest.importorskip("threadpoolctl")
    output_of("""
        import threadpoolctl, fastla
        with threadpoolctl.threadpool_limits(1000):
            assert fastla.get_num_threads() == 256
    """)


def test_fastla_works_without_threadpoolctl():
    code = """
        import sys
        sys.modules["threadpoolctl"] = None
        import fastla
        print(fastla.get_num_threads())
    """
    assert output_of(code, FASTLA_NUM_THREADS="3") == "3"
