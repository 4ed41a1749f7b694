"""The build: what is compiled when and with which flags, by a compiler that only takes notes; and a real wheel."""

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from grids import slow

from fastla import _core

ROOT = Path(__file__).resolve().parents[2]
MACHINE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
TARGETS = {"x86_64": ["avx512vnni", "avx512", "avx2", "baseline", "wide"], "aarch64": ["neon"]}.get(MACHINE, [])
TEST_ONLY = {"wide"}
ROWS = ["float32", "float64", "float16_float32", "bfloat16_float32", "int8_float32", "int32"]
KERNELS = {f"{target}_{row}" for target in TARGETS for row in ROWS}
SHIPPED = {f"{target}_{row}" for target in TARGETS if target not in TEST_ONLY for row in ROWS}
ROW = ROWS[-1]
KERNELS_OF_ROW = {f"{target}_{ROW}" for target in TARGETS}

pytestmark = [
    pytest.mark.skipif(not (ROOT / "setup.py").exists(), reason="needs the checkout"),
    pytest.mark.skipif(os.name != "posix", reason="the compiler that takes notes is a shell script"),
    pytest.mark.skipif(not TARGETS, reason=f"no list of targets for {MACHINE}"),
]
NOISE = ("build", "dist", ".git", "*.so", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", ".benchmarks")


def copy_tree(to: Path) -> Path:
    """The sources without anything that was built."""
    shutil.copytree(ROOT, to, ignore=shutil.ignore_patterns(*NOISE))
    return to


# --- what is compiled when --------------------------------------------------------------------------------------------
# Notes its arguments, one line a call, and leaves empty files. It fails where they contain $FAIL.
COMPILER = """#!/bin/sh
if [ -n "$FAIL" ]; then case " $* " in *"$FAIL"*) echo "cannot do $FAIL" >&2; exit 1;; esac; fi
echo "$*" >> "$NOTES"
previous=
for argument in "$@"; do
    [ "$previous" = -o ] && : > "$argument"
    previous=$argument
done
exit 0
"""


class Tree:
    """A copy of the sources with one element row (Cython takes its time), built with the compiler that takes notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = copy_tree(folder / "tree")
        setup = self.folder / "setup.py"
        setup.write_text(setup.read_text().replace('if __name__ ==', 'ELEMENTS = ELEMENTS[-1:]\n\nif __name__ =='))
        self.native = self.folder / "fastla" / "_native"
        self.notes = folder / "notes"
        self.first: list[str] = []
        self.compiler = folder / "compiler"
        self.compiler.write_text(COMPILER)
        self.compiler.chmod(0o755)

    def build(self, fail: str = "") -> subprocess.CompletedProcess[str]:
        """The developer's loop."""
        self.notes.write_text("")
        theirs = ("CFLAGS", "CPPFLAGS", "LDFLAGS", "LDSHARED", "FASTLA_TARGET")
        kept = {key: value for key, value in os.environ.items() if key not in theirs}
        environment = {**kept, "CC": str(self.compiler), "NOTES": str(self.notes), "FAIL": fail}
        return subprocess.run(
            [sys.executable, "setup.py", "build_ext", "--inplace"], check=False, cwd=self.folder, env=environment,
            capture_output=True, text=True, timeout=120,
        )

    def compiled(self) -> list[str]:
        """The compiler's command lines of the last build."""
        return [line for line in self.notes.read_text().splitlines() if " -c " in line]

    def rebuilt(self, fail: str = "") -> set[str]:
        """Build, and say which modules were compiled: "core" or a target and row."""
        done = self.build(fail)
        assert done.returncode == 0, done.stdout + done.stderr
        return {module_of(line) for line in self.compiled()}

    def modules(self) -> set[str]:
        """The modules that are there to be imported."""
        return {path.name.split(".")[0] for path in self.native.glob("*.so")}

    def touch(self, name: str) -> None:
        path = self.folder / name
        assert path.exists(), name
        path.touch()


def module_of(command: str) -> str:
    """Which module a compilation is part of."""
    source = Path(re.search(r" -c (\S+)", " " + command)[1])
    return source.stem if source.stem in KERNELS else "core"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    for needed in ("Cython", "setuptools"):
        if not importlib.util.find_spec(needed):
            pytest.skip(f"needs {needed} in this environment")
    tree = Tree(tmp_path_factory.mktemp("build"))
    done = tree.build()
    assert done.returncode == 0, done.stdout + done.stderr
    tree.first = tree.compiled()
    return tree


def test_a_clean_build_compiles_every_target(built):
    assert {module_of(line) for line in built.first} == KERNELS_OF_ROW | {"core"}
    assert built.modules() == KERNELS_OF_ROW | {"fastla_core"}


def test_each_kernel_source_exists_once():
    """No copy per type or target is checked in."""
    done = subprocess.run(["git", "ls-files"], check=False, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    names = [Path(name) for name in done.stdout.splitlines()]
    assert [name for name in names if name.suffix in (".so", ".o")] == []
    of_one_row = re.compile("|".join([*TARGETS, *ROWS]))
    assert [name for name in names if of_one_row.search(name.stem) and name.suffix != ".py"] == []
    assert {name.name for name in names if name.suffix == ".c"} <= {"pool.c", "cpu.c", "scratch.c", "pool_driver.c"}


def test_flags_name_features(built):
    own = {
        "avx512vnni": "-mavx512vnni", "avx512": "-mavx512f", "avx2": "-mavx2", "baseline": "-march=x86-64-v2",
        "wide": "-mavx2", "neon": "",
    }
    for line in built.first:
        flags = line.split()
        assert "-fvisibility=hidden" in flags
        assert "-O3" in flags
        forbidden = re.compile(r"-ffast-math|-funsafe|-Ofast|-mtune|-mcpu|-march=(?!x86-64-v2$)|-flto|-std=|.*\.cpp$")
        assert [flag for flag in flags if forbidden.match(flag)] == []
        module = module_of(line)
        machine = [flag for flag in flags if flag.startswith("-m") and flag != "-m64"]
        if module == "core":
            assert machine == []
        else:
            target, row = module.rsplit("_", 1)
            assert own[target] in (*machine, "")
            assert (target != "baseline") or machine == [own[target]]
            assert f"-DREAL_BYTES={8 if row == 'float64' else 4}" in flags


def test_nothing_is_rebuilt_without_a_change(built):
    assert built.rebuilt() == set()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("_native/tile/micro_kernel.pxi", KERNELS_OF_ROW), ("_native/runtime/pool.c", {"core"}),
        *slow(("_native/simd/vec.h", KERNELS_OF_ROW), ("_native/contract/kernels.h", KERNELS_OF_ROW | {"core"}),
              ("_native/core/fastla_core.pyx", {"core"}), ("_products.py", set())),
    ],
)
def test_an_edit_rebuilds_only_what_depends_on_it(built, name, expected):
    built.touch(f"fastla/{name}")
    assert built.rebuilt() == expected


