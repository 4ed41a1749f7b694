"""Sides in processes of their own: rounds, failures, other folders, and a core that somebody else takes."""

import sys
from pathlib import Path

import pytest

from benchmarks.operations.products import Product
from benchmarks.timing import load, sides, taken

SMALL = Product("small", 8, 8, 8)
FAKE = """
import numpy
__version__ = "0.0.fake"
def show_config(mode): return {"target": "none"}
def matmul(a, b, out=None): return numpy.matmul(a, b, out=out)
"""


@pytest.fixture
def fake(tmp_path):
    """A side with a fastla of its own, in a folder."""
    (tmp_path / "fastla").mkdir()
    (tmp_path / "fastla" / "__init__.py").write_text(FAKE)
    return sides.Side("fake", "fastla", sys.executable, [str(tmp_path)])


def test_rounds_of_a_pair():
    with sides.Workers(1) as workers:
        found = workers.measure(SMALL, 2, 0.01, again=False)
    assert found.right and len(found.rounds) == 2
    for turns in found.rounds:
        assert turns.keys() == {"numpy", "fastla"}
        assert all(0 < turn.best <= turn.typical and turn.lost >= 0 for turn in turns.values())


def test_a_side_has_the_fastla_of_its_folder(fake):
    with sides.Workers(1, [fake, sides.here("fastla")]) as workers:
        about = workers.about()
        found = workers.measure(SMALL, 1, 0.01)
    assert about["fake"]["version"] == "0.0.fake" and about["fake"]["file"].startswith(fake.path[0])
    assert about["fastla"]["version"] != "0.0.fake"
    assert found.right and found.ratio("fake") > 0


def test_a_failure_names_the_side_and_the_case():
    with sides.Workers(1, [sides.here("torch")]) as workers, pytest.raises(sides.SideFailed, match="torch failed.*8"):
        workers.measure(SMALL, 1, 0.01)


def test_a_process_that_cannot_start_is_a_failure(fake):
    (Path(fake.path[0]) / "numpy.py").write_text("raise SystemExit(7)")
    with sides.Workers(1, [fake]) as workers, pytest.raises(sides.SideFailed, match="exit code 7"):
        workers.measure(SMALL, 1, 0.01)


@pytest.mark.parametrize(("disturbed", "again", "rounds"), [(0, True, 3), (1, True, 4), (9, True, 6), (9, False, 3)])
def test_disturbed_rounds_are_measured_again_but_not_for_ever(monkeypatch, disturbed, again, rounds):
    """The first so many rounds are disturbed; three are wanted."""
    monkeypatch.setattr(sides, "AGAIN_S", 0)
    monkeypatch.setattr(sides.Measurement, "undisturbed", property(lambda found: found.rounds[disturbed:]))
    with sides.Workers(1) as workers:
        assert len(workers.measure(SMALL, 3, 0.001, again=again).rounds) == rounds


@pytest.mark.skipif(not load.STAT.exists(), reason="no /proc/stat")
def test_with_one_core_taken_nothing_absurd_is_claimed():
    """OpenBLAS's threads spin, and collapse when a core is shared: 808x was once reported of this case."""
    with taken.one_core(), sides.Workers(min(2, len(load.cores()))) as workers:
        found = workers.measure(Product("long k", 64, 64, 4096), 3, 0.1, again=False)
    assert found.right and (found.disturbed or found.ratio() < 10)
