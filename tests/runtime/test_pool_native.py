"""The thread pool by itself: pool_driver.c, plain and under ThreadSanitizer, a second or two per mode."""

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from grids import slow

HERE = Path(__file__).resolve().parent
NATIVE = HERE.parents[1] / "fastla" / "_native"
BUILDS = {"plain": ["-O2"], "tsan": ["-fsanitize=thread", "-O1", "-g"]}
SECONDS = {"contract": 0.25, "wake": 0.25, "stress": 1, "interrupt": 0.25, "stop": 0.25, "fork": 0.25}
# ThreadSanitizer does not follow a fork beside other threads.
CASES = [(build, mode) for build in BUILDS for mode in SECONDS if (build, mode) != ("tsan", "fork")]


def run(*command):
    environment = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)


def find_compiler():
    configured = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "")
    return next((name for name in [*configured[:1], "cc", "gcc", "clang"] if shutil.which(name)), None)


def compile_c(flags, sources, program):
    return run(find_compiler(), *flags, "-pthread", f"-I{NATIVE / 'runtime'}", *sources, "-o", program)


@pytest.fixture(scope="module")
def drivers(tmp_path_factory):
    """{build: path of the driver, or None where this machine cannot build or run such a program}"""
    if os.name != "posix" or not find_compiler():
        pytest.skip("no C compiler for pthreads here")
    folder = tmp_path_factory.mktemp("pool")
    trivial = folder / "trivial.c"
    trivial.write_text("int main(void) { return 0; }\n")
    drivers = {}
    for build, flags in BUILDS.items():
        drivers[build] = None
        if compile_c(flags, [trivial], folder / "trivial").returncode or run(folder / "trivial").returncode:
            continue
        drivers[build] = folder / f"driver_{build}"
        compiled = compile_c(flags, [HERE / "pool_driver.c", NATIVE / "runtime" / "pool.c"], drivers[build])
        assert compiled.returncode == 0, compiled.stderr
    return drivers


@pytest.mark.parametrize("times", [1, *slow(8)])
@pytest.mark.parametrize(("build", "mode"), CASES)
def test_pool(drivers, build, mode, times):
    if not drivers[build]:
        pytest.skip(f"{find_compiler()} cannot build a {build} program that runs here")
    done = run(drivers[build], mode, str(times * SECONDS[mode]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("ok")
