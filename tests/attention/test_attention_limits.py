"""Without memory there is a MemoryError; Ctrl-C is noticed."""

import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest
from attend import bits, operands
from concurrency import needs_signals
from process import start_python

import fastla
from fastla._core import core


@pytest.fixture
def scratch_limit() -> Iterator[None]:
    yield
    core.limit_scratch(2**63)


@pytest.mark.parametrize("threads", [1, 2])
def test_no_scratch(target: str, threads: int, scratch_limit: None) -> None:
    """Whatever piece is missing: a right result or a MemoryError."""
    with fastla.num_threads(threads):
        for sq, skv in [(1, 20), (1, 5000), (100, 300)]:
            arrays = operands(1, 2, 2, sq, skv)
            mask = np.random.default_rng(0).random((sq, skv)) < 0.5
            want = bits(fastla.attention(*arrays, mask))
            refused = 0
            for limit in [0, 100, 1000, 10_000, 100_000, 2**63]:
                core.limit_scratch(limit)
                try:
                    assert bits(fastla.attention(*arrays, mask)) == want
                except MemoryError:
                    refused += 1
                core.limit_scratch(2**63)
            assert 0 < refused < 6
            assert bits(fastla.attention(*arrays, mask)) == want


INTERRUPTED = """
    import time
    import numpy as np
    import fastla

    q = np.broadcast_to(np.ones((1, 64), np.float32), (64, {queries}, 64))
    k = np.broadcast_to(np.ones((1, 64), np.float32), (64, {keys}, 64))
    fastla.attention(q[:, :10], k[:, :10], k[:, :10])
    print("ready", flush=True)
    try:
        fastla.attention(q, k, k, out=np.empty((64, {queries}, 64), np.float32))
        print("finished", time.monotonic())
    except KeyboardInterrupt:
        print("interrupted", time.monotonic())
"""


@needs_signals
@pytest.mark.parametrize(("queries", "keys"), [(20_000, 60_000), (1, 20_000_000)])
def test_interrupt(queries: int, keys: int) -> None:
    process = start_python(INTERRUPTED.format(queries=queries, keys=keys))
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.4)
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        word, moment = process.stdout.readline().split()
        assert word == "interrupted"
        assert float(moment) - sent < 1         # the contract is 200 ms; a busy machine is given a second
    finally:
        process.kill()
        process.communicate()
