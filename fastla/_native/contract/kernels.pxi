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
        int syrk
    ctypedef struct Batch:
        Product first
        int dims
        Py_ssize_t count
        const Py_ssize_t* shape
        const Py_ssize_t* a_stride
        const Py_ssize_t* b_stride
        const Py_ssize_t* c_stride
    ctypedef struct Rows:
        const char* data
        Py_ssize_t n, d, row, column
        int type
    ctypedef struct Norms:
        Rows rows
        void* norms
        void* normalized
        Py_ssize_t normalized_row
    ctypedef struct Blocks:
        void* data
        float* scale
        float* weight
        float* bias
        Py_ssize_t n, d
    ctypedef struct Found:
        Py_ssize_t query, id
        double score
    ctypedef struct Search:
        int metric, result
        Rows rows
        Blocks blocks
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
    ctypedef struct SymmetricProduct:
        const void* a
        const void* x
        void* y
        Py_ssize_t n, a_row, b
    ctypedef struct Symmetry:
        const void* a
        Py_ssize_t n, a_row
        double magnitude, skew
    ctypedef struct Projection:
        void* w
        const void* v
        Py_ssize_t n, b, count
        int turns
        double* sums
    ctypedef struct Orthonormal:
        void* w
        Py_ssize_t n, b, done
        double tiny
        double* r
    ctypedef struct SmallEigh:
        double* t
        double* values
        double* z
        double* work
        Py_ssize_t n, m, z_row
    ctypedef struct EighStack:
        const void* a
        Py_ssize_t count, n, stack, row, column
        int upper
        void* values
        void* vectors
    ctypedef struct Scatter:
        const void* x
        Py_ssize_t n, d, x_row
        const void* shift
        const void* v
        Py_ssize_t b
        double* product
        double* sums
        double* squares
    ctypedef struct Kernels:
        const char* target
        const char* element
        int vector_bytes, mr, nr
        double numpy_flops
        int (*matmul)(const Batch*, const Runtime*) noexcept nogil
        int (*norms)(const Norms*, const Runtime*) noexcept nogil
        void (*weigh)(const Blocks*, int metric, Py_ssize_t first, Py_ssize_t end) noexcept nogil
        int (*search)(Search*, const Runtime*) noexcept nogil
        int (*symmetric_product)(const SymmetricProduct*, const Runtime*) noexcept nogil
        int (*symmetry)(Symmetry*, const Runtime*) noexcept nogil
        int (*project)(const Projection*) noexcept nogil
        int (*orthonormal)(Orthonormal*) noexcept nogil
        int (*small_eigh)(SmallEigh*) noexcept nogil
        int (*eigh_stack)(const EighStack*, const Runtime*) noexcept nogil
        int (*scatter)(const Scatter*, const Runtime*) noexcept nogil
    enum:
        METRIC_COSINE, METRIC_DOT, METRIC_EUCLIDEAN, RESULT_TOPK, RESULT_RANGE, RESULT_MATRIX, BLOCK_ROWS
        TYPE_INT8, TYPE_INT16, TYPE_INT32, TYPE_INT64, TYPE_UINT8, TYPE_UINT16, TYPE_UINT32, TYPE_UINT64
        TYPE_FLOAT16, TYPE_BFLOAT16, TYPE_FLOAT32, TYPE_FLOAT64
    enum:
        KERNEL_OK, KERNEL_INTERRUPTED, KERNEL_NO_MEMORY, KERNEL_FORKED, KERNEL_NOT_CONVERGED
