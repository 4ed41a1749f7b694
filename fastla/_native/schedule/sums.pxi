# Partial results: where a sum is cut, its bounds depend on the shape alone and its parts are added in order, so that
# the bits do not depend on the threads.

# c[m, n] = the sum of `count` parts, each m rows of n adjacent elements, `stride` elements apart, in their order; added
# to what c holds if `accumulate`.
cdef void sum_parts(Py_ssize_t m, Py_ssize_t n, Py_ssize_t count, const real* parts, Py_ssize_t stride, real* c,
                    Py_ssize_t c_row,
                    bint accumulate) noexcept nogil:
    cdef Py_ssize_t i, j, s
    cdef real* row
    cdef const real* part
    for i in range(m):
        row = c + i * c_row
        for s in range(count):
            part = parts + s * stride + i * n
            for j in range(n):
                row[j] = row[j] + part[j] if accumulate or s else part[j]
