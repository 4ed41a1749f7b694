# Queries made ready: rows of any type and layout become what a route multiplies, and what its scores and thresholds
# take of them.

from libc.stdint cimport INT32_MAX, int16_t

cdef extern from *:
    """
    /* Queries with more have no products in euclidean searches: they are measured against every row. */
    #define HUGE_SQUARES (sizeof(output) == 8 ? 0x1p800 : 0x1p100)
    /* Numbers beyond these are scaled before they meet stored rows, to these. */
    #define LARGE_NUMBER 0x1p60
    #define LARGE_UNIT 0x1p24
    #define SMALL_NUMBER 0x1p-60
    #define ROUNDING 0x1.8p52       /* x + ROUNDING - ROUNDING is the whole number nearest to x */
    """
    const double HUGE_SQUARES, LARGE_NUMBER, LARGE_UNIT, SMALL_NUMBER, ROUNDING

cdef enum:
    QUERY_LEVELS = 32767        # of a query's numbers against int8 rows; fewer where 32 bits would not hold the sums


# The sum of the squares, in eight parts.
cdef double squares_of(Py_ssize_t n, const double* x) noexcept nogil:
    cdef double sums[8]
    cdef double sum = 0
    cdef Py_ssize_t i, whole = n - n % 8
    cdef int j
    for j in range(8):
        sums[j] = 0
    for i from 0 <= i < whole by 8:
        for j in range(8):
            sums[j] = sums[j] + x[i + j] * x[i + j]
    for i in range(whole, n):
        sum += x[i] * x[i]
    for j in range(8):
        sum += sums[j]
    return sum


# y = x / |x|: zeros of zeros, NaN of infinities beside zeros, NaN of NaN. x is lost.
cdef void unit_row(Py_ssize_t n, double* x, output* y) noexcept nogil:
    cdef double squares = squares_of(n, x), most = 0, inverse
    cdef Py_ssize_t i
    if not 1e-280 < squares < 1e280:
        for i in range(n):
            most = max(most, x[i] if x[i] > 0 else -x[i])
        for i in range(n if 0 < most <= DBL_MAX else 0):
            x[i] = x[i] / most
        squares = squares_of(n, x)
    inverse = 1 / root(squares) if squares != 0 else 0
    for i in range(n):
        y[i] = <output>(x[i] * inverse)


# The power of two by which the numbers of a query against stored rows are divided, since products know nothing of the
# rows' scales: so small ones that none of large rows overflows, and so large ones that none of denormal rows loses
# bits.
cdef output unit_of(double most) noexcept nogil:
    cdef double unit = 1
    if SMALL_NUMBER <= most <= LARGE_NUMBER or not 0 < most <= DBL_MAX:
        return 1
    while unit > most:
        unit /= 2
    while 2 * unit <= most:
        unit *= 2
    return <output>(unit / (LARGE_UNIT if most > 1 else SMALL_NUMBER))


