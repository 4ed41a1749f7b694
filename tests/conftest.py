"""Every test that asks for `target` runs once for each target that this machine can run."""

from collections.abc import Callable, Iterator

import pytest

import fastla
from fastla import _core
from fastla._core import core

NATIVE = _core.runnable_targets()

# What Numba has kernels for: these run on it too.
NUMBA_TESTS = (
    *(f"products/test_{name}.py" for name in ("matmul", "batched", "bits", "int32", "layouts", "overlap", "syrk")),
    *(f"search/test_{name}.py" for name in ("cosine", "knn", "layouts", "properties")),
    *(f"attention/test_{name}.py" for name in (
        "attention", "attention_bits", "attention_guard_pages", "attention_limits", "varlen", "onnx", "kv_cache")),
    *(f"eigen/test_{name}.py" for name in ("eigsh", "power_iteration")), "jit/test_target.py",
)


# What Numba declines has the native sums, which differ in the last bit from its own: in these tests some of the results
# that are compared bit by bit are of either.
NATIVE_BITS = ("test_bfloat16", "test_the_same_in_any_layout", "test_layouts_are_read_in_place",
               "test_packed_is_as_padded")


def _has_own_targets(metafunc: pytest.Metafunc) -> bool:
    """Whether a module has a fixture `target` of its own, or a test says which targets it is for."""
    marks = metafunc.definition.iter_markers("parametrize")
    return hasattr(metafunc.module, "target") or any("target" in mark.args[0] for mark in marks)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `target` runs once for each that this machine can run."""
    if "target" in metafunc.fixturenames and not _has_own_targets(metafunc):
        numba = (_core.has_numba() and metafunc.definition.path.as_posix().endswith(NUMBA_TESTS)
                 and metafunc.definition.originalname not in NATIVE_BITS)
        metafunc.parametrize("target", [*NATIVE, *([_core.NUMBA] if numba else [])], indirect=True)


def in_turn(items: list[pytest.Item]) -> list[pytest.Item]:
    """Those of one test's items that give each case to one target, the next case to the next target."""
    def case_of(item: pytest.Item) -> str:
        parts = item.callspec.id.split("-")     # indices count a target's values apart
        parts.remove(item.callspec.params["target"])
        return "-".join(parts)

    targets = list(dict.fromkeys(item.callspec.params["target"] for item in items))
    cases = list(dict.fromkeys(map(case_of, items)))

    def is_kept(item: pytest.Item) -> bool:
        target, case = targets.index(item.callspec.params["target"]), cases.index(case_of(item))
        if len(cases) < len(targets):
            return target % len(cases) == case
        # Shifted where the targets begin anew, so that each meets every value of every argument.
        return (case + case // len(targets)) % len(targets) == target
    return list(filter(is_kept, items))


@pytest.hookimpl(tryfirst=True)         # before -m is heeded
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the marker `in_turn` leaves out is slow."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("in_turn") and not item.get_closest_marker("slow"):
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for each in tests.values():
        for item in set(each) - set(in_turn(each)):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the target whose kernels do the work during the test."""
    before = _core.current_target()
    _core.use_target(request.param, everywhere=True)
    yield request.param
    _core.use_target(before)


@pytest.fixture
def fill_scratch() -> Iterator[Callable[[int], None]]:
    """Sets the byte that all scratch is filled with; afterwards it holds what it happens to hold."""
    yield core.fill_scratch
    core.fill_scratch(-1)


@pytest.fixture(autouse=True, scope="session")
def _one_thread_of_openblas() -> Iterator[None]:
    """Its threads spin: where others use the cores, a small eigenproblem of NumPy's takes five times as long."""
    try:
        import threadpoolctl
    except ImportError:
        yield
        return
    with threadpoolctl.threadpool_limits({"libopenblas": 1, "libscipy_openblas": 1}):       # by prefix
        yield


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = fastla.get_num_threads()
    yield
    fastla.set_num_threads(before)
