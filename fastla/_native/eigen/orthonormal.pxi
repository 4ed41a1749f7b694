# Blocks of a few long vectors made orthonormal.

# x . y, in four sums that hide the FMA's latency.
cdef real long_dot(Py_ssize_t n, const real* x, const real* y) noexcept nogil:
    cdef vec acc[4]
    cdef Py_ssize_t p = 0
    cdef int u
    for u in range(4):
        acc[u] = zero()
    while p + 4 * LANES <= n:
        for u in range(4):
            acc[u] = acc[u] + load(x + p + u * LANES) * load(y + p + u * LANES)
        p += 4 * LANES
    while p < n:
        acc[0] = acc[0] + load_zero(x + p, smaller(LANES, n - p)) * load_zero(y + p, smaller(LANES, n - p))
        p += LANES
    return reduce_add(acc[0] + acc[1] + (acc[2] + acc[3]))


# y += scale x
cdef inline void add_multiple(Py_ssize_t n, real scale, const real* x, real* y) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        y[j] = y[j] + scale * x[j]


# Modified Gram-Schmidt, row by row: see Orthonormal in kernels.h.
cdef int orthonormal(Orthonormal* block) noexcept nogil:
    cdef real* w = <real*>block.w
    cdef real* row
    cdef Py_ssize_t n = block.n, i, j, p
    cdef double before, size
    cdef real c, inverse
    block.done = 0
    memset(block.r, 0, block.b * block.b * sizeof(double))
    for i in range(block.b):
        row = w + i * n
        before = square_root(long_dot(n, row, row))
        for j in range(i):
            c = long_dot(n, w + j * n, row)
            block.r[i * block.b + j] = c
            add_multiple(n, -c, w + j * n, row)
        size = square_root(long_dot(n, row, row)) if i else before
        if not (size > block.tiny and size >= 0.1 * before):
            break
        block.r[i * block.b + i] = size
        inverse = <real>(1 / size)
        for p in range(n):
            row[p] = row[p] * inverse
        block.done = i + 1
    return KERNEL_OK
