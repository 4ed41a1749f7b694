# y = x A for a few vectors and a symmetric A, of which one triangle is read: half the memory traffic, which is what
# such a product costs.
#
# An element a[i, j] below the diagonal counts twice: for y[i] with x[j] and for y[j] with x[i]. So a few rows of A at a
# time meet the columns left of the diagonal, in both roles while they are in registers. Tasks are stripes of rows of
# about equal area; each has sums of its own, which are added in the order of the stripes. Their bounds depend on n
# alone.

cdef enum:
    SYM_ROWS = 4            # of A at a time; AVX2 has registers for two
    SYM_VECTORS = 4         # of x at a time
    SYM_BYTES = 4096        # of a row of A at a time: these pieces of x and y stay in L1 for all rows of the stripe
    SYM_STRIPES = 16
    SYM_ALIGN = 16          # rows at which a stripe begins


# y_q += sum_r x_q[i + r] a_r over the columns [0, n), and sums[r * SYM_VECTORS + q] += a_r . x_q; rows and nq are
# literals.
cdef inline void symmetric_tile(const int rows, const int nq, Py_ssize_t n, const real* a, Py_ssize_t a_row,
                                const real* x, const real* own, real* y, Py_ssize_t stride, real* sums) noexcept nogil:
    cdef vec acc[SYM_ROWS][SYM_VECTORS]
    cdef vec a_vec[SYM_ROWS]
    cdef vec x_vec, y_vec
    cdef Py_ssize_t j, whole = n - n % LANES
    cdef int r, q
    for r in range(rows):
        for q in range(nq):
            acc[r][q] = zero()
    for j from 0 <= j < whole by LANES:
        for r in range(rows):
            prefetch(a + (rows + r) * a_row + j)        # the rows that come next
            a_vec[r] = load(a + r * a_row + j)
        for q in range(nq):
            x_vec = load(x + q * stride + j)
            y_vec = load(y + q * stride + j)
            for r in range(rows):
                acc[r][q] = acc[r][q] + a_vec[r] * x_vec
                y_vec = y_vec + a_vec[r] * splat(own[q * stride + r])
            store(y + q * stride + j, y_vec)
    if whole < n:
        for r in range(rows):
            a_vec[r] = load_zero(a + r * a_row + whole, n - whole)
        for q in range(nq):
            x_vec = load_zero(x + q * stride + whole, n - whole)
            y_vec = load_zero(y + q * stride + whole, n - whole)
            for r in range(rows):
                acc[r][q] = acc[r][q] + a_vec[r] * x_vec
                y_vec = y_vec + a_vec[r] * splat(own[q * stride + r])
            store_part(y + q * stride + whole, y_vec, n - whole)
    for r in range(rows):
        for q in range(nq):
            sums[q * stride + r] += reduce_add(acc[r][q])


cdef inline void symmetric_vectors(const int rows, Py_ssize_t nq, Py_ssize_t n, const real* a, Py_ssize_t a_row,
                                   const real* x, const real* own, real* y, Py_ssize_t stride,
                                   real* sums) noexcept nogil:
    if nq == 4:
        symmetric_tile(rows, 4, n, a, a_row, x, own, y, stride, sums)
    elif nq == 3:
        symmetric_tile(rows, 3, n, a, a_row, x, own, y, stride, sums)
    elif nq == 2:
        symmetric_tile(rows, 2, n, a, a_row, x, own, y, stride, sums)
    else:
        symmetric_tile(rows, 1, n, a, a_row, x, own, y, stride, sums)


cdef struct SymmetricJob:
    Job job
    const SymmetricProduct* product
    real* x                 # a copy, `stride` elements from row to row
    real* parts             # a stripe's sums: b such rows
    Py_ssize_t stride, stripes, rows


