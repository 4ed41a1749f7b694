"""What tests/sanitize.sh runs besides tests: eight threads of mixed calls, and a count of what calls leave behind."""

import ctypes
import gc
import random
import threading
from collections.abc import Callable

import numpy as np
from every_family import calls_of_every_family

import fastla

THREADS, ROUNDS = 8, 60
CALLS = 200         # of each function whose leaks are counted
ATTEMPTS = 8        # at most: what Python keeps grows less from time to time
LEAK = 16           # bytes a call, the least that malloc gives; what Python keeps for itself is less


def _changes(index: fastla.FlatIndex, rng: np.random.Generator) -> None:
    """Adds, removes, updates and searches that others see."""
    ids = rng.choice(2**40, 3, replace=False)
    index.add(rng.standard_normal((3, index.dim)), ids)
    index.search(rng.standard_normal((5, index.dim)), 2)
    index.update(ids[:2], rng.standard_normal((2, index.dim)))
    index.range_search(rng.standard_normal((2, index.dim)), 0.5)
    index.remove(ids[1:])


def eight_threads() -> None:
    """Each makes calls at random, and changes two indexes that all share."""
    calls = [call for dtype in (np.float32, np.float64) for call in calls_of_every_family(dtype).values()]
    indexes = [fastla.FlatIndex(37, dtype=storage) for storage in ("float32", "int8")]
    for index in indexes:
        index.add(np.random.default_rng(0).standard_normal((100, 37)))
    failures: list[BaseException] = []

    def work(seed: int) -> None:
        order, rng = random.Random(seed), np.random.default_rng(seed)
        try:
            for _ in range(ROUNDS):
                order.choice(calls)()
                _changes(order.choice(indexes), rng)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def leaks(allocated: Callable[[], int]) -> None:
    """No call leaves memory behind. What Python keeps from call to call does not grow with their number."""
    leaking = []
    for name, call in calls_of_every_family(np.float32).items():
        grown: list[int] = []
        while not grown or len(grown) < ATTEMPTS and grown[-1] >= LEAK * CALLS:
            gc.collect()
            before = allocated()
            for _ in range(CALLS):
                call()
            gc.collect()
            grown.append(allocated() - before)
        if grown[-1] >= LEAK * CALLS:
            leaking.append(f"{name}: {grown} bytes in {CALLS} calls")
    assert not leaking, leaking


if __name__ == "__main__":
    eight_threads()
    count = getattr(ctypes.CDLL(None), "__sanitizer_get_current_allocated_bytes", None)
    if count is not None:
        count.restype = ctypes.c_size_t
        leaks(count)
