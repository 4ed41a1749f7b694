"""How every family hands its tasks to fastla's pool, and takes scratch: the contract's services, called from Numba.

A family's job is a record: the runtime, the status of a task that failed, the request (what the entry was called with),
and what the tasks need to know beside it.
"""

from typing import Any

import numpy as np
from numba import from_dtype, int32, intp, types

from fastla._jit.interop import address_of, c_function, c_pointer, cast, struct
from fastla._jit.kernels.compiling import jit
from fastla._jit.kernels.contract import KERNEL_OK, NO_MEMORY, Runtime
from fastla._jit.kernels.cost import OFFER_NS, WAKE_NS

void_p = types.voidptr
_parallel_for = c_function(int32, intp, void_p, intp, int32, int32)
_take = c_function(void_p, intp)
_give = c_function(types.void, void_p)
task_pointer = c_pointer(types.void, void_p, intp, int32)


def job_type(*fields: str) -> types.CPointer:
    """The type of a pointer to a job with these further fields, each a number or an address."""
    names = "runtime", "error", "request", *fields
    return types.CPointer(from_dtype(np.dtype([(name, np.intp) for name in names])))


@jit
def begin(job: Any, runtime: Any, request: Any) -> None:
    """Start a job for what an entry was called with."""
    job.runtime, job.error, job.request = address_of(runtime), KERNEL_OK, address_of(request)


@jit
def run_tasks(task: int, job: Any, count: int, ns: float) -> int:
    """task(job, index, slot) for each index below count, and the first failure."""
    runtime = struct(cast(job.runtime, Runtime))
    threads = runtime.threads if ns >= OFFER_NS else int32(1)
    status = _parallel_for(runtime.parallel_for, (
        task, cast(address_of(job), void_p), count, threads, int32(ns >= WAKE_NS)))
    return status if status != KERNEL_OK else int32(job.error)


@jit
def is_null(pointer: Any) -> bool:
    """Whether nothing was to be had."""
    return address_of(pointer) == 0


@jit
def take(job: Any, size: int) -> Any:
    """Scratch of the calling thread; its address is 0 where there is no memory, and the job has failed."""
    block = _take(struct(cast(job.runtime, Runtime)).take, (size,))
    if is_null(block):
        job.error = NO_MEMORY
    return block


@jit
def give(job: Any, block: Any) -> None:
    """Give scratch back, in the reverse order of taking."""
    _give(struct(cast(job.runtime, Runtime)).give, (block,))


@jit
def ceil_div(a: int, b: int) -> int:
    """Divide, rounding up."""
    return -(-a // b)
