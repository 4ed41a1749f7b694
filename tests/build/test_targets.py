"""Which target is taken, and the proof that it is the one that ran."""

import importlib.util
import platform
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from process import output_of, run_python

import fastla
from fastla import _core
from fastla._core import core

MACHINE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
# What setup.py's table must give on each architecture, best first. A target whose build failed fails here.
EXPECTED = {"x86_64": ["avx512vnni", "avx512", "avx2", "baseline", "wide"], "aarch64": ["neon"]}
WITHOUT_FMA = {"baseline"}
DTYPES = sorted(_core.ROWS)

def run_command(*words, check=True):
    """Run `python -m fastla`."""
    return subprocess.run([sys.executable, "-m", "fastla", *words], capture_output=True, text=True, check=check)


# FASTLA_TARGET is read, and the features of a poorer CPU are seen, as if at import.
POORER_CPU = """
    import importlib, os, fastla
    from fastla import _core
    from fastla._core import core
    features = core.cpu_features() - set({missing!r})
    core.cpu_features = lambda: features
    importlib.reload(_core)
    print(_core.current_target())
"""

TARGET_AND_MODULES = """
    import sys, fastla
    native = "fastla._native."
    modules = sorted(name.removeprefix(native) for name in sys.modules if name.startswith(native))
    print(fastla.show_config("dicts")["target"], *modules)
"""


def rounding_error(dtype: str) -> tuple[np.ndarray, np.ndarray, float]:
    """a, b, and what every element of a @ b is with FMA; without it x * y is rounded before the sum, and that is 0."""
    eps = float(np.finfo(dtype).eps)
    x = y = 1 + eps
    a = np.tile(np.array([1, x], dtype), (20, 1))
    b = np.tile(np.array([[-(1 + 2 * eps)], [y]], dtype), (1, 70))
    return a, b, eps * eps


def bits_in_a_process(**variables: str) -> str:
    """The target in use and, in hexadecimal, an element of a product that shows whether it was by FMA."""
    return output_of(
        """
        import numpy as np, fastla
        eps = 2.0 ** -52
        a = np.tile([1, 1 + eps], (20, 1))
        b = np.tile([[-(1 + 2 * eps)], [1 + eps]], (1, 70))
        print(fastla.show_config("dicts")["target"], float(fastla.matmul(a, b)[7, 9]).hex())
        """,
        **variables,
    )


# --- what is there ----------------------------------------------------------------------------------------------------
@pytest.mark.skipif(MACHINE not in EXPECTED, reason=f"no list of targets for {MACHINE}")
def test_every_expected_target_was_built_best_first():
    assert _core.built_targets() == EXPECTED[MACHINE]
    assert list(core.targets()) == EXPECTED[MACHINE]
    assert core.test_only_targets() == {"wide"} & set(EXPECTED[MACHINE])


def test_runnable_targets_are_those_with_all_features():
    features = core.cpu_features()
    expected = [target for target in _core.built_targets() if core.targets()[target] <= features]
    assert _core.runnable_targets() == expected
    assert expected, "this machine runs none"


@pytest.mark.skipif(not sys.platform.startswith("linux") or MACHINE != "x86_64", reason="needs Linux's /proc/cpuinfo")
def test_cpu_features_are_those_the_kernel_reports():
    with open("/proc/cpuinfo") as file:
        flags = next(line for line in file if line.startswith("flags")).split(":")[1].split()
    kernels_name = {"sse3": "pni"}
    shown = {feature for feature in core.cpu_features() if kernels_name.get(feature, feature) in flags}
    assert shown == core.cpu_features()
    required = set().union(*core.targets().values())
    assert {f for f in required if kernels_name.get(f, f) in flags} == required & core.cpu_features()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", _core.runnable_targets())
