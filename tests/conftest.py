"""Every test that asks for `target` runs once for each target that this machine can run."""

from collections.abc import Iterator

import pytest

import fastla
from fastla import _core


@pytest.fixture(params=_core.runnable_targets())
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the target whose kernels do the work during the test."""
    before = _core.current_target()
    _core.use_target(request.param, everywhere=True)
    yield request.param
    _core.use_target(before)


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = fastla.get_num_threads()
    yield
    fastla.set_num_threads(before)
