"""Every test that asks for `target` runs once for each target that this machine can run."""

from collections.abc import Callable, Iterator

import pytest

import fastla
from fastla import _core
from fastla._core import core

# What Numba has kernels for: these run on it too.
NUMBA_TESTS = ("products/test_matmul.py", "products/test_batched.py", "products/test_bits.py", "products/test_int32.py",
               "products/test_layouts.py", "products/test_overlap.py", "search/test_cosine.py", "jit/test_target.py")


def _has_own_targets(metafunc: pytest.Metafunc) -> bool:
    """Whether a module has a fixture `target` of its own, or a test says which targets it is for."""
    marks = metafunc.definition.iter_markers("parametrize")
    return hasattr(metafunc.module, "target") or any("target" in mark.args[0] for mark in marks)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `target` runs once for each that this machine can run."""
    if "target" in metafunc.fixturenames and not _has_own_targets(metafunc):
        numba = _core.has_numba() and metafunc.definition.path.as_posix().endswith(NUMBA_TESTS)
        names = [*_core.runnable_targets(), *([_core.NUMBA] if numba else [])]
        metafunc.parametrize("target", names, indirect=True)


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


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = fastla.get_num_threads()
    yield
    fastla.set_num_threads(before)
