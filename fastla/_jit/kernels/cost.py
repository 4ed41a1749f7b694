"""The cost model of `_native/schedule/cost.pxi`: how long work takes, and into how many tasks it goes."""

from numba import intp

from fastla._jit.kernels.compiling import jit

# Nanoseconds from which workers that are awake help, from which sleeping ones are woken, and of a task at most, for
# between tasks an interrupt is noticed.
OFFER_NS, WAKE_NS, TASK_NS = 4000.0, 20000.0, 5e6


@jit
def duration(multiply_adds: float, elements: float, size: int) -> float:
    """Nanoseconds of one thread for so many multiply-adds, and elements of `size` bytes read or written."""
    return max(2 * multiply_adds / 400, elements / 40) * size + 10


@jit
def tasks_for(ns: float, threads: int) -> int:
    """Into how many tasks work goes: more than threads where it is long, so that a slow core holds up little."""
    if ns < OFFER_NS:
        return 1
    return max(threads if threads == 1 or ns < 2 * WAKE_NS else 4 * threads, intp(ns / TASK_NS))
