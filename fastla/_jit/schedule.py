"""How every family hands its tasks to fastla's pool, and takes scratch: the contract's services, called from Numba.

A family's job is a record whose first fields are `runtime` and `error`; a task that fails writes its status there.
"""

from typing import Any

import numpy as np
from numba import njit, types

from fastla._jit.contract import constants, pointer_to
from fastla._jit.interop import address_of, c_function, c_pointer, cast, struct

KERNEL_OK, NO_MEMORY, DECLINED = (constants()[f"KERNEL_{name}"] for name in ("OK", "NO_MEMORY", "DECLINED"))
Runtime = pointer_to("Runtime")
JOB = [("runtime", np.intp), ("error", np.int64)]
# The cost model of `_native/schedule/cost.pxi`: nanoseconds from which workers that are awake help, from which sleeping
# ones are woken, and of a task at most, for between tasks an interrupt is noticed.
OFFER_NS, WAKE_NS, TASK_NS = 4000.0, 20000.0, 5e6

void_p, intp, i32 = types.voidptr, types.intp, types.int32
_parallel_for = c_function(i32, intp, void_p, intp, i32, i32)
_take = c_function(void_p, intp)
_give = c_function(types.void, void_p)
task_pointer = c_pointer(types.void, void_p, intp, i32)


def jit(function: Any) -> Any:
    """Compiled as all of the target is: without the GIL, and a division by zero is a number."""
    return njit(error_model="numpy")(function)


def jit_for(*parameters: Any) -> Any:
    """The same for functions made anew for each set of parameters, which become part of their names.

    Numba tells functions of one name and argument types apart by a count that begins anew in each process, and the
    linker takes the first of a name: what different processes have cached would be mistaken for each other.
    """
    def decorate(function: Any) -> Any:
        function.__qualname__ += "".join(f"_{parameter}" for parameter in parameters)
        return jit(function)
    return decorate


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


@jit
def run_tasks(task: int, job: Any, count: int, ns: float) -> int:
    """task(job, index, slot) for each index below count, and the first failure."""
    record = struct(job)
    runtime = struct(cast(record.runtime, Runtime))
    threads = runtime.threads if ns >= OFFER_NS else i32(1)
    status = _parallel_for(runtime.parallel_for, (task, cast(job, void_p), count, threads, i32(ns >= WAKE_NS)))
    return status if status != KERNEL_OK else i32(record.error)


@jit
def take(address: int, size: int) -> Any:
    """Scratch of the calling thread, from the runtime at an address; its address is 0 where there is no memory."""
    return _take(struct(cast(address, Runtime)).take, (size,))


@jit
def give(address: int, block: Any) -> None:
    """Give scratch back, in the reverse order of taking."""
    _give(struct(cast(address, Runtime)).give, (block,))


@jit
def is_null(pointer: Any) -> bool:
    """Whether nothing was to be had."""
    return address_of(pointer) == 0


@jit
def ceil_div(a: int, b: int) -> int:
    """Divide, rounding up."""
    return -(-a // b)