def test_each_module_says_what_it_is(name, dtype):
    module = pytest.importorskip(f"fastla._native.{name}_{dtype}")
    described = core.describe(module.kernels)
    vector_bytes = {"baseline": 16, "neon": 16, "avx2": 32, "avx512": 64, "avx512vnni": 64, "wide": 64}[name]
    assert (described["target"], described["element"], described["vector_bytes"]) == (name, dtype, vector_bytes)
    assert described["mr"] >= 1
    assert described["nr"] % (vector_bytes // np.dtype(dtype).itemsize) == 0


@pytest.mark.parametrize("storage", sorted(_core.SEARCH_ROWS))
def test_searches_use_the_targets_kernels(target, storage):
    described = core.describe(_core.search(storage))
    assert (described["target"], described["element"]) == (target, _core.SEARCH_ROWS[storage])


# --- the choice at import ---------------------------------------------------------------------------------------------
def loaded(target: str) -> str:
    """What TARGET_AND_MODULES prints where that target is in use and no other was loaded."""
    return " ".join([target, *sorted(["fastla_core", *(f"{target}_{row}" for row in _core.ROWS.values())])])


def test_the_best_that_runs_is_taken_and_nothing_else_is_loaded():
    best = next(target for target in _core.runnable_targets() if target not in core.test_only_targets())
    assert output_of(TARGET_AND_MODULES) == loaded(best)


@pytest.mark.parametrize("name", _core.runnable_targets())
def test_a_forced_target_is_the_only_one_loaded(name):
    assert output_of(TARGET_AND_MODULES, FASTLA_TARGET=name) == loaded(name)


@pytest.mark.parametrize("name", _core.runnable_targets())
def test_forced_target_rounds_as_it_must(name):
    error = 0.0 if name in WITHOUT_FMA else 2.0**-104
    assert bits_in_a_process(FASTLA_TARGET=name) == f"{name} {error.hex()}"


def test_empty_variable_forces_nothing():
    assert bits_in_a_process(FASTLA_TARGET="") == bits_in_a_process()


def test_unknown_target_is_named_with_those_that_exist():
    done = run_python("import fastla", FASTLA_TARGET="avx3")
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError")
    for word in ["'avx3'", *core.targets()]:
        assert word in last


@pytest.mark.skipif(MACHINE != "x86_64", reason="x86-64's targets")
@pytest.mark.parametrize(
    ("missing", "taken"),
    [
        (["avx512_vnni"], "avx512"),
        (["avx512f"], "avx2"),
        (["avx512vl"], "avx2"),
        (["avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"], "baseline"),
        (["f16c", "avx512dq"], "baseline"),
    ],
)
def test_a_poorer_cpu_gets_the_next_target(missing, taken):
    if not core.targets()[taken] <= core.cpu_features():
        pytest.skip(f"this CPU cannot run {taken}")
    assert output_of(POORER_CPU.format(missing=missing)) == taken


@pytest.mark.skipif(MACHINE != "x86_64", reason="x86-64's targets")
@pytest.mark.parametrize(
    ("name", "feature"),
    [("avx512vnni", "avx512_vnni"), ("avx512", "avx512bw"), ("avx2", "fma"), ("wide", "f16c"), ("baseline", "sse4_2")],
)
def test_forced_target_that_cannot_run_names_the_missing_feature(name, feature):
    code = POORER_CPU.format(missing=[feature])
    # The environment changes after the first import, which must succeed.
    code = code.replace("importlib.reload", f"os.environ['FASTLA_TARGET'] = {name!r}; importlib.reload")
    done = run_python(code)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError")
    assert repr(name) in last
    assert feature in last
    lacking = {feature} | core.targets()[name] - core.cpu_features()
    other = {"avx512_vnni", "avx512bw", "fma", "f16c", "sse4_2"} - lacking
    assert not any(word in last.replace(repr(name), "") for word in other), "only what is missing is named"


def test_a_cpu_that_runs_nothing_says_what_it_has():
    done = run_python(POORER_CPU.format(missing=sorted(set().union(*core.targets().values()))))
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError")
    assert "CPU features" in last


@pytest.mark.skipif("wide" not in _core.runnable_targets(), reason="'wide' does not run here")
def test_the_target_for_tests_is_never_chosen_by_itself():
    code = """
        import importlib, fastla
        from fastla import _core
        from fastla._core import core
        only = {"wide": core.targets()["wide"]}
        core.targets = lambda: only
        assert _core.runnable_targets() == ["wide"]
        try:
            importlib.reload(_core)
        except ImportError as error:
            print("refused:", error)
        else:
            print(_core.current_target())
    """
    assert output_of(code).startswith("refused: fastla: no kernels")
    assert output_of(code, FASTLA_TARGET="wide") == "wide"


# --- the proof --------------------------------------------------------------------------------------------------------
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc/self/maps")
@pytest.mark.parametrize("name", _core.runnable_targets())
def test_products_run_in_the_forced_targets_code_and_in_no_other(name):
    """All targets are loaded; first the others' code is made not executable, then the forced one's too."""
    printed = output_of(
        """
        import ctypes, importlib, os, resource, sys
        import numpy as np
        import fastla
        from fastla import _core

        libc = ctypes.CDLL(None, use_errno=True)
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for target in _core.runnable_targets():
            for row in _core.ROWS.values():
                importlib.import_module(f"fastla._native.{target}_{row}")

        def forbid(target, row):
            found = 0
            for line in open("/proc/self/maps"):
                fields = line.split(maxsplit=5)
                if len(fields) == 6 and "x" in fields[1] and os.path.basename(fields[5]).startswith(f"{target}_{row}."):
                    start, end = (int(number, 16) for number in fields[0].split("-"))
                    assert libc.mprotect(start, end - start, 1) == 0, ctypes.get_errno()
                    found += 1
            assert found, f"no code of {target}_{row}"

        def multiply(dtype):
            for m, n, k in [(3, 2, 5), (100, 90, 80), (300, 300, 300), (2, 400, 400), (1, 1, 9000)]:
                a, b = np.ones((m, k), dtype), np.full((k, n), 2, dtype)
                assert (fastla.matmul(a, b) == 2 * k).all()
            assert (fastla.matmul(np.ones((50, 4, 4), dtype), np.ones((50, 4, 4), dtype)) == 4).all()

        forced = _core.current_target()
        for target in _core.runnable_targets():
            for row in _core.ROWS.values():
                if target != forced:
                    forbid(target, row)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        for dtype, row in _core.ROWS.items():
            multiply(dtype)
            forbid(forced, row)
            sys.stdout.flush()
            child = os.fork()
            if not child:
                multiply(dtype)
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            print(forced, dtype, os.WTERMSIG(status) if os.WIFSIGNALED(status) else "ran elsewhere")
        sys.stdout.flush()
        os._exit(0)
        """,
        FASTLA_TARGET=name,
    )
    died = {int(signal.SIGSEGV), int(signal.SIGBUS)}
    lines = [line.split() for line in printed.splitlines()]
    assert [line[:2] for line in lines] == [[name, dtype] for dtype in _core.ROWS]
    assert {int(line[2]) for line in lines if line[2].isdigit()} <= died
    assert all(line[2].isdigit() for line in lines), printed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_switching_in_process_changes_the_arithmetic(target, dtype):
    assert _core.current_target() == target
    assert fastla.show_config("dicts")["target"] == target
    a, b, error = rounding_error(dtype)
    np.testing.assert_array_equal(fastla.matmul(a, b), 0 if target in WITHOUT_FMA else error)


# --- the switch -------------------------------------------------------------------------------------------------------
def test_a_refused_switch_changes_nothing():
    before = _core.current_target()
    a, b, _ = rounding_error("float64")
    expected = fastla.matmul(a, b)
    with pytest.raises(ImportError, match=f"no target 'sse9' .*{before}"):
        _core.use_target("sse9")
    assert _core.current_target() == before
    np.testing.assert_array_equal(fastla.matmul(a, b), expected)


def test_switching_to_a_target_the_cpu_lacks(monkeypatch):
    name = _core.runnable_targets()[0]
    lacking = min(core.targets()[name])
    without = SimpleNamespace(**{attribute: getattr(core, attribute) for attribute in ("targets", "install")},
                              cpu_features=lambda: core.cpu_features() - {lacking})
    before = _core.current_target()
    monkeypatch.setattr(_core, "core", without)
    assert _core.missing_features(name) == [lacking]
    assert name not in _core.runnable_targets()
    with pytest.raises(ImportError, match=rf"'{name}' needs .*\b{lacking}\b"):
        _core.use_target(name)
    assert _core.current_target() == before


def test_switching_to_a_target_that_was_not_built(monkeypatch):
    name = _core.runnable_targets()[-1]
    before = _core.current_target()
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if f".{name}_" in module else real(module))
    assert name not in _core.built_targets()
    with pytest.raises(ImportError, match=f"'{name}' was not built"):
        _core.use_target(name)
    assert _core.current_target() == before


