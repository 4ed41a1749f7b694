"""The file of a FlatIndex.

Format, version 1. All numbers are little-endian; it is the same for every CPU.

========  ====================================================================================
bytes     what
========  ====================================================================================
0-7       the magic, b"fastlaIX"
8-11      the version, uint32
12-15     the length of the description, uint32
16-19     CRC-32 of the description, uint32
20-       the description: JSON, UTF-8. dim, metric, dtype, n, next_id, width (of a block: 48) and sections, each
          with a name, dtype, shape, offset and CRC-32
offsets   the sections, each at a multiple of 4096: data (blocks, depth, 48), step, weight, bias and ids (blocks * 48)
========  ====================================================================================

`blocks.py` says what they are; beyond the n rows their content is arbitrary. The CRCs of sections are checked when
they are read; a file that is mapped is checked for its length alone, since reading it whole is what mapping is there
to avoid.
"""

import errno
import json
import math
import os
import secrets
import stat
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fastla._storage.blocks import WIDTH, Blocks
from fastla._storage.dtypes import METRICS, STORAGE

MAGIC, VERSION, ALIGN = b"fastlaIX", 1, 4096
# Sections, by the names of version 1, and the attributes of Blocks that they hold.
SECTIONS = {"data": "data", "step": "scale", "weight": "weight", "bias": "bias", "ids": "ids"}
HEADER = struct.Struct("<8sIII")


class IndexFileError(ValueError):
    """A file that is no index, a damaged one, or one of a later version."""


