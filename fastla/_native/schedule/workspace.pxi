# A workspace: the scratch of a call or a task, taken as one block, whole or not at all, and carved into pieces.
#
# A function `lay_...(what, char* block)` carves every piece and returns the length of all. It is called twice: with
# block NULL, for the length, and with the block that has been taken.

cdef extern from "redzone.h":
    enum:
        REDZONE
    void forbid(void* piece, size_t bytes) noexcept nogil


# The next `bytes` of a block, from a cache line on. No line then belongs to two pieces. (Numbers, not pointers, are
# added: there may be no block.)
cdef inline void* carve(char** at, Py_ssize_t bytes) noexcept nogil:
    cdef char* piece = at[0]
    cdef uintptr_t end = <uintptr_t>piece + ceil_div(bytes, LINE) * LINE
    if piece != NULL:
        forbid(<void*>end, REDZONE)
    at[0] = <char*>(end + REDZONE)
    return piece


# Elements of `size` bytes from one row of a piece to the next, so that no line belongs to two of them.
cdef inline Py_ssize_t line_stride(Py_ssize_t count, Py_ssize_t size) noexcept nogil:
    return ceil_div(count * size, LINE) * (LINE // size)
