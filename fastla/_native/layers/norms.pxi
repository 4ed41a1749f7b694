# Norms of rows with weight and bias: a row is read, and what becomes of it written, once. Sums are in double, the
# variance is that about the mean, so neither a large mean nor a long row costs digits.

cdef extern from "moments.h":
    double row_sum(const real* x, Py_ssize_t n, const double factor, const double mean) noexcept nogil
    double row_squares(const real* x, Py_ssize_t n, const double factor, double mean) noexcept nogil

cdef inline double least_square() noexcept nogil:
    return 1e-60 if sizeof(real) == 4 else 1e-270


cdef inline double most_square() noexcept nogil:
    return 1e60 if sizeof(real) == 4 else 1e300


cdef struct RowNormJob:
    Job job
    const RowNorm* norm
    Py_ssize_t chunk            # rows in a task


# A row of numbers as adjacent reals: where it lies, or in the buffer.
cdef inline const real* row_of(const Rows* rows, Py_ssize_t i, real* buffer) noexcept nogil:
    cdef const char* source = rows.data + i * rows.row
    if adjacent(source, rows.column, rows.type):
        return <const real*>source
    read_row(<output*>buffer, source, rows.column, rows.d, rows.type)
    return buffer


# y = (x - high - low) * scale * weight + bias; the mean is high + low, so that x - high is exact beside a large one.
cdef inline void scale_row(const real* x, Py_ssize_t d, real high, real low, real scale, const real* weight,
                           const real* bias, real* y) noexcept nogil:
    cdef Py_ssize_t j = 0, part
    cdef vec weight_vec, bias_vec
    while j + LANES <= d:
        weight_vec = operand(weight, j, True, 0, 1)
        bias_vec = operand(bias, j, True, 0, -0.0)
        store(y + j, (load(x + j) - splat(high) - splat(low)) * splat(scale) * weight_vec + bias_vec)
        j += LANES
    if j < d:
        part = d - j
        weight_vec = operand(weight, j, False, part, 1)
        bias_vec = operand(bias, j, False, part, -0.0)
        store_part(y + j, (load_part(x + j, part) - splat(high) - splat(low)) * splat(scale) * weight_vec + bias_vec,
                   part)


# x + residual in the buffer, as it is written to `sum`.
cdef inline const real* add_residual(const RowNorm* n, Py_ssize_t i, const real* x, real* buffer,
                                     real* second) noexcept nogil:
    cdef Py_ssize_t d = n.x.d, j
    cdef const real* r = row_of(&n.residual, i, second)
    cdef char* to = <char*>n.sum.data + i * n.sum.row
    for j in range(d):
        buffer[j] = x[j] + r[j]
    write_row(to, n.sum.column, <const output*>buffer, d, n.sum.type)
    if n.sum.type != TYPE_REAL:         # the norm is that of the rounded sum
        read_row(<output*>buffer, to, n.sum.column, d, n.sum.type)
    return buffer


# A row's mean as the sum of two numbers: of doubles one alone would be off by its rounding, and equal ones not give 0.
cdef inline double row_mean(const real* x, Py_ssize_t d, const double factor, double* low) noexcept nogil:
    cdef double mean = row_sum(x, d, factor, 0) / d
    low[0] = row_sum(x, d, factor, mean) / d if sizeof(real) == 8 else 0
    return mean


# The mean square of a row less that mean.
cdef inline double mean_square(const real* x, Py_ssize_t d, const double factor, double mean,
                               double low) noexcept nogil:
    cdef double square = row_squares(x, d, factor, mean) / d - low * low
    return 0 if square < 0 else square


# The same of a row whose mean square is beyond what `real` can divide by without losing digits: in double, and doubles
# by way of a power of two. Rows with NaN or infinity come here too.
cdef void norm_row_apart(const RowNorm* n, const real* x, double mean, double divisor, real* y) noexcept nogil:
    cdef const real* weight = <const real*>n.weight
    cdef const real* bias = <const real*>n.bias
    cdef double factor = 1, low = 0, eps, scale
    cdef Py_ssize_t d = n.x.d, j
    if sizeof(real) == 8 and divisor < least_square():
        factor = 2.0 ** 600 if -1 < mean < 1 else 1         # equal numbers may be large
    elif sizeof(real) == 8 and not divisor <= most_square():
        factor = 2.0 ** -600
    # An eps that vanishes beside such numbers still keeps rows of one number from being 0 / 0.
    eps = n.eps * factor * factor
    if eps == 0 and n.eps > 0:
        eps = 1e-300
    if n.centered:
        mean = row_mean(x, d, factor, &low)
    scale = 1 / square_root(mean_square(x, d, factor, mean, low) + eps)
    for j in range(d):
        y[j] = <real>((x[j] * factor - mean - low) * scale * (1 if weight == NULL else weight[j]) +
                      (-0.0 if bias == NULL else bias[j]))


cdef void norm_row(const RowNorm* n, Py_ssize_t i, real* buffer, real* second) noexcept nogil:
    cdef Py_ssize_t d = n.x.d
    cdef const real* x = row_of(&n.x, i, buffer)
    cdef char* to = <char*>n.out.data + i * n.out.row
    cdef bint there = adjacent(to, n.out.column, n.out.type)
    cdef real* y = <real*>to if there else buffer
    cdef double mean = 0, low = 0, square
    cdef real high
    if n.residual.data != NULL:
        x = add_residual(n, i, x, buffer, second)
    if n.centered:
        mean = row_mean(x, d, 1, &low)
    square = mean_square(x, d, 1, mean, low)
    if square >= least_square() and square + n.eps <= most_square():
        high = <real>mean
        scale_row(x, d, high, <real>(mean - high + low), <real>(1 / square_root(square + n.eps)), <const real*>n.weight,
                  <const real*>n.bias, y)
    else:
        norm_row_apart(n, x, mean, square + n.eps, y)
    if not there:
        write_row(to, n.out.column, <const output*>buffer, d, n.out.type)


cdef void row_norm_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef RowNormJob* job = <RowNormJob*>arg
    cdef const RowNorm* n = job.norm
    cdef Py_ssize_t row = line_stride(n.x.d, sizeof(real)), i
    cdef real* buffer = <real*>job.job.runtime.take(2 * row * sizeof(real))
    if buffer == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    for i in range(index * job.chunk, smaller((index + 1) * job.chunk, n.x.n)):
        norm_row(n, i, buffer, buffer + row)
    job.job.runtime.give(buffer)


cdef int row_norm(const RowNorm* norm, const Runtime* runtime) noexcept nogil:
    cdef RowNormJob job
    cdef double ns = cost(0, 4.0 * norm.x.n * norm.x.d, sizeof(real))
    if norm.x.n == 0 or norm.x.d == 0:
        return KERNEL_OK
    job.job = start_job(runtime)
    job.norm = norm
    job.chunk = ceil_div(norm.x.n, smaller(norm.x.n, tasks_for(ns, runtime.threads)))
    return run_tasks(row_norm_task, &job, ceil_div(norm.x.n, job.chunk), ns)