# Numbers rounded to levels of 16 bits, two of them in an element; returns the scale, and leaves in x what the levels
# stand for. Beside an infinity finite numbers are nothing.
cdef output quantize_query(Py_ssize_t d, output* x, double most, int16_t* levels) noexcept nogil:
    cdef double exact = most / smaller(QUERY_LEVELS, INT32_MAX // (127 * larger(1, d))), level
    cdef output scale = <output>exact
    cdef Py_ssize_t i
    if scale < exact:
        scale = next_above(scale)       # never more levels than that, be they denormal
    for i in range(d):
        level = 0
        if 0 < scale <= DBL_MAX:
            level = (x[i] / scale + ROUNDING) - ROUNDING
        elif x[i] - x[i] != 0 and x[i] == x[i]:
            level = 1 if x[i] > 0 else -1
        levels[i] = <int16_t>level
        x[i] = <output>level * scale
    if d % 2:
        levels[d] = 0
    return scale


# The sum of the squares of numbers; row: room for them.
cdef double squares_of_numbers(Py_ssize_t d, const output* numbers, double* row) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(d):
        row[i] = numbers[i]
    return squares_of(d, row)


# rows: the queries from this one on. row and numbers have room for d.
cdef void prepare_query(const Plan* plan, Py_ssize_t query, const Rows* rows, double* row,
                        output* numbers) noexcept nogil:
    cdef const Queries* queries = &plan.work.queries
    cdef const char* source = rows.data
    cdef real* elements = queries.elements + query * plan.depth
    cdef Py_ssize_t d = plan.d, i
    cdef int metric = plan.search.metric
    cdef bint unbounded = metric == METRIC_DOT and not is_raw(plan.search)
    cdef output most = 0, unit = 1
    if metric == METRIC_COSINE:
        read_doubles(row, source, rows.column, d, rows.type)
        unit_row(d, row, numbers)
    else:
        if metric == METRIC_EUCLIDEAN:
            numbers = queries.plain + query * d
        read_row(numbers, source, rows.column, d, rows.type)
    if ELEMENT_WIDTH == 2 or unbounded:
        most = largest(d, numbers)
    if unbounded:
        unit = unit_of(most)
        for i in range(d if unit != 1 else 0):
            numbers[i] = numbers[i] / unit
    queries.unit[query] = unit
    queries.scale[query] = 1
    if metric == METRIC_EUCLIDEAN:
        queries.squares[query] = squares_of_numbers(d, numbers, row)
        if queries.squares[query] > HUGE_SQUARES:
            memset(elements, 0, plan.depth * sizeof(real))
            return
    if ELEMENT_WIDTH == 2:
        queries.scale[query] = quantize_query(d, numbers, most / unit, <int16_t*>elements)
        if metric == METRIC_EUCLIDEAN:
            queries.squares[query] = squares_of_numbers(d, numbers, row)
    else:
        memcpy(elements, numbers, d * sizeof(real))


cdef void prepare_queries_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Plan* plan = <Plan*>arg
    cdef const Queries* queries = &plan.work.queries
    cdef Py_ssize_t first = index * QUERIES_TOGETHER, end = smaller(first + QUERIES_TOGETHER, plan.m)
    cdef Py_ssize_t depth = plan.depth, i, rows
    cdef Rows source = plan.search.queries
    cdef bint across = lie_across(&source)
    cdef Py_ssize_t space = depth * BLOCK_ROWS * sizeof(real) if prefilters(plan) else 0
    cdef Py_ssize_t transposed = (end - first) * plan.d if across else 0
    cdef double* rows_across = <double*>plan.job.runtime.take(
        (transposed + larger(1, plan.d)) * sizeof(double) + plan.d * sizeof(output) + space)
    cdef double* row = rows_across + transposed
    cdef output* numbers = <output*>(row + plan.d)
    cdef real* block = <real*>(numbers + plan.d)
    if rows_across == NULL:
        fail(plan, KERNEL_NO_MEMORY)
        return
    source.data += first * source.row
    if across:
        read_doubles_across(rows_across, &source, 0, end - first)
        source.data = <const char*>rows_across
        source.type = TYPE_float64
        source.row = plan.d * sizeof(double)
        source.column = sizeof(double)
    for i in range(first, end):
        prepare_query(plan, i, &source, row, numbers)
        source.data += source.row
    for i from first <= i < (end if queries.transposed != NULL else 0) by NR:
        rows = smaller(NR, end - i)
        pack_panel(queries.transposed + i * depth, ceil_div(rows, LANES) * LANES, rows, depth,
                   queries.elements + i * depth, depth, 1)
    for i from first <= i < (end if prefilters(plan) else 0) by BLOCK_ROWS:
        pack_panel(block, BLOCK_ROWS, smaller(BLOCK_ROWS, end - i), depth, queries.elements + i * depth, depth, 1)
        quantize_queries(plan, i, smaller(BLOCK_ROWS, end - i), block)
    plan.job.runtime.give(rows_across)


cdef int prepare_queries(Plan* plan) noexcept nogil:
    cdef double ns = plan.m * cost(0, 8.0 * plan.d, sizeof(real))
    if plan.whole:
        return KERNEL_OK
    return run_tasks(prepare_queries_task, plan, ceil_div(plan.m, QUERIES_TOGETHER), ns)
