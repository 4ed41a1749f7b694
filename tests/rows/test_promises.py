"""What every reduction of vectors promises: bits, memory, interrupts, operands alone are read."""

import time
import tracemalloc

import numpy as np
import pytest
from concurrency import needs_signals
from grids import slow
from guard import guarded
from operands import DTYPES
from process import start_python

import fastla
from fastla._core import core

CALLS = {
    "norm": lambda x, axis: fastla.vector_norm(x, axis=axis), "norm 1": lambda x, axis: fastla.vector_norm(x, axis=axis,
                                                                                                           ord=1),
    "norm inf": lambda x, axis: fastla.vector_norm(x, axis=axis, ord=np.inf), "normalize": fastla.normalize,
    "paired": lambda x, axis: fastla.paired_cosine_similarity(np.moveaxis(x, axis, -1),
                                                              np.moveaxis(np.flip(x, axis), axis, -1)),
}
SHAPES = [(400_007,), (70_001, 7), (7, 70_001), (300, 2000), (2000, 300), (90_000, 3), (50, 4, 60, 9)]


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", CALLS)
def test_threads_do_not_show_in_bits(target, dtype, call):
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        x = rng.standard_normal(shape).astype(dtype)
        for view in (x, np.asfortranarray(x)):
            for axis in (0, -1):
                results = []
                for threads in (1, 2, 3, 7):
                    with fastla.num_threads(threads):
                        results.append(CALLS[call](view, axis))
                for other in results[1:]:
                    np.testing.assert_array_equal(other, results[0])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", CALLS)
def test_the_place_in_a_stack_does_not_show_in_bits(target, dtype, call):
    """Nor do neighbours that are out of range."""
    rng = np.random.default_rng(2)
    for length in (3, 8, 9, 50, 700):
        one = rng.standard_normal(length).astype(dtype)
        x = np.tile(one, (301, 1))
        x[7] *= np.finfo(dtype).max / 8
        same = np.delete(np.arange(301), 7)
        for view, axis in ((x, 1), (np.asfortranarray(x), 1), (np.ascontiguousarray(x.T), 0),
                           (np.repeat(x, 2, 1)[:, ::2], 1)):
            result = np.moveaxis(CALLS[call](view, axis), axis, -1) if call == "normalize" else CALLS[call](view, axis)
            assert (result[same] == result[0]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("at_end", [False, True])
def test_guard_pages(target, dtype, at_end):
    """A violation ends the process."""
    for shape in [(1, 1), (3, 5), (5, 3), (1, 100), (100, 1), (17, 33), (40, 70), (2, 3000), (3000, 2), (333, 333)]:
        x = guarded(shape, dtype, at_end)
        x[...] = 1
        for view in (x, x.T, x[::-1, ::-1], x[::2], x[:, ::2]):
            for axis in (0, 1):
                for call in CALLS.values():
                    assert np.isfinite(call(view, axis)).all()


@pytest.fixture
def scratch_limit():
    """Lifted afterwards."""
    yield
    core.limit_scratch(2**63)


LARGE = [(5_000_000,), (2_000_000, 3), (3, 2_000_000), (2500, 2500), (30, 100_000), (100_000, 30)]


@pytest.mark.in_turn
@pytest.mark.parametrize("call", CALLS)
def test_a_few_megabytes_of_workspace(target, call, scratch_limit):
    """Whatever the shape and layout; none at all is a MemoryError."""
    for shape in LARGE:
        x = np.ones(shape)
        for view in (x, x[::-1], np.asfortranarray(x), np.broadcast_to(x[..., :1], shape)):
            for axis in (0, -1):
                core.limit_scratch(6 << 20)
                CALLS[call](view, axis)
                core.limit_scratch(0)
                with pytest.raises(MemoryError):
                    CALLS[call](view, axis)
                core.limit_scratch(2**63)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", ["float16", ">f4", "int32"])
def test_what_is_converted_is_converted_in_pieces(call, dtype):
    for shape in [(3_000_000,), (3000, 1000), (3, 1_000_000)]:
        x = np.ones(shape, dtype)
        for axis in (0, -1):
            if x.shape[axis] > 100_000 and (call == "paired" or call == "normalize" and dtype == "float16"):
                continue            # a vector at a time
            CALLS[call](x[..., :2], axis)
            tracemalloc.start()
            result = CALLS[call](x, axis)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < result.nbytes + (12 << 20)


# Of n numbers, nearly without memory.
ENDLESS = {
    "one vector": "fastla.vector_norm(np.broadcast_to(x[0], n))",
    "rows": "fastla.vector_norm(np.broadcast_to(x, (n // 1000, 1000)), axis=1)",
    "columns": "fastla.vector_norm(np.broadcast_to(x, (n // 1000, 1000)), axis=0)",
    "long columns": "fastla.vector_norm(np.broadcast_to(x[:20], (n // 20, 20)), axis=0, ord=1)",
    "pairs": "fastla.paired_cosine_similarity(np.broadcast_to(x, (n // 1000, 1000)), x)",
    "one pair": "fastla.paired_cosine_similarity(np.broadcast_to(x[0], n), np.broadcast_to(x[1], n))",
    "zeros": "fastla.vector_norm(np.broadcast_to(0 * x, (n // 1000, 1000)), axis=0)",
}


@needs_signals
@pytest.mark.parametrize("case",
                         ["one vector", "columns",
                          *slow(*(case for case in ENDLESS if case not in ("one vector", "columns")))])
def test_ctrl_c(case):
    """The contract is 200 ms; a busy machine is given a second."""
    process = start_python(
        f"""
        import time
        import numpy as np
        import fastla
        x = np.ones(1000)
        n = 200_000_000_000
        print("ready", flush=True)
        try:
            {ENDLESS[case]}
        except KeyboardInterrupt:
            print(time.monotonic(), flush=True)
        assert fastla.vector_norm(x) == 1000**0.5
        """
    )
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        sent = time.monotonic()
        process.send_signal(2)
        printed, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert errors == ""
    assert float(printed) - sent < 1