# Rows [i, i + rows) of A, columns [j, j + width) left of the diagonal, with all b vectors; y is a stripe's.
cdef void symmetric_rows(Py_ssize_t rows, const SymmetricJob* job, Py_ssize_t i, Py_ssize_t j, Py_ssize_t width,
                         real* y) noexcept nogil:
    cdef const SymmetricProduct* p = job.product
    cdef const real* a = <const real*>p.a + i * p.a_row + j
    cdef const real* x = job.x
    cdef Py_ssize_t stride = job.stride, nq, q
    while rows not in (1, 2, 4):
        symmetric_rows(1, job, i + rows - 1, j, width, y)
        rows -= 1
    for q from 0 <= q < p.b by SYM_VECTORS:
        nq = smaller(SYM_VECTORS, p.b - q)
        if rows == 4:
            symmetric_vectors(4, nq, width, a, p.a_row, x + j, x + i, y + j, stride, y + i)
        elif rows == 2:
            symmetric_vectors(2, nq, width, a, p.a_row, x + j, x + i, y + j, stride, y + i)
        else:
            symmetric_vectors(1, nq, width, a, p.a_row, x + j, x + i, y + j, stride, y + i)
        x += SYM_VECTORS * stride
        y += SYM_VECTORS * stride


# The triangle of these rows on the diagonal.
cdef void symmetric_corner(Py_ssize_t rows, const SymmetricJob* job, Py_ssize_t i, real* y) noexcept nogil:
    cdef const SymmetricProduct* p = job.product
    cdef const real* a = <const real*>p.a + i * p.a_row + i
    cdef const real* x = job.x + i
    cdef Py_ssize_t q, r, s
    cdef real value
    for r in range(rows):
        for s in range(r + 1):
            value = a[r * p.a_row + s]
            for q in range(p.b):
                y[q * job.stride + i + r] += value * x[q * job.stride + s]
                if s < r:
                    y[q * job.stride + i + s] += value * x[q * job.stride + r]


# Where stripe s begins: the area above it is s / stripes of the triangle.
cdef inline Py_ssize_t stripe_start(const SymmetricJob* job, Py_ssize_t s) noexcept nogil:
    if s >= job.stripes:
        return job.product.n
    return <Py_ssize_t>(job.product.n * square_root(<double>s / job.stripes)) // SYM_ALIGN * SYM_ALIGN


cdef void symmetric_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef SymmetricJob* job = <SymmetricJob*>arg
    cdef const SymmetricProduct* p = job.product
    cdef Py_ssize_t s = job.stripes - 1 - index, i, j, q        # the longest rows first
    cdef Py_ssize_t start = stripe_start(job, s), end = stripe_start(job, s + 1), columns = SYM_BYTES // sizeof(real)
    cdef real* y = job.parts + s * p.b * job.stride
    for q in range(p.b):
        memset(y + q * job.stride, 0, end * sizeof(real))
    for j from 0 <= j < end by columns:
        for i from start <= i < end by job.rows:
            if j < i:
                symmetric_rows(smaller(job.rows, end - i), job, i, j, smaller(columns, i - j), y)
    for i from start <= i < end by job.rows:
        symmetric_corner(smaller(job.rows, end - i), job, i, y)


cdef void symmetric_sum_task(void* arg, Py_ssize_t q, int slot) noexcept nogil:
    cdef SymmetricJob* job = <SymmetricJob*>arg
    cdef Py_ssize_t n = job.product.n, s, j
    cdef real* y = <real*>job.product.y + q * n
    cdef const real* part
    memset(y, 0, n * sizeof(real))
    for s in range(job.stripes):
        part = job.parts + (s * job.product.b + q) * job.stride
        for j in range(stripe_start(job, s + 1)):
            y[j] = y[j] + part[j]


cdef int symmetric_product(const SymmetricProduct* product, const Runtime* runtime) noexcept nogil:
    cdef SymmetricJob job
    cdef Py_ssize_t n = product.n, b = product.b, q
    cdef int status
    job.job.runtime = runtime
    job.job.error = KERNEL_OK
    job.product = product
    job.rows = smaller(SYM_ROWS, larger(1, MR // 2))
    job.stripes = larger(1, smaller(SYM_STRIPES, n // 64))
    job.stride = odd_line_stride(n)
    job.x = <real*>runtime.take((1 + job.stripes) * b * job.stride * sizeof(real))
    if job.x == NULL:
        return KERNEL_NO_MEMORY
    job.parts = job.x + b * job.stride
    for q in range(b):
        memcpy(job.x + q * job.stride, <const real*>product.x + q * n, n * sizeof(real))
    status = run_tasks(symmetric_task, &job, job.stripes, cost(1.0 * n * n * b, 0.5 * n * n, sizeof(real)))
    if status == KERNEL_OK:
        status = run_tasks(symmetric_sum_task, &job, b, cost(0, 1.0 * job.stripes * n * b, sizeof(real)))
    runtime.give(job.x)
    return status
