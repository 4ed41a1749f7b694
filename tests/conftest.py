"""Every test that asks for `target` runs once for each target that this machine can run."""

from collections.abc import Iterator

import pytest

import fastla
from fastla import _dispatch


@pytest.fixture(params=_dispatch.runnable_targets())
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of the target whose kernels do the work during the test."""
    before = _dispatch.current_target()
    _dispatch.use_target(request.param, everywhere=True)
    yield request.param
    _dispatch.use_target(before)


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = fastla.get_num_threads()
    yield
    fastla.set_num_threads(before)
