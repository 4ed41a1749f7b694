"""Without memory there is a MemoryError and nothing else; memory does not grow from call to call."""

import gc
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from grids import slow
from operands import DTYPES, PATHS, Shape, exact, integer_operands
from process import output_of
from searches import searches

import fastla
from fastla._core import core

UNLIMITED = 2**63
PAGE = mmap.PAGESIZE


# --- no memory ------------------------------------------------------------------------------------------------------
@pytest.fixture
def scratch_limit() -> Iterator[None]:
    """Lifted afterwards."""
    yield
    core.limit_scratch(UNLIMITED)


NEED_SCRATCH = [
    name for name in PATHS
    if "packed" in name and not name.startswith("dots") or name.startswith("split k") or name == "transposed"
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [1, 2])
def test_no_scratch(target: str, dtype: type, threads: int, scratch_limit: None) -> None:
    with fastla.num_threads(threads):
        for path in NEED_SCRATCH:
            a, b = integer_operands(PATHS[path], dtype)
            core.limit_scratch(0)
            with pytest.raises(MemoryError):
                fastla.matmul(a, b)
            with pytest.raises(MemoryError):
                fastla.matmul(*(np.broadcast_to(x, (2, *x.shape)) for x in (a, b)))
            core.limit_scratch(UNLIMITED)
            np.testing.assert_array_equal(fastla.matmul(a, b), exact(*PATHS[path][:3]), err_msg=path)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_scratch_where_none_is_needed(target: str, dtype: type, scratch_limit: None) -> None:
    a, b = integer_operands(PATHS["in place"], dtype)
    core.limit_scratch(0)
    np.testing.assert_array_equal(fastla.matmul(a, b), exact(*PATHS["in place"][:3]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sizes", [(100, 40, 20), (400, 300, 300), (40, 4100, 50)])
def test_scratch_for_a_part_alone(target: str, dtype: type, sizes: tuple, scratch_limit: None) -> None:
    """Whatever runs out: a right result or a MemoryError, and nothing of the failed product is reported by the next."""
    a, b = integer_operands(Shape(*sizes, "F", "F"), dtype)
    large = a.copy(order="A")
    large[-1] = large[0] = np.finfo(dtype).max
    clean = np.ones((2, 2), dtype)
    failures = 0
    for limit in (2**i * j for i in range(6, 25) for j in (2, 3)):
        core.limit_scratch(limit)
        try:
            np.testing.assert_array_equal(fastla.matmul(a, b), exact(*sizes))
        except MemoryError:
            failures += 1
            with pytest.raises(MemoryError), np.errstate(all="ignore"):
                fastla.matmul(large, b)
            with np.errstate(all="raise"):
                fastla.matmul(clean, clean)
    assert 0 < failures < 2 * 19


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_memory_for_the_result(target: str, dtype: type) -> None:
    x = np.broadcast_to(dtype(1), (2**28, 1))
    with pytest.raises(MemoryError):
        fastla.matmul(x, x.T)


# --- no leak --------------------------------------------------------------------------------------------------------
def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_memory_does_not_grow_from_call_to_call() -> None:
    every = [integer_operands(path, dtype) for path in PATHS.values() for dtype in DTYPES]
    every += [(np.stack([a, a]), np.stack([b, b])) for a, b in every if a.size < 10000]

    def call_all(times: int) -> None:
        for _ in range(times):
            for a, b in every:
                fastla.matmul(a, b)
                by_columns = np.empty((*a.shape[:-2], b.shape[-1], a.shape[-2]), a.dtype).mT
                fastla.matmul(a.tolist() if a.size < 300 else a, b, by_columns)
                with pytest.raises(ValueError, match="shape"):
                    fastla.matmul(a, b[..., 1:, :])

    call_all(5)
    before = resident()
    call_all(40)
    assert resident() - before < 4 << 20


@pytest.mark.parametrize("name", list(searches()))
def test_a_search_without_memory(target, name, scratch_limit):
    call = searches()[name]
    right = call()
    for limit in (0, 64, 1000, 10_000, 50_000):
        core.limit_scratch(limit)
        try:
            result = call()
        except MemoryError:
            continue
        for one, other in zip(right, result, strict=True):
            np.testing.assert_array_equal(one, other)
    core.limit_scratch(UNLIMITED)
    for one, other in zip(right, call(), strict=True):
        np.testing.assert_array_equal(one, other)
    core.limit_scratch(0)
    with pytest.raises(MemoryError):
        call()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
@pytest.mark.parametrize("turns", [10, *slow(60)])
def test_searches_do_not_grow(turns: int) -> None:
    grown = output_of(
        f"""
        import gc, os
        import numpy as np
        import fastla
        from searches import searches

        def resident():
            gc.collect()
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

        every = searches().values()

        def call_all(times):
            for _ in range(times):
                for call in every:
                    call()
                try:
                    fastla.knn(np.zeros(3), np.zeros((5, 4)))
                except ValueError:
                    pass

        call_all({turns} + 5)         # until every thread has had the scratch that it needs
        before = resident()
        call_all({turns})
        print(resident() - before)
        """
    )
    assert int(grown) < 4 << 20


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts Linux's page faults")
def test_calls_like_the_last_one_find_their_scratch_in_place() -> None:
    """In several blocks, 5 MB in all: 1300 pages that a call would else meet anew."""
    faults = output_of(
        """
        import resource
        import numpy as np
        import fastla

        rng = np.random.default_rng(0)
        x, q = rng.standard_normal((1000, 384), dtype=np.float32), rng.standard_normal((1000, 384), dtype=np.float32)
        mask = np.ones(1000, bool)
        for _ in range(5):
            fastla.knn(q, x, 10, mask=mask)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(10):
            fastla.knn(q, x, 10, mask=mask)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
        """
    )
    assert int(faults) < 200


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_large_scratch_is_given_back() -> None:
    """A product of 8 rows turned around takes as much scratch as its result, here 96 MB."""
    grown = output_of(
        """
        import os
        import numpy as np
        import fastla

        def resident():
            with open("/proc/self/statm") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

        b = np.broadcast_to(np.ones(32, np.float32)[:, np.newaxis], (32, 3_000_000))
        a = np.ones((8, 32), np.float32)
        fastla.matmul(a, b[:, :100])
        before = resident()
        assert (fastla.matmul(a, b) == 32).all()
        print(resident() - before)
        """
    )
    assert int(grown) < 8 << 20
