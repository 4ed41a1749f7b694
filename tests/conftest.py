"""Every test that asks for `target` runs once for each target that this machine can run."""

from collections.abc import Callable, Iterator

import pytest

import fastla
from fastla import _core
from fastla._core import core


@pytest.fixture(params=_core.runnable_targets())
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
