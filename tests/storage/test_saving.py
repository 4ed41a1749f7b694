"""Where an index is saved: what is replaced, what is kept, and what is refused; removed rows are not written."""

import os
import socket
import stat
import threading

import numpy as np
import pytest

import fastla

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX files")


@pytest.fixture
def index() -> fastla.FlatIndex:
    made = fastla.FlatIndex(4, dtype="float16")
    made.add(np.random.default_rng(0).standard_normal((300, 4)))
    return made


def same(one: fastla.FlatIndex, other: fastla.FlatIndex) -> None:
    np.testing.assert_array_equal(one.ids, other.ids)
    for left, right in zip(one.search(np.ones(4), 20), other.search(np.ones(4), 20), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "link to a fifo"])
def test_what_is_no_regular_file_stays(index, tmp_path, kind):
    path = tmp_path / "there"
    if kind == "socket":
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
    elif kind == "device":
        path.symlink_to("/dev/null")
    else:
        os.mkfifo(path)
    if kind == "link to a fifo":
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    before = os.stat(path)
    with pytest.raises(OSError, match="FlatIndex.save: not a regular file") as caught:
        index.save(path)
    assert caught.value.filename == str(path)
    after = os.stat(path)
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_permissions_are_kept(index, tmp_path, mode):
    path = tmp_path / "index"
    index.save(path)
    os.chmod(path, mode)
    index.save(path)
    assert stat.S_IMODE(os.stat(path).st_mode) == mode
    same(index, fastla.FlatIndex.load(path))


def test_a_new_file_has_the_permissions_of_any(index, tmp_path):
    index.save(tmp_path / "index")
    (tmp_path / "other").touch()
    assert os.stat(tmp_path / "index").st_mode == os.stat(tmp_path / "other").st_mode


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="gives files away")
def test_the_owner_is_kept(index, tmp_path):
    index.save(tmp_path / "index")
    os.chown(tmp_path / "index", 12, 34)
    index.save(tmp_path / "index")
    assert (os.stat(tmp_path / "index").st_uid, os.stat(tmp_path / "index").st_gid) == (12, 34)


def test_links(index, tmp_path):
    """Symbolic ones stay, to a file that is or is not yet; hard ones part."""
    (tmp_path / "link").symlink_to("folder/../index")
    (tmp_path / "folder").mkdir()
    index.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    os.link(tmp_path / "index", tmp_path / "hard")
    old = fastla.FlatIndex.load(tmp_path / "hard", mmap=False)
    index.remove([0])
    index.save(tmp_path / "link")
    same(index, fastla.FlatIndex.load(tmp_path / "index"))
    same(old, fastla.FlatIndex.load(tmp_path / "hard"))
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links") as caught:
        index.save(tmp_path / "loop")
    assert caught.value.filename == str(tmp_path / "loop")


@pytest.mark.parametrize("mmap", [True, False])
def test_removed_vectors_are_not_written(index, tmp_path, mmap):
    index.save(tmp_path / "before")
    index.remove(np.arange(0, 60, 2))
    index.save(tmp_path / "after")
    loaded = fastla.FlatIndex.load(tmp_path / "after", mmap=mmap)
    same(index, loaded)
    assert loaded._blocks.n == len(loaded) == 270
    # And a mapped index whose vectors are removed leaves its file as it is, and needs no copy of it.
    mapped = fastla.FlatIndex.load(tmp_path / "before", mmap=mmap)
    mapped.remove(np.arange(0, 60, 2))
    same(index, mapped)
    mapped.update(1, np.ones(4))
    mapped.add(np.ones((100, 4)))
    assert mapped.ids[-1] == 399
    assert len(fastla.FlatIndex.load(tmp_path / "before")) == 300


def test_a_save_is_of_one_moment(index, tmp_path):
    """While another thread adds tens and removes them."""
    stop, errors = threading.Event(), []

    def change() -> None:
        try:
            while not stop.is_set():
                index.add(np.ones((10, 4)), ids=np.arange(1000, 1010))
                index.remove(np.arange(1000, 1010))
        except Exception as error:      # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for i in range(30):
            index.save(tmp_path / "index")
            loaded = fastla.FlatIndex.load(tmp_path / "index", mmap=bool(i % 2))
            assert len(loaded) in (300, 310)
            assert loaded.ids[:300].tolist() == list(range(300))
    finally:
        stop.set()
        thread.join()
    assert not errors