# --- dtypes -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", DTYPES)
def test_owned_dtypes_are_done_by_the_kernels(dtype):
    a = np.ones((3, 3), dtype)
    assert _core.owns(a.dtype)
    assert core.product(a, a, None).dtype == a.dtype


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "int64", "uint16", "float16", "longdouble", "complex64", "complex128", ">f8", ">f4", "O"]
)
def test_other_dtypes_are_numpys(dtype):
    a = np.arange(9).reshape(3, 3).astype(dtype)
    if a.dtype.byteorder != ">":
        assert not _core.owns(a.dtype)
    assert core.product(a, a, None) is None, "the kernels cannot do this dtype"
    expected = np.matmul(a, a)
    result = fastla.matmul(a, a)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


def test_a_foreign_byte_order_is_not_owned():
    assert not _core.owns(np.dtype(np.float64).newbyteorder())


def test_without_kernels_a_dtype_is_numpys():
    """The dispatch's way to give a dtype back: core.install(number, None)."""
    a = np.arange(9.0).reshape(3, 3)
    core.install(a.dtype.num, None)
    try:
        assert core.product(a, a, None) is None
        np.testing.assert_array_equal(fastla.matmul(a, a), np.matmul(a, a))
        out = np.empty((3, 3))
        assert fastla.matmul(a, a, out) is out
        np.testing.assert_array_equal(out, np.matmul(a, a))
    finally:
        _core.use_target(_core.current_target())
    assert core.product(a, a, None) is not None


