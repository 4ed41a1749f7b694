# kernels.h for Cython: what the core and the target modules share.
from libc.stdint cimport uint8_t, uint64_t

cdef extern from "kernels.h":
    ctypedef struct Runtime:
        int threads
        int (*parallel_for)(void (*task)(void*, Py_ssize_t, int) noexcept nogil, void* arg, Py_ssize_t count,
                            int threads, int wake) noexcept nogil
        void* (*take)(size_t) noexcept nogil
        void (*give)(void*) noexcept nogil
        void* (*resize)(void*, size_t) noexcept nogil
    ctypedef struct Product:
        const void* a
        const void* b
        void* c
        Py_ssize_t m, n, k, a_row, a_col, b_row, b_col, c_row
        int own_transpose
    ctypedef struct Stack:
        Product first
        int depth
        Py_ssize_t count
        const Py_ssize_t* shape
        const Py_ssize_t* a_step
        const Py_ssize_t* b_step
        const Py_ssize_t* c_step
    ctypedef struct Rows:
        const char* data
        Py_ssize_t n, d, row, column
        int type
    ctypedef struct Norms:
        Rows rows
        void* norms
        void* normalized
        Py_ssize_t normalized_row
    ctypedef struct Panels:
        void* data
        float* step
        float* weight
        float* bias
        Py_ssize_t n, d
    ctypedef struct Found:
        Py_ssize_t query, id
        double score
    ctypedef struct Search:
        int metric, sink
        Rows rows
        Panels panels
        const void* queries
        const void* plain
        const void* query_scale
        Py_ssize_t m
        const uint8_t* mask
        Py_ssize_t mask_row, allowed
        const Py_ssize_t* exclude
        Py_ssize_t k
        void* scores
        Py_ssize_t* ids
        Py_ssize_t* counts
        double threshold
        Found* found
        Py_ssize_t found_count
        void* c
        Py_ssize_t c_row, symmetric
    ctypedef struct Kernels:
        const char* target
        const char* element
        int vector_bytes, mr, nr
        double numpy_flops
        int (*matmul)(const Stack*, const Runtime*) noexcept nogil
        int (*norms)(const Norms*, const Runtime*) noexcept nogil
        void (*weigh)(const Panels*, int metric, Py_ssize_t first, Py_ssize_t end) noexcept nogil
        int (*search)(Search*, const Runtime*) noexcept nogil
    enum:
        METRIC_COSINE, METRIC_DOT, METRIC_EUCLIDEAN, SINK_BEST, SINK_REACHING, SINK_MATRIX, WIDTH
        ROW_INT8, ROW_INT16, ROW_INT32, ROW_INT64, ROW_UINT8, ROW_UINT16, ROW_UINT32, ROW_UINT64
        ROW_FLOAT16, ROW_BFLOAT16, ROW_FLOAT32, ROW_FLOAT64
    enum:
        KERNEL_OK, KERNEL_INTERRUPTED, KERNEL_NO_MEMORY, KERNEL_FORKED
