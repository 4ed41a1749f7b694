"""The load of the machine: what /proc/stat says of others, and what disturbs."""

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


@pytest.mark.parametrize(("among", "ticks"), [({0}, 130), ({1}, 213), ({0, 1}, 343), ({10}, 7), ({2}, 0)])
def test_ticks_are_work_and_steal_of_the_cores_asked_for(among, ticks):
    """user + nice + system + irq + softirq + steal; guests are in user already, idle and iowait are nobody's."""
    assert load.busy_ticks(STAT, among) == ticks


def test_without_proc_stat_nobody_disturbs(monkeypatch, tmp_path):
    monkeypatch.setattr(load, "STAT", tmp_path / "none")
    assert load.Watch().others() == 0


def test_own_work_is_not_others(monkeypatch, tmp_path):
    """The cores were busy for a second, of which this process had 0.75."""
    stat, clock, own = tmp_path / "stat", iter([10.0, 12.0]), iter([5.0, 5.75])
    monkeypatch.setattr(load, "STAT", stat)
    monkeypatch.setattr(load, "cores", lambda: {0})
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(time, "process_time", lambda: next(own))
    stat.write_text("cpu0 100 0 0 0\n")
    watch = load.Watch()
    stat.write_text(f"cpu0 {100 + os.sysconf('SC_CLK_TCK')} 0 0 0\n")
    assert watch.others() == pytest.approx(0.125)


@pytest.mark.parametrize(("others", "threads", "disturbed"), [
    (0.0, 2, False), (0.2, 2, False), (0.5, 2, True), (1.0, 1, False), (1.5, 1, True), (0.2, 8, False), (0.3, 8, True)])
def test_others_disturb_where_they_leave_too_few_cores(monkeypatch, others, threads, disturbed):
    monkeypatch.setattr(load, "cores", lambda: {0, 1})
    assert load.disturbs(others, threads) is disturbed


@pytest.mark.skipif(not load.STAT.exists(), reason="no /proc/stat")
def test_a_busy_process_is_seen():
    with taken.one_core():
        time.sleep(0.3)     # it starts
        watch = load.Watch()
        time.sleep(0.5)
        assert watch.others() > 0.6
