# kernels.h for Cython: what the core and the target modules share.
cdef extern from "kernels.h":
    ctypedef struct Runtime:
        int threads
        int (*parallel_for)(void (*task)(void*, Py_ssize_t, int) noexcept nogil, void* arg, Py_ssize_t count,
                            int threads, int wake) noexcept nogil
        void* (*take)(size_t) noexcept nogil
        void (*give)(void*) noexcept nogil
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
    ctypedef struct Kernels:
        const char* target
        const char* element
        int vector_bytes, mr, nr
        double numpy_flops
        int (*matmul)(const Stack*, const Runtime*) noexcept nogil
    enum:
        KERNEL_OK, KERNEL_INTERRUPTED, KERNEL_NO_MEMORY
