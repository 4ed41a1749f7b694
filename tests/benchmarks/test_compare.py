"""The comparison of two builds."""

import json
import os
import sys

import pytest

pytest.importorskip("tabulate")
pytest.importorskip("tqdm")

from benchmarks import compare  # noqa: E402
from benchmarks.operations.products import Product  # noqa: E402
from benchmarks.timing.measurement import Measurement, Turn  # noqa: E402


def measured(ratio, lost=0.0, error=0.0):
    rounds = [{"old": Turn(ratio, ratio, lost), "new": Turn(1.0, 1.0, lost)}] * 3
    return Measurement(Product("small", 2, 3, 4), 2, 3, rounds, {"old": 0.0, "new": error})


def test_a_side_is_an_interpreter_and_perhaps_a_folder(tmp_path):
    assert compare.side("old", "/bin/python")[1:] == ("fastla", "/bin/python", [])
    assert compare.side("old", os.pathsep.join(["python", str(tmp_path), "."])).path == [str(tmp_path), os.getcwd()]


@pytest.mark.parametrize(("ratios", "stands"), [([1.0, 0.95], True), ([0.96, 0.94], False), ([2.0, 0.84], False)])
def test_verdict(ratios, stands):
    assert compare.verdict([measured(ratio) for ratio in ratios], []) is stands


def test_verdict_of_what_is_wrong_failed_or_disturbed(capsys):
    assert not compare.verdict([measured(1.0, error=2.0)], [])
    assert not compare.verdict([measured(1.0)], ["a side failed"])
    assert not compare.verdict([measured(1.0, lost=1.0)], [])
    assert compare.verdict([measured(1.0), measured(0.5, lost=1.0)], [])
    assert "1 more were disturbed" in capsys.readouterr().out.replace("\n", " ")


def test_old_beside_new(monkeypatch, capsys, tmp_path):
    """A fastla that is NumPy's, in a folder, as the old build."""
    (tmp_path / "fastla").mkdir()
    (tmp_path / "fastla" / "__init__.py").write_text(
        "import numpy\n__version__ = '0.0.old'\nmatmul = numpy.matmul\n"
        "def show_config(mode): return {'target': 'none'}\n")
    cases = tmp_path / "cases.json"
    params = {"m": 4, "n": 4, "k": 4, "dtype": "float32"}
    cases.write_text(json.dumps([{"family": "matmul", "params": params}, {"family": "other", "params": {}},
                                 {"family": "matmul", "params": {**params, "dtype": "float64"}}]))
    new = os.pathsep.join([sys.executable, *sys.path])
    monkeypatch.setattr(sys, "argv", ["compare", f"{sys.executable}{os.pathsep}{tmp_path}", new, "--cases", str(cases),
                                      "--dtypes", "float32", "--rounds", "1", "--quick"])
    monkeypatch.setattr(compare, "QUICK_ROUNDS", (1, 0.001))
    compare.main()
    out, err = capsys.readouterr()
    assert "old: fastla 0.0.old" in out and "other" in err
    assert out.count("(4, 4) @ (4, 4)") == 1 and "float64" not in out
