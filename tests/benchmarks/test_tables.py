"""What the report prints."""

import math

import pytest

pytest.importorskip("tabulate")

from benchmarks.operations.products import Product  # noqa: E402
from benchmarks.operations.similarity import Cosine  # noqa: E402
from benchmarks.reporting import readme, tables, text  # noqa: E402
from benchmarks.timing.measurement import Measurement, Turn  # noqa: E402

CASE = Product("small", 2, 3, 4)


def measured(ratio, lost=0.0, error=0.0, case=CASE, **peers):
    """Return a measurement in which fastla takes a second, NumPy `ratio` seconds, and other peers theirs."""
    times = {"numpy": ratio, **peers, "fastla": 1.0}
    rounds = [{side: Turn(time, time, lost) for side, time in times.items()}] * 3
    return Measurement(case, 2, 3, rounds, dict.fromkeys(times, error))


@pytest.mark.parametrize(("seconds", "said"), [
    (2.5, "2.50 s"), (0.1234, "123 ms"), (5e-6, "5.00 µs"), (4e-10, "0.400 ns")])
def test_times_have_three_digits(seconds, said):
    assert text.seconds(seconds) == said


def test_geometric_mean():
    assert text.geometric_mean([2, 0.5, 4]) == pytest.approx(4 ** (1 / 3))
    assert math.isnan(text.geometric_mean([]))


def test_disturbed_and_wrong_rows_are_marked_and_left_out_of_the_mean():
    rows = [measured(2.0), measured(808.0, lost=1.0), measured(50.0, error=2.0), measured(8.0)]
    printed = tables.section(rows, "simple")
    assert "808.00x" not in printed and "50.00x" not in printed
    assert printed.count("disturbed ") >= 1 and "WRONG" in printed
    assert "4 measurements, 2 of them left out" in printed and "Geometric mean of the ratios 4.00x" in printed


def test_nothing_undisturbed_has_no_mean():
    assert "mean of the ratios" not in tables.summary([measured(808.0, lost=1.0)])


def test_several_peers():
    case = Cosine("cosine", 2, 3, 4)
    printed = tables.cases_table([measured(6.0, case=case, sklearn=2.0)], "pipe")
    assert "6.00x" in printed and "2.00x scikit-learn" in printed


def test_a_failure_is_a_row():
    printed = tables.cases_table([tables.Failure(CASE, 2, "why"), measured(2.0)])
    assert "failed" in printed and "2.00x" in printed


def test_one_core_taken_shows_both_sides():
    alone, taken = measured(2.0), measured(400.0, lost=1.0)
    printed = tables.taken_section([(alone, taken)], "simple")
    assert printed.startswith("With one core taken") and "200.00x" in printed and "1.00x" in printed


def test_a_block_of_the_readme(monkeypatch, tmp_path):
    path = tmp_path / "README.md"
    path.write_text("a\n<!-- x:begin -->\nold\n<!-- x:end -->\nz\n<!-- y:begin -->\n<!-- y:end -->\n")
    monkeypatch.setattr(readme, "README", path)
    readme.check("x")
    readme.write("x", "new")
    assert path.read_text() == "a\n<!-- x:begin -->\nnew\n<!-- x:end -->\nz\n<!-- y:begin -->\n<!-- y:end -->\n"
    with pytest.raises(SystemExit, match="z:begin"):
        readme.check("z")
