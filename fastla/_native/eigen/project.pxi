# A block of vectors made orthogonal to a basis: a few vectors of the basis at a time, dot products and subtraction
# while they are in cache.

# sums[r, q] += v_r . w_q, then w_q -= sum_r (v_r . w_q) v_r; rows and nq are literals.
cdef inline void project_tile(const int rows, const int nq, Py_ssize_t n, const real* v, real* w, double* sums,
                              Py_ssize_t count) noexcept nogil:
    cdef vec acc[SCATTER_ROWS][SCATTER_VECTORS]
    cdef real dots[SCATTER_ROWS][SCATTER_VECTORS]
    cdef vec v_vec[SCATTER_ROWS]
    cdef vec w_vec
    cdef Py_ssize_t j, whole = n - n % LANES
    cdef int r, q
    for r in range(rows):
        for q in range(nq):
            acc[r][q] = zero()
    for j from 0 <= j < whole by LANES:
        for r in range(rows):
            v_vec[r] = load(v + r * n + j)
        for q in range(nq):
            w_vec = load(w + q * n + j)
            for r in range(rows):
                acc[r][q] = acc[r][q] + v_vec[r] * w_vec
    for r in range(rows):
        for q in range(nq):
            dots[r][q] = reduce_add(acc[r][q])
            for j in range(whole, n):
                dots[r][q] += v[r * n + j] * w[q * n + j]
            sums[q * count + r] += dots[r][q]
    for j from 0 <= j < whole by LANES:
        for r in range(rows):
            v_vec[r] = load(v + r * n + j)
        for q in range(nq):
            w_vec = load(w + q * n + j)
            for r in range(rows):
                w_vec = w_vec - v_vec[r] * splat(dots[r][q])
            store(w + q * n + j, w_vec)
    for j in range(whole, n):
        for r in range(rows):
            for q in range(nq):
                w[q * n + j] -= v[r * n + j] * dots[r][q]


cdef inline void project_vectors(const int rows, Py_ssize_t nq, Py_ssize_t n, const real* v, real* w, double* sums,
                                 Py_ssize_t count) noexcept nogil:
    if nq == 4:
        project_tile(rows, 4, n, v, w, sums, count)
    elif nq == 3:
        project_tile(rows, 3, n, v, w, sums, count)
    elif nq == 2:
        project_tile(rows, 2, n, v, w, sums, count)
    else:
        project_tile(rows, 1, n, v, w, sums, count)


# See Projection in kernels.h.
cdef int project(const Projection* p) noexcept nogil:
    cdef const real* v = <const real*>p.v
    cdef real* w
    cdef Py_ssize_t i, q, nq
    cdef int turn
    memset(p.sums, 0, p.b * p.count * sizeof(double))
    for turn in range(p.turns):
        for i from 0 <= i < p.count by SCATTER_ROWS:
            for q from 0 <= q < p.b by SCATTER_VECTORS:
                nq = smaller(SCATTER_VECTORS, p.b - q)
                w = <real*>p.w + q * p.n
                if i + SCATTER_ROWS <= p.count:
                    project_vectors(SCATTER_ROWS, nq, p.n, v + i * p.n, w, p.sums + q * p.count + i, p.count)
                elif p.count - i == 3:
                    project_vectors(3, nq, p.n, v + i * p.n, w, p.sums + q * p.count + i, p.count)
                elif p.count - i == 2:
                    project_vectors(2, nq, p.n, v + i * p.n, w, p.sums + q * p.count + i, p.count)
                else:
                    project_vectors(1, nq, p.n, v + i * p.n, w, p.sums + q * p.count + i, p.count)
    return KERNEL_OK
