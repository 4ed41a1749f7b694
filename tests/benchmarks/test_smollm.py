"""The language model: every library computes the same, and reading at once or token by token makes no difference."""

import importlib.util
import itertools

import numpy as np
import pytest

pytest.importorskip("tabulate")
pytest.importorskip("platformdirs")

from benchmarks.smollm import libraries, parts, report  # noqa: E402
from benchmarks.smollm.cases import LanguageModel, Written  # noqa: E402
from benchmarks.smollm.model import Decoder, Shape, angles, random_weights, rotated  # noqa: E402
from benchmarks.timing.measurement import Measurement, Turn  # noqa: E402

SMALL = Shape(width=48, layers=2, heads=6, kv_heads=2, hidden=80, vocabulary=101)
TOKENS = [3, 77, 100, 0, 51, 9]


def decoder(library, weights=None):
    return Decoder(SMALL, library, random_weights(SMALL) if weights is None else weights)


def test_libraries_agree():
    ours = decoder(libraries.FASTLA).read(TOKENS)
    np.testing.assert_allclose(decoder(libraries.NUMPY).read(TOKENS), ours, atol=1e-4)
    if importlib.util.find_spec("torch"):
        np.testing.assert_allclose(decoder(libraries.by_torch()).read(TOKENS), ours, atol=1e-4)
    rough = decoder(libraries.FASTLA_INT8).read(TOKENS)
    assert 0 < np.abs(rough - ours).max() < 0.1 * np.abs(ours).max()


@pytest.mark.parametrize("library", [libraries.NUMPY, libraries.FASTLA])
def test_token_by_token(library):
    at_once, stepwise = decoder(library), decoder(library)
    expected = at_once.read(TOKENS)
    for token in TOKENS:
        logits = stepwise.read([token])
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    ours, theirs = (list(itertools.islice(d.write(first), 4)) for d, first in ((at_once, expected), (stepwise, logits)))
    assert [token for token, _ in ours] == [token for token, _ in theirs]
    assert ours[0][0] == expected.argmax()
    at_once.forget()
    np.testing.assert_array_equal(at_once.read(TOKENS), expected)


def test_turned_heads_meet_by_their_distance():
    x, y = np.random.default_rng(1).standard_normal((2, 1, 1, 8)).astype(np.float32)
    cos, sin = angles(SMALL, 0, 30)
    at = [[rotated(v, cos[i:i + 1], sin[i:i + 1])[0, 0] for i in range(30)] for v in (x, y)]
    np.testing.assert_allclose(at[0][3] @ at[1][11], at[0][20] @ at[1][28], rtol=1e-4)
    assert abs(at[0][3] @ at[1][11] - at[0][3] @ at[1][12]) > 1e-3


def test_weights_of_other_shapes():
    held = {name: w for name, w in random_weights(SMALL).items() if name != "output_norm.weight"}
    with pytest.raises(ValueError, match="output_norm.weight"):
        decoder(libraries.FASTLA, held)


def test_how_far_sides_are_apart():
    logits = np.zeros((3, 4), np.float32)
    logits[:, 1] = 4
    ours, theirs = Written([1, 1, 1], logits), Written([1, 2, 3], logits + np.float32([[0], [1e-4], [9]]))
    assert report.in_common(ours, ours) == 3
    assert report.in_common(ours, theirs) == 2          # the third token comes after different ones
    assert report.apart(ours, theirs)[0] == pytest.approx(1e-4, rel=1e-2)
    assert report.agrees({"fastla": ours, "numpy": theirs})
    theirs.logits[1] += 1
    assert not report.agrees({"fastla": ours, "numpy": theirs})
    assert "another token after 1 (of 3)" in report.differences({"fastla": ours, "numpy": theirs}, None)
    assert "WRONG" in report.differences({"fastla": ours, "numpy": theirs}, None)


def test_the_table_says_what_part_of_memorys_speed_is_used():
    """The part is that of each round: memory is slower in the second, and so is fastla."""
    cases = [LanguageModel("model", tuple(range(256))), LanguageModel("model", (1, 2), 32)]
    rounds = [{"fastla": Turn(time, time, 0), "fastla int8": Turn(0.8, 0.8, 0), "memory": Turn(0.8 * time, time, 0)}
              for time in (2.0, 4.0, 2.0)]
    found = [Measurement(case, 2, 3, rounds) for case in cases]
    lines = report.table(found, ["fastla", "fastla int8"]).splitlines()
    assert [line.split()[-2:] for line in lines[2:]] == [
        ["128/s", "320/s"], ["16.0/s", "40.0/s"], ["5.38", "10.8"], ["0.80", "0.50"]]


def test_where_a_tokens_time_goes():
    lines = parts.table(SMALL, random_weights(SMALL), TOKENS, 3, {"fastla": libraries.FASTLA}).splitlines()
    assert lines[0].split()[3:] == ["products", "norms", "attention", "between", "token"]
    *spent, token = map(float, lines[2].split()[1:])
    assert sum(spent) == pytest.approx(token, abs=0.03)
    assert min(spent) >= 0
