"""Arrays to pointers: threads, targets, and the entries of the public functions."""
cimport cython
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer

import threading
from functools import update_wrapper

from libc.string cimport memset
from numpy import array, count_nonzero, empty, ndarray
from numpy import matmul as numpy_matmul

cnp.import_array()

cdef extern from "Python.h":
    # Not cpython.exc's: that is declared `except -1`, so a function that cannot raise would print the exception and clear it.
    int PyErr_CheckSignals() noexcept
    void* PyErr_Occurred() noexcept

cdef extern from "numpy/arrayobject.h":
    bint PyArray_CheckExact(object)
    bint PyArray_ISBEHAVED(cnp.ndarray)
    bint PyArray_ISBEHAVED_RO(cnp.ndarray)

cdef extern from "pool.h":
    int pool_run(void (*task)(void*, Py_ssize_t, int) noexcept nogil, void*, Py_ssize_t, int, int) noexcept nogil
    void pool_set_interrupted(int (*interrupted)() noexcept nogil)
    int pool_workers()
    void pool_stop() nogil
    enum:
        POOL_MAX_THREADS

cdef extern from "scratch.h":
    void* scratch_take(size_t) noexcept nogil
    void scratch_give(void*) noexcept nogil
    void scratch_free()
    void scratch_set_limit(size_t)

cdef extern from "fpstatus.h":
    unsigned fp_status_get() noexcept nogil
    void fp_status_set(unsigned) noexcept nogil
    enum:
        FP_INVALID, FP_DIVIDE, FP_OVERFLOW, FP_UNDERFLOW

cdef extern from "cpu.h":
    const char* cpu_features_names "cpu_features"()

include "../contract/kernels.pxi"

cdef extern from "stdlib.h":
    void* realloc(void*, size_t) noexcept nogil
    void free(void*) noexcept nogil

cdef extern from *:
    """
    #include <pthread.h>
    _Static_assert((int)POOL_INTERRUPTED == (int)KERNEL_INTERRUPTED && (int)POOL_FORKED == (int)KERNEL_FORKED, "pool.h and kernels.h");
    static pthread_t main_thread;
    static void here_is_main(unsigned long ident) { main_thread = (pthread_t)ident; }
    static int is_main(void) { return pthread_equal(main_thread, pthread_self()); }
    static _Thread_local int local_threads;
    static int get_local_threads(void) { return local_threads; }
    static void set_local_threads(int threads) { local_threads = threads; }
    """
    void here_is_main(unsigned long)
    const char* FASTLA_TARGETS          # by setup.py: "name=feature feature|name=..." , best first
    bint is_main() noexcept nogil
    int get_local_threads() noexcept nogil
    void set_local_threads(int) noexcept nogil

cdef enum:
    TYPES = 32                  # NumPy's type numbers below that
    MAX_DIMS = 64
    KEEP_GIL_FLOPS = 200000     # about 2 us: releasing and taking back the GIL costs 0.1

cdef const Kernels* owned[TYPES]
cdef double numpy_flops[TYPES]         # from so many on, a product of this type is NumPy's
cdef int process_threads = 1


# --- threads --------------------------------------------------------------------------------------------------------
# Leaves the exception set: raise_pending() lets it out. One set already was met by a job within this one.
cdef int check_signals() noexcept with gil:
    return PyErr_Occurred() != NULL or PyErr_CheckSignals() != 0


cdef int interrupted() noexcept nogil:
    # Python runs signal handlers in its main thread alone.
    cdef unsigned flags
    cdef int answer
    if not is_main():
        return 0
    flags = fp_status_get()         # a handler's floating-point exceptions are its own
    answer = check_signals()
    fp_status_set(flags)
    return answer


cdef int raise_pending() except -1:
    return -1


here_is_main(threading.main_thread().ident)     # whichever thread imports this
pool_set_interrupted(interrupted)


def after_fork():
    """The thread that forked is the child's main thread."""
    here_is_main(threading.get_ident())


def set_threads(int process, int local):
    """The number of threads of the process (0: as it is) and of the calling thread (-1: as it is, 0: the process's)."""
    global process_threads
    if process > 0:
        process_threads = process
    if local >= 0:
        set_local_threads(local)


def get_threads():
    """(of the process, of the calling thread or 0)."""
    return process_threads, get_local_threads()


def workers():
    """How many pool threads live."""
    return pool_workers()


def stop():
    """End the pool's threads and free this thread's scratch; both come back when needed."""
    with cython.nogil:
        pool_stop()
    scratch_free()


def limit_scratch(size_t limit):
    """For tests: scratch above `limit` bytes is refused."""
    scratch_set_limit(limit)


# What the kernels are handed beside their operands.
cdef void fill(Runtime* runtime) noexcept:
    runtime.threads = get_local_threads()
    if runtime.threads == 0:
        runtime.threads = process_threads
    runtime.parallel_for = pool_run
    runtime.take = scratch_take
    runtime.give = scratch_give
    runtime.resize = realloc


# What the kernels answer, as an exception.
cdef int end(str no_memory, int status) except -1:
    if status == KERNEL_INTERRUPTED:
        raise_pending()
    if status == KERNEL_NO_MEMORY:
        raise MemoryError(no_memory)
    if status == KERNEL_FORKED:
        raise RuntimeError("this process was forked in the midst of a call: the part of it that other threads had begun is lost here")
    return 0


# --- targets --------------------------------------------------------------------------------------------------------
def targets():
    """{target of this platform: the CPU features it requires}, best first."""
    rows = (row.split("=") for row in FASTLA_TARGETS.decode().split("|"))
    return {name: frozenset(features.split()) for name, features in rows}


def cpu_features():
    """The features that targets may require and this machine has."""
    return frozenset(cpu_features_names().decode().split())


def install(int type_number, capsule, limit=None):
    """Let this type's products be done by a target module's kernels; None: by NumPy. From `limit` flops on (None: the target's
    own crossover) they are NumPy's all the same."""
    if not 0 <= type_number < TYPES:
        raise ValueError(f"type_number must be in [0, {TYPES}), not {type_number}")
    cdef const Kernels* kernels = NULL
    if capsule is not None:
        kernels = <const Kernels*>PyCapsule_GetPointer(capsule, "fastla.kernels")
        numpy_flops[type_number] = kernels.numpy_flops if limit is None else limit
    owned[type_number] = kernels


def owns(int type_number):
    """Whether a target module does this type's products."""
    return 0 <= type_number < TYPES and owned[type_number] != NULL


def describe(capsule):
    """The target, the element row, the vector's bytes and the tile of a target module."""
    cdef const Kernels* kernels = <const Kernels*>PyCapsule_GetPointer(capsule, "fastla.kernels")
    return {"target": kernels.target.decode(), "element": kernels.element.decode(),
            "vector_bytes": kernels.vector_bytes, "mr": kernels.mr, "nr": kernels.nr,
            "numpy_flops": kernels.numpy_flops}


include "products.pxi"
include "search.pxi"
include "index.pxi"