@pytest.mark.skipif(MACHINE != "x86_64", reason="x86-64's rows")
def test_an_edited_row_of_the_table_is_rebuilt(built):
    setup = built.folder / "setup.py"
    before = setup.read_text()
    after = before.replace('["-march=x86-64-v2"]', '["-march=x86-64-v2", "-DEDITED"]')
    assert after != before, "the baseline row of setup.py looks different now"
    try:
        setup.write_text(after)
        assert built.rebuilt() == {f"baseline_{ROW}"}
        assert all("-DEDITED" in line for line in built.compiled())
    finally:
        setup.write_text(before)
        built.build()


@pytest.mark.skipif(MACHINE != "x86_64", reason="x86-64's rows")
def test_a_target_that_the_compiler_cannot_build_is_skipped_with_a_warning(built):
    for path in [*built.native.glob("*.so"), *built.folder.glob("build/lib*/fastla/_native/*.so")]:
        path.unlink()
    done = built.build(fail="-mavx512vnni")
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    assert built.modules() == KERNELS_OF_ROW - {f"avx512vnni_{ROW}"} | {"fastla_core"}
    assert re.search(rf"(?i)warning.*avx512vnni_{ROW}|avx512vnni_{ROW}.*failed", done.stdout + done.stderr)
    assert built.rebuilt() == {f"avx512vnni_{ROW}"}, "with a better compiler it is built"


@pytest.mark.skipif(MACHINE != "x86_64", reason="x86-64's rows")
@pytest.mark.parametrize("needed", ["-march=x86-64-v2", "pool.c"])
def test_baseline_and_core_must_build(built, needed):
    for path in [*built.native.glob("*.so"), *built.folder.glob("build/lib*/fastla/_native/*.so")]:
        path.unlink()
    assert built.build(fail=needed).returncode != 0