def save(path: str | os.PathLike[str], blocks: Blocks, next_id: int) -> None:
    """Write an index beside the file, then put it in its place: whatever happens, the old or the new one is whole."""
    arrays = {name: blocks.pieces(attribute) for name, attribute in SECTIONS.items()}
    sections: list[dict[str, Any]] = []
    offset = ALIGN
    for name, (whole, rest) in arrays.items():
        crc = zlib.crc32(rest.tobytes(), zlib.crc32(whole.data) if whole.size else 0)
        shape = (len(whole) + len(rest), *whole.shape[1:])
        sections.append({"name": name, "dtype": whole.dtype.str, "shape": shape, "offset": offset, "crc32": crc})
        offset = -(-(offset + whole.nbytes + rest.nbytes) // ALIGN) * ALIGN
    description = json.dumps({
        "dim": blocks.dim, "metric": blocks.metric, "dtype": blocks.storage, "n": blocks.n, "next_id": next_id,
        "width": WIDTH, "bytes": offset, "sections": sections,
    }).encode()
    target, kept = _target(path)
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        # Nobody may read it earlier who may not read it in the end.
        mode = 0o666 if kept is None else 0o600
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(HEADER.pack(MAGIC, VERSION, len(description), zlib.crc32(description)) + description)
            for section, (whole, rest) in zip(sections, arrays.values(), strict=True):
                file.seek(section["offset"])
                whole.tofile(file)
                rest.tofile(file)
            file.truncate(offset)
            file.flush()
            if kept is not None:
                _keep_access(temporary, kept)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _target(path: str | os.PathLike[str]) -> tuple[Path, os.stat_result | None]:
    """The file to be replaced, and what is known of it; None: it is to be made. A symbolic link stays one."""
    target = Path(os.path.realpath(os.fsdecode(path)))
    kept, number = None, None
    if not target.parent.is_dir():      # else it is the temporary file that would be named
        number = errno.ENOENT
    else:
        try:
            kept = target.stat()
            number = errno.EISDIR if stat.S_ISDIR(kept.st_mode) else None
        except FileNotFoundError:
            pass
        except OSError as error:        # a loop of links
            number = error.errno
    if number is not None:
        raise OSError(number, os.strerror(number), os.fspath(path))
    if kept is not None and not stat.S_ISREG(kept.st_mode):
        # A file renamed over a device, a FIFO or a socket would take its place for the whole system.
        raise OSError(errno.EINVAL, "FlatIndex.save: not a regular file, and not replaced by one", os.fspath(path))
    return target, kept


def _keep_access(temporary: Path, kept: os.stat_result) -> None:
    """The owner and permissions of the file that is replaced, as far as this user may give them."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(temporary, kept.st_uid, kept.st_gid)
    os.chmod(temporary, stat.S_IMODE(kept.st_mode))


def _sync_folder(folder: Path) -> None:
    # So that the new name survives a crash too, where folders can be synced.
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load(path: str | os.PathLike[str], mmap: bool) -> tuple[Blocks, int]:
    """The blocks and next id of a file; mmap: its sections stay in the file."""
    with open(path, "rb") as file:
        described = _describe(path, file)
        length = os.fstat(file.fileno()).st_size
        if length < described["bytes"]:
            raise IndexFileError(f"{os.fspath(path)!r} is truncated: {length} bytes, expected {described['bytes']}")
        blocks = Blocks(described["dim"], described["dtype"], described["metric"])
        mapped = np.memmap(file, np.uint8, "r").view(np.ndarray) if mmap else None
        for section in described["sections"]:
            setattr(blocks, SECTIONS[section["name"]], _section(path, file, section, mapped))
        blocks.n = described["n"]
    return blocks, described["next_id"]


def _describe(path: Any, file: Any) -> dict[str, Any]:
    head = file.read(HEADER.size)
    if head[:len(MAGIC)] != MAGIC or len(head) < HEADER.size:
        raise IndexFileError(f"{os.fspath(path)!r} is not an index saved by fastla")
    _, version, length, crc = HEADER.unpack(head)
    if version != VERSION:
        raise IndexFileError(f"{os.fspath(path)!r} has format version {version}; this fastla reads version {VERSION}")
    text = file.read(length)
    if len(text) < length or zlib.crc32(text) != crc:
        raise IndexFileError(
            f"{os.fspath(path)!r} is truncated or damaged: its description does not match its checksum"
        )
    try:
        described: dict[str, Any] = json.loads(text)
        plausible = _plausible(described)
    except (KeyError, TypeError, ValueError, RecursionError):
        plausible = False
    if not plausible:
        raise IndexFileError(f"{os.fspath(path)!r} is damaged: its sections are not those of its description")
    return described


def _plausible(described: dict[str, Any]) -> bool:
    """Whether the sections are those of such an index, and lie within the file."""
    numbers = [described[key] for key in ("dim", "n", "next_id", "width", "bytes")]
    if any(type(number) is not int or not 0 <= number < 2**63 for number in numbers):
        return False
    if described["width"] != WIDTH or described["dim"] < 1 or described["metric"] not in METRICS:
        return False
    storage = STORAGE[described["dtype"]]
    depth, count = -(-described["dim"] // storage.pair), -(-described["n"] // WIDTH)
    columns = {name: attribute for name, attribute in SECTIONS.items() if name != "data"}
    expected = {name: (Blocks.COLUMNS[attribute], [count * WIDTH]) for name, attribute in columns.items()}
    expected["data"] = (storage.element.str, [count, depth, WIDTH])
    if {section["name"]: (section["dtype"], section["shape"]) for section in described["sections"]} != expected:
        return False
    return all(
        type(section["offset"]) is int and type(section["crc32"]) is int and section["offset"] % ALIGN == 0
        and ALIGN <= section["offset"] <= described["bytes"] - _bytes(section)
        for section in described["sections"]
    )


def _bytes(section: dict[str, Any]) -> int:
    return int(np.dtype(section["dtype"]).itemsize * math.prod(section["shape"]))


def _section(path: Any, file: Any, section: dict[str, Any], mapped: np.ndarray | None) -> np.ndarray:
    dtype, shape, offset = np.dtype(section["dtype"]), tuple(section["shape"]), section["offset"]
    size = math.prod(shape)
    if size == 0:
        return np.zeros(shape, dtype)
    if mapped is not None:
        return mapped[offset:offset + size * dtype.itemsize].view(dtype).reshape(shape)
    file.seek(offset)
    array = np.asarray(np.fromfile(file, dtype, size)).reshape(shape)
    if zlib.crc32(array.data) != section["crc32"]:
        raise IndexFileError(
            f"{os.fspath(path)!r} is damaged: the section {section['name']!r} does not match its checksum"
        )
    return array
