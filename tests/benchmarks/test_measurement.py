"""The statistics over rounds, and what a disturbed round counts for."""

import pytest

from benchmarks.operations.products import Product
from benchmarks.timing.measurement import Measurement, Turn

CASE = Product("small", 2, 3, 4)


def measurement(ratios, lost=None, wanted=None):
    """Return a measurement of 2 threads in which fastla takes a second, and NumPy the ratios."""
    lost = lost or [0.0] * len(ratios)
    rounds = [{"numpy": Turn(r, 2 * r, 0.0), "fastla": Turn(1.0, 3.0, o)} for r, o in zip(ratios, lost, strict=True)]
    return Measurement(CASE, 2, wanted or len(ratios), rounds, {"numpy": 0.5, "fastla": 1.0})


def test_ratio_is_the_median_and_the_spread_its_quartiles():
    found = measurement([1.0, 5.0, 2.0, 4.0, 3.0])
    assert found.ratio() == 3 and found.quartiles() == (2, 4) and not found.disturbed
    assert found.median("numpy") == 3 and found.typical("numpy") == 6 and found.best_ratio() == 1


def test_quartiles_of_one_round():
    assert measurement([2.0]).quartiles() == (2, 2)


def test_disturbed_rounds_do_not_count():
    found = measurement([1.0, 808.0, 1.2, 900.0], [0.0, 1.0, 0.1, 0.9], wanted=3)
    assert not found.disturbed and found.ratio() == pytest.approx(1.1) and len(found.counted) == 2


def test_too_few_undisturbed_rounds():
    found = measurement([1.0, 808.0, 700.0], [0.0, 1.0, 1.0])
    assert found.disturbed


def test_measured_again_adds_up():
    found, more = measurement([1.0]), measurement([3.0, 2.0])
    more.errors["numpy"] = 7.0
    found.add(more)
    assert found.ratio() == 2 and found.wanted == 3 and found.errors == {"numpy": 7, "fastla": 1} and not found.right