@pytest.mark.parametrize(
    ("machine", "expected"),
    [("x86_64", ["avx512vnni", "avx512", "avx2", "baseline", "wide"]),
     ("AMD64", ["avx512vnni", "avx512", "avx2", "baseline", "wide"]),
     ("aarch64", ["neon"]), ("arm64", ["neon"]), ("riscv64", [])],
)
def test_targets_of_another_architecture_are_left_out(built, machine, expected):
    code = f"""
import json, platform
platform.machine = lambda: {machine!r}
import setup
setup.cythonize = lambda extensions, **_: extensions
core, *kernels = setup.extensions()
rows = dict(core.define_macros)["FASTLA_TARGETS"]
print(json.dumps([[kernel.name.split(".")[-1] for kernel in kernels], rows]))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=built.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names, rows = json.loads(done.stdout)
    assert names == [f"{target}_{ROW}" for target in expected]
    assert [row.split("=")[0].strip('"') for row in rows.split("|") if row != '""'] == expected


# --- the wheel --------------------------------------------------------------------------------------------------------
OFFLINE = re.compile(r"(?i)name resolution|NewConnectionError|ConnectTimeout|Network is unreachable|Max retries|"
                     r"Could not find a version that satisfies the requirement (setuptools|cython|numpy)")


def run_pip(*arguments: str, cwd: Path) -> None:
    """pip, which is excused where there is no network."""
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "CC")}
    command = [sys.executable, "-m", "pip", *arguments]
    done = subprocess.run(command, check=False, cwd=cwd, env=kept, capture_output=True, text=True, timeout=300)
    said = done.stdout + done.stderr
    if done.returncode and OFFLINE.search(said):
        pytest.skip("no package index to be reached")
    assert done.returncode == 0, said


def keep_compiled(tree: Path) -> None:
    """What the checkout has compiled for this Python goes into a copy of it, newer than all it depends on.

    Compiling everything takes minutes, and was done, in an isolated environment, when the checkout was installed.
    """
    for name in ("stubs", "cython"):
        if (ROOT / "build" / name).exists():
            shutil.copytree(ROOT / "build" / name, tree / "build" / name, copy_function=shutil.copy)
    to = tree / "build" / f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}" / "fastla" / "_native"
    to.mkdir(parents=True)
    for module in (ROOT / "fastla" / "_native").glob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"):
        shutil.copy(module, to)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`pip wheel .` in a copy, of what the checkout has compiled."""
    for needed in ("pip", "Cython", "setuptools"):
        if not importlib.util.find_spec(needed):
            pytest.skip(f"needs {needed} in this environment")
    if not any(shutil.which(name) for name in [os.environ.get("CC", "cc").split()[0], "cc", "gcc", "clang"]):
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("wheel")
    tree = copy_tree(folder / "tree")
    keep_compiled(tree)
    run_pip("wheel", ".", "--no-deps", "--no-build-isolation", "-w", str(folder / "wheels"), cwd=tree)
    (wheel,) = (folder / "wheels").glob("*.whl")
    return wheel


def test_the_wheel_holds_the_modules_and_nothing_else(wheel):
    assert wheel.name.startswith("fastla-")
    assert wheel.stat().st_size < 8e6
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    packages = {name for name in names if ".dist-info/" not in name}
    modules = {name for name in packages if name.endswith(".so")}
    assert {Path(name).name.split(".")[0] for name in modules} == SHIPPED | {"fastla_core"}
    assert len(modules) == len(SHIPPED) + 1, "modules of another Python"
    assert all(name.startswith("fastla/_native/") for name in modules)
    python = {str(path.relative_to(ROOT)) for path in (ROOT / "fastla").rglob("*.py")}
    # Stubs, and the header from which the Numba backend takes the contract's structs.
    others = {"fastla/py.typed", "fastla/_native/fastla_core.pyi", "fastla/_native/contract/kernels.h"}
    assert packages - modules - others == python


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    python = folder / "bin" / "python"
    run_pip("--python", str(python), "install", str(wheel), cwd=folder)
    return python


def in_environment(python: Path, code: str, **variables: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FASTLA_", "PYTHON", "OMP_NUM"))}
    done = subprocess.run(
        [python, "-c", code], check=False, cwd=python.parent, env={**kept, **variables}, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_the_wheel_needs_numpy_alone(installed):
    code = "import importlib.metadata as m; print(*sorted(found.name.lower() for found in m.distributions()))"
    assert set(in_environment(installed, code).split()) == {"fastla", "numpy"}


def test_the_wheel_is_without_the_target_for_tests(installed):
    """It was compiled in the tree that the wheel comes from."""
    code = "import fastla; from fastla import _core; print(*_core.built_targets())"
    assert in_environment(installed, code).split() == [name for name in TARGETS if name not in TEST_ONLY]


@pytest.mark.parametrize("target", ["", *(name for name in TARGETS if name not in TEST_ONLY)])
def test_the_wheel_works_outside_the_checkout(installed, target):
    if target and target not in _core.runnable_targets():
        pytest.skip(f"{target} does not run here")
    code = f"""
import sys
import numpy as np
import fastla
assert fastla.__file__.startswith(sys.prefix), fastla.__file__
assert fastla.show_config("dicts")["target"] == {target!r} or not {target!r}
for dtype in ("f4", "f8"):
    for m, n, k in [(3, 4, 5), (8, 8, 8), (2, 500, 400), (130, 140, 150), (400, 300, 350), (1, 1, 9000), (700, 3, 99)]:
        rng = np.random.default_rng(m)
        a, b = rng.integers(-4, 5, (m, k)).astype(dtype), rng.integers(-4, 5, (k, n)).astype(dtype)
        c = fastla.matmul(a, b)
        assert c.dtype == dtype and (c == np.einsum("ik,kj->ij", a, b)).all(), (dtype, m, n, k)
with fastla.num_threads(2):
    x = np.ones((700, 700))
    assert (fastla.matmul(x, x) == 700).all()
for name in ("Cython", "numba", "setuptools_scm"):
    assert name not in sys.modules
print("right")
"""
    assert in_environment(installed, code, FASTLA_TARGET=target) == "right\n"
