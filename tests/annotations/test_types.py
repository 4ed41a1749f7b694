"""What type checkers and help() see of the public functions."""

import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastla

WHOLE_API = Path(__file__).with_name("whole_api.py")


def mypy(file: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    options = ["--strict", "--follow-imports=silent", "--cache-dir", str(folder)]
    environment = {**os.environ, "MYPYPATH": str(Path(fastla.__file__).parents[1])}
    return subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(file)], capture_output=True, text=True, env=environment, cwd=folder
    )


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="NumPy's types have defaults from 2.2 on")
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy(tmp_path):
    done = mypy(WHOLE_API, tmp_path)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "wrong.py"
    lines = ["fastla.knn([1], [[1]], k='a')", "fastla.FlatIndex('x')", "fastla.matmul()", "fastla.nothing"]
    wrong.write_text("\n".join(["import fastla", *lines]))
    said = mypy(wrong, tmp_path).stdout
    for line in range(2, len(lines) + 2):
        assert f"wrong.py:{line}: error" in said, said


def test_the_file_for_mypy_uses_and_runs_all():
    text = WHOLE_API.read_text()
    for name in fastla.__all__:
        assert re.search(rf"fastla\.{name}\b", text), name
    for name, member in vars(fastla.FlatIndex).items():
        if not name.startswith("_"):
            assert f".{name}" in text, name
            function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
            assert "return" in function.__annotations__, name
    done = subprocess.run([sys.executable, str(WHOLE_API)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_there_are_types_in_the_package():
    assert Path(fastla.__file__).with_name("py.typed").exists()


def test_the_stub_of_the_core_is_whole():
    """Names that the core has and the stub has not, and the other way round."""
    from fastla._core import core

    stub = (Path(core.__file__).parent / "fastla_core.pyi").read_text()
    named = set(re.findall(r"^(?:def |class )?([A-Za-z]\w*)(?=[:(])", stub, re.MULTILINE))
    own = {name for name, x in vars(core).items() if name.isupper() or getattr(x, "__module__", "") == core.__name__}
    assert named == {name for name in own if not name.startswith("_")}


@pytest.mark.parametrize("name", sorted(fastla.__all__))
def test_signatures_fit_a_screen(name):
    signature = str(inspect.signature(getattr(fastla, name)))
    assert len(signature) < 550
    assert "NestedSequence" not in signature
    for method, member in vars(getattr(fastla, name)).items():
        if inspect.isfunction(member) and not method.startswith("_"):
            assert len(str(inspect.signature(member))) < 400
