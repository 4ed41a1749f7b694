"""The core: what knows Python.

Arrays become pointers, the GIL is released, statuses become exceptions; threads, targets, entries.
"""
cimport cython
cimport numpy as cnp
from cpython.object cimport PyObject
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New

import threading
from functools import update_wrapper
from inspect import signature as inspect_signature

from libc.math cimport pow
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy, memset, strcmp
from numpy import arange, array, ascontiguousarray, empty, memmap, ndarray
from numpy import matmul as numpy_matmul

cnp.import_array()

cdef extern from "Python.h":
    # Not cpython.exc's: that is declared `except -1`, so a function that cannot raise would print the exception and
    # clear it.
    int PyErr_CheckSignals() noexcept
    void* PyErr_Occurred() noexcept
    PyObject* PyTuple_GET_ITEM(tuple, Py_ssize_t) noexcept

cdef extern from "numpy/arrayobject.h":
    bint PyArray_CheckExact(object)
    bint PyArray_ISBEHAVED(cnp.ndarray)
    bint PyArray_ISBEHAVED_RO(cnp.ndarray)
    bint PyArray_ISNOTSWAPPED(cnp.ndarray)
    object PyArray_Scalar(void* data, cnp.dtype descr, object base)
    object PyArray_NewLikeArray(cnp.ndarray prototype, int order, PyObject* descr, int subok)
    enum:
        NPY_KEEPORDER

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
    void scratch_set_fill(int)

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
    _Static_assert((int)POOL_INTERRUPTED == (int)KERNEL_INTERRUPTED && (int)POOL_FORKED == (int)KERNEL_FORKED,
                   "pool.h and kernels.h");
    static pthread_t main_thread;
    static void here_is_main(unsigned long ident) { main_thread = (pthread_t)ident; }
    static int is_main(void) { return pthread_equal(main_thread, pthread_self()); }
    static _Thread_local int local_threads;
    static int get_local_threads(void) { return local_threads; }
    static void set_local_threads(int threads) { local_threads = threads; }
    """
    void here_is_main(unsigned long)
    const char* FASTLA_TARGETS          # by setup.py: "name=feature feature|name=..." , best first
    const char* FASTLA_TEST_ONLY        # by setup.py: those of them that are for tests alone
    bint is_main() noexcept nogil
    int get_local_threads() noexcept nogil
    void set_local_threads(int) noexcept nogil

cdef enum:
    MAX_DIMS = 64               # NumPy's

include "threads.pxi"
include "targets.pxi"
include "overlays.pxi"
include "arrays.pxi"
include "numbers.pxi"
include "entries.pxi"
include "user.pxi"
include "families/products/fold.pxi"
include "families/products/operands.pxi"
include "families/products/product.pxi"
include "families/reductions.pxi"
include "families/norms.pxi"
include "families/pairs.pxi"
include "families/cosine.pxi"
include "families/candidates.pxi"
include "families/search.pxi"
include "families/knn.pxi"
include "families/index_search.pxi"
include "families/index.pxi"
include "families/eigen.pxi"
include "families/rows.pxi"
include "families/attention/operands.pxi"
include "families/attention/entry.pxi"
include "families/layers/operands.pxi"
include "families/layers/linear.pxi"
include "families/layers/packed_weights.pxi"
include "families/layers/gated_linear.pxi"
include "families/layers/row_norms.pxi"
