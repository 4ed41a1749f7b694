"""The CPU time that Linux's control groups, version 1 and 2, leave to this process."""

import math
import re
from collections.abc import Iterator
from pathlib import Path


def cpu_quota() -> float:
    """How many CPUs' time the groups of this process, and those around them, allow; infinity without a limit."""
    quota = math.inf
    for mount, folder in _folders():
        while True:
            quota = min(quota, _quota(folder))
            if folder == mount:
                break
            folder = folder.parent
    return quota


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []


def _folders() -> Iterator[tuple[Path, Path]]:
    """For each hierarchy that limits CPU time: where it is mounted, and the folder of this process's group in it."""
    groups = {}
    for line in _lines("/proc/self/cgroup"):        # number:controllers:group; version 2 names no controllers
        _, controllers, group = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = group
    for line in _lines("/proc/self/mountinfo"):     # 32 31 0:29 ROOT POINT options ... - TYPE source OPTIONS
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        controller = "" if kind == "cgroup2" else "cpu"
        limits = kind == "cgroup2" or kind == "cgroup" and controller in options.split(",")
        if not limits or controller not in groups:
            continue
        root, point = (re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), x) for x in left.split(" ")[3:5])
        group = groups[controller]
        mount = Path(point)
        inside = f"{group}/".startswith(root.rstrip("/") + "/") and ".." not in group.split("/")
        # A group outside what is mounted is that of another namespace: what is mounted is then all that can be seen.
        yield mount, mount.joinpath(*group[len(root.rstrip("/")):].split("/")) if inside else mount


def _quota(folder: Path) -> float:
    text = _lines(f"{folder}/cpu.max") or _lines(f"{folder}/cpu.cfs_quota_us") + _lines(f"{folder}/cpu.cfs_period_us")
    words = " ".join(text).split()
    if len(words) != 2 or not all(word.isdecimal() and int(word) for word in words):     # none, "max", or -1
        return math.inf
    return math.ceil(int(words[0]) / int(words[1]))