@pytest.fixture
def numpy_from_1000_flops(monkeypatch):
    """Let NumPy's path take float64 products of 1000 flops and more; yields the calls it got."""
    target, calls = _core.current_target(), []
    kernels = importlib.import_module(f"fastla._native.{target}_float64").kernels
    monkeypatch.setattr(core, "numpy_matmul", lambda *args: (calls.append(args), np.matmul(*args))[1])
    core.install(np.dtype(np.float64).num, kernels, 1000.0)
    yield calls
    _core.use_target(target)


@pytest.mark.parametrize(
    ("shapes", "flops"),
    [(((7, 8), (8, 8)), 896), (((8, 8), (8, 8)), 1024), (((3, 5, 6), (6, 5)), 900), (((4, 5, 6), (6, 5)), 1200),
     (((500,), (500,)), 1000), (((499,), (499,)), 998)],
)
def test_numpy_takes_over_at_the_crossover(numpy_from_1000_flops, shapes, flops):
    a, b = (np.arange(float(np.prod(shape))).reshape(shape) % 7 for shape in shapes)
    result = fastla.matmul(a, b)
    assert len(numpy_from_1000_flops) == (flops >= 1000)
    np.testing.assert_array_equal(result, np.matmul(a, b))
    assert type(result) is type(np.matmul(a, b))
    out = np.full(np.shape(result), np.nan)
    if out.ndim:
        assert fastla.matmul(a, b, out) is out
        np.testing.assert_array_equal(out, result)
        backwards = np.full(out.shape[::-1], np.nan).T
        assert fastla.matmul(a, b, out=backwards) is backwards
        np.testing.assert_array_equal(backwards, result)


def test_numpys_path_warns_as_numpy(numpy_from_1000_flops):
    with pytest.warns(RuntimeWarning, match="overflow encountered in matmul"):
        fastla.matmul(np.full((10, 10), 1e300), np.full((10, 10), 1e300))
    with pytest.raises(ValueError, match="shape"):
        fastla.matmul(np.ones((10, 10)), np.ones((11, 10)))


def test_the_crossover_is_the_target_rows():
    float64, int32 = (importlib.import_module(f"fastla._native.{_core.current_target()}_{row}").kernels
                      for row in ("float64", "int32"))
    assert core.describe(int32)["numpy_flops"] >= core.describe(float64)["numpy_flops"] >= 0


def test_info_command_prints_the_configuration():
    done = run_command("info")
    assert f"target            {_core.current_target()}" in done.stdout
    assert "threads" in done.stdout


def test_unknown_command_is_refused():
    done = run_command("nonsense", check=False)
    assert done.returncode == 2
    assert "info" in done.stderr


@pytest.mark.parametrize("number", [-1, 512, 1000])
def test_install_refuses_a_type_number_out_of_range(number):
    with pytest.raises(ValueError, match=str(number)):
        core.install(number, None)


def test_install_of_something_else_changes_nothing():
    a = np.ones((3, 3))
    with pytest.raises((TypeError, ValueError)):
        core.install(a.dtype.num, "no capsule")
    try:
        assert core.product(a, a, None) is not None
    finally:
        _core.use_target(_core.current_target())
