"""CPU quotas of control groups: where this process is, and what the groups around it allow."""

import os
from pathlib import Path

import pytest
from process import output_of

from fastla import _cgroup, config

V2 = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:5 - cgroup cgroup rw,cpu,cpuacct\n"
OTHERS = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n35 31 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"


class Machine:
    """Files below a folder that stands for /."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def quota(self, folder: str, quota: str) -> None:
        if "cpuacct" in folder:
            self.write(f"{folder}/cpu.cfs_quota_us", quota.split()[0] + "\n")
            self.write(f"{folder}/cpu.cfs_period_us", quota.split()[1] + "\n")
        else:
            self.write(f"{folder}/cpu.max", quota + "\n")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    for name in ("FASTLA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(11)), raising=False)
    monkeypatch.setattr(
        _cgroup, "Path", lambda *parts: tmp_path.joinpath(*(os.path.relpath(str(part), "/") if str(part).startswith("/")
                                                            and not str(part).startswith(str(tmp_path)) else str(part)
                                                            for part in parts))
    )
    return Machine(tmp_path)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        ({}, 11),
        ({"": "300000 100000"}, 3),
        ({"/a/b": "300000 100000"}, 3),
        ({"/a": "200000 100000", "/a/b": "900000 100000"}, 2),      # the least up the tree
        ({"/a": "800000 100000", "/a/b": "150000 100000"}, 2),      # rounded up
        ({"/a/b": "1000 100000"}, 1),
        ({"/a/b/c": "100000 100000", "/other": "100000 100000"}, 11),        # groups that this process is not in
        ({"/a": "2000000 100000"}, 11),
        ({"/a/b": "400000 50000"}, 8),
    ],
)
def test_the_least_quota_up_the_tree(machine, version, quotas, expected):
    point = "/sys/fs/cgroup/cpu,cpuacct" if version == 1 else "/sys/fs/cgroup"
    machine.write("/proc/self/cgroup", "4:cpuset:/x\n3:cpu,cpuacct:/a/b\n0::/\n" if version == 1 else "0::/a/b\n")
    machine.write("/proc/self/mountinfo", OTHERS + (V1 if version == 1 else V2))
    unlimited = "-1 100000" if version == 1 else "max 100000"
    for group in ("/a", "/a/b"):
        machine.quota(point + group, quotas.get(group, unlimited))
    for group, quota in quotas.items():
        machine.quota(point + group, quota)
    assert config._default_threads() == expected


def test_both_versions_at_once(machine):
    machine.write("/proc/self/cgroup", "3:cpu,cpuacct:/a\n0::/b:c\n")
    machine.write("/proc/self/mountinfo", V1 + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 none rw,nsdelegate\n")
    machine.quota("/sys/fs/cgroup/cpu,cpuacct/a", "500000 100000")
    assert config._default_threads() == 5
    machine.quota("/sys/fs/cgroup/unified/b:c", "400000 100000")
    assert config._default_threads() == 4


@pytest.mark.parametrize(
    ("group", "mount", "folder"),
    [
        ("/docker/1f", "41 31 0:38 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "/sys/fs/cgroup"),
        ("/docker/1f/x", "41 31 0:38 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "/sys/fs/cgroup/x"),
        ("/docker/1fx", "41 31 0:38 /docker/1f /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "/sys/fs/cgroup"),
        ("/../other", "41 31 0:38 / /cgroup rw - cgroup2 cgroup rw\n", "/cgroup"),
        ("/a b", "41 31 0:38 / /mnt/my\\040groups rw - cgroup2 cgroup rw\n", "/mnt/my groups/a b"),
    ],
)
def test_mount_points_and_their_roots(machine, group, mount, folder):
    machine.write("/proc/self/cgroup", f"0::{group}\n")
    machine.write("/proc/self/mountinfo", mount)
    machine.quota(folder, "200000 100000")
    assert _cgroup.cpu_quota() == 2


@pytest.mark.parametrize("text", ["nonsense\n", "", "max\n", "100000 0\n", "0 100000\n", "-1 100000\n", "1 2 3\n"])
def test_what_is_no_quota_is_no_limit(machine, text):
    machine.write("/proc/self/cgroup", "0::/\n")
    machine.write("/proc/self/mountinfo", V2)
    machine.write("/sys/fs/cgroup/cpu.max", text)
    assert config._default_threads() == 11


def test_without_control_groups(machine):
    assert config._default_threads() == 11


def test_variables_come_before_the_quota(machine, monkeypatch):
    machine.write("/proc/self/cgroup", "0::/\n")
    machine.write("/proc/self/mountinfo", V2)
    machine.quota("/sys/fs/cgroup", "100000 100000")
    assert config._default_threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert config._default_threads() == 4


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="makes a control group")
def test_a_real_group():
    folder = next((mount for mount, _ in _cgroup._folders()), None)
    if folder is None:
        pytest.skip("no control groups are mounted")
    group = folder / f"fastla_test_{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no group can be made: {error}")
    try:
        try:
            if (group / "cpu.cfs_quota_us").exists():
                (group / "cpu.cfs_quota_us").write_text("100000")
            else:
                (group / "cpu.max").write_text("100000 100000")
        except OSError as error:
            pytest.skip(f"no quota can be set: {error}")
        code = f"""
            import os
            open({str(group / "cgroup.procs")!r}, "w").write(str(os.getpid()))
            import fastla
            print(fastla.get_num_threads())
        """
        assert output_of(code, FASTLA_NUM_THREADS="", OMP_NUM_THREADS="") == "1"
    finally:
        group.rmdir()
