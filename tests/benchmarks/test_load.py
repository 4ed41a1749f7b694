"""The load of the machine: what /proc says of others, and what is lost to them."""

import math
import os
import time

import pytest

from benchmarks.timing import load, taken

STAT = """cpu  300 0 30 1000 10 0 3 7 5 1
cpu0 100 1 20 500 10 2 3 4 90 1
cpu1 200 0 10 500 0 0 0 3 5 0
cpu10 7 0 0 0 0 0 0 0 0 0

intr 12345 cpu0
"""


@pytest.mark.parametrize(("among", "worked", "stolen"), [
    ({0}, 126, 4), ({1}, 210, 3), ({0, 1}, 336, 7), ({10}, 7, 0), ({2}, 0, 0)])
def test_ticks_of_the_cores_asked_for(among, worked, stolen):
    """user + nice + system + irq + softirq; guests are in user already, idle and iowait are nobody's."""
    assert load.ticks(STAT, among) == (worked, stolen)


def test_waiting_is_the_sum_over_threads(tmp_path):
    for thread, line in {"1": "5 2000000000 7", "2": "6 500000000 1"}.items():
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "schedstat").write_text(line)
    assert load.waiting(tmp_path) == 2.5
    (tmp_path / "2" / "schedstat").unlink()
    assert math.isinf(load.waiting(tmp_path))


@pytest.fixture
def lost(monkeypatch, tmp_path):
    """Return what is lost in two seconds, of which this process used one and three quarters, on one core."""
    stat, tasks = tmp_path / "stat", tmp_path / "task"
    monkeypatch.setattr(load, "STAT", stat)
    monkeypatch.setattr(load, "TASKS", tasks)
    monkeypatch.setattr(load, "cores", lambda: {0})
    (tasks / "1").mkdir(parents=True)

    def after(worked, stolen, waited):
        hertz = os.sysconf("SC_CLK_TCK")
        clock, used = iter([10.0, 12.0]), iter([5.0, 6.75])
        monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
        monkeypatch.setattr(time, "process_time", lambda: next(used))
        stat.write_text("cpu0 100 0 0 0 0 0 0 30\n")
        if waited is not None:
            (tasks / "1" / "schedstat").write_text("0 1000000000 0")
        watch = load.Watch()
        stat.write_text(f"cpu0 {100 + worked * hertz} 0 0 0 0 0 0 {30 + stolen * hertz}\n")
        if waited is not None:
            (tasks / "1" / "schedstat").write_text(f"0 {int(1e9 * (1 + waited))} 0")
        return watch.lost()
    return after


@pytest.mark.parametrize(("worked", "stolen", "waited", "cores"), [
    (2, 0, 1.0, 0.125),         # others worked for 0.25 s
    (2, 0, 0.1, 0.05),          # and most of it on a core that was not wanted
    (2, 0, None, 0.125),        # the system does not say who waited
    (1, 0, 5.0, 0.0),           # this process's threads waited for each other
    (1, 1, 0.0, 0.5)])          # the host stole a second
def test_lost_is_what_others_took_of_what_was_wanted(lost, worked, stolen, waited, cores):
    assert lost(worked, stolen, waited) == pytest.approx(cores)


def test_without_proc_stat_nothing_is_lost(monkeypatch, tmp_path):
    monkeypatch.setattr(load, "STAT", tmp_path / "none")
    assert load.Watch().lost() == 0


@pytest.mark.skipif(not load.STAT.exists(), reason="no /proc/stat")
def test_a_core_that_is_shared_is_lost_in_part():
    before = load.cores()
    with taken.one_core():
        time.sleep(0.3)         # it starts
        os.sched_setaffinity(0, {max(before)})
        try:
            watch, end = load.Watch(), time.perf_counter() + 0.5
            while time.perf_counter() < end:
                pass
            assert watch.lost() > load.TOLERATED
        finally:
            os.sched_setaffinity(0, before)
