# Lines that lie across memory's rows, side by side: a block of columns at a time. A few rows of it are read twice, with
# the exponentials kept in between; of more rows, SIDE_ROWS at a time, the largest and the sum of every column are found
# first, and then they are read once more.

# SIDE vectors of columns, or fewer, and where their results go.
cdef struct Columns:
    const Softmax* softmax
    const char* x
    char* out
    Py_ssize_t width
    bint there, to_there        # whether the rows of x, and of out, are adjacent reals
    real* buffer                # SIDE_ROWS rows of SIDE vectors, and as many of one


# Rows [first, first + rows) as reals: where they lie, or in the buffer, `row` apart.
cdef inline const real* rows_of(const Columns* c, Py_ssize_t first, Py_ssize_t rows, Py_ssize_t* row) noexcept nogil:
    cdef const Softmax* s = c.softmax
    cdef Py_ssize_t i
    if c.there:
        row[0] = s.x_step // <Py_ssize_t>sizeof(real)
        return <const real*>(c.x + first * s.x_step)
    row[0] = SIDE * LANES
    for i in range(rows):
        read_row(<output*>(c.buffer + i * SIDE * LANES), c.x + (first + i) * s.x_step, s.x_column, c.width, s.type)
    return c.buffer


# Where the results of rows from `first` on are made, `row` apart: in their place, or in the buffer.
cdef inline real* results_of(const Columns* c, Py_ssize_t first, Py_ssize_t* row) noexcept nogil:
    row[0] = c.softmax.out_step // <Py_ssize_t>sizeof(real) if c.to_there else SIDE * LANES
    return <real*>(c.out + first * c.softmax.out_step) if c.to_there else c.buffer


cdef inline void store_results(const Columns* c, Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    cdef const Softmax* s = c.softmax
    cdef Py_ssize_t i
    for i in range(0 if c.to_there else rows):
        write_row(c.out + (first + i) * s.out_step, s.out_column, <output*>(c.buffer + i * SIDE * LANES), c.width,
                  s.type)


# One vector of columns (`part` of its lanes exist, or all) of a few rows: the exponentials wait in y for their sum;
# those of a cut vector in `kept`, since what a mask has stored is late to be loaded.
cdef inline void short_columns(const bint whole, Py_ssize_t rows, const real* x, Py_ssize_t row, Py_ssize_t part,
                               real* y, Py_ssize_t y_row, real* kept) noexcept nogil:
    cdef vec high = splat(-REAL_INFINITY), sum = zero(), base, e
    cdef Py_ssize_t i
    for i in range(rows):
        high = larger_of(high, load(x + i * row) if whole else load_part(x + i * row, part))
    base = finite_base(high)
    for i in range(rows):
        e = vec_exp_weight((load(x + i * row) if whole else load_part(x + i * row, part)) - base)
        sum = sum + e
        store(y + i * y_row if whole else kept + i * LANES, e)
    sum = splat(1) / sum
    for i in range(rows):
        if whole:
            store(y + i * y_row, load(y + i * y_row) * sum)
        else:
            store_part(y + i * y_row, load(kept + i * LANES) * sum, part)


cdef void softmax_of_few_rows(const Columns* c, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t row = 0, y_row = 0, column
    cdef const real* x = rows_of(c, 0, n, &row)
    cdef real* y = results_of(c, 0, &y_row)
    for column from 0 <= column < c.width by LANES:
        if column + LANES <= c.width:
            short_columns(True, n, x + column, row, LANES, y + column, y_row, NULL)
        else:
            short_columns(False, n, x + column, row, c.width - column, y + column, y_row,
                          c.buffer + SIDE_ROWS * SIDE * LANES)
    store_results(c, 0, n)


# One vector of columns of so many rows: the running largest and sum.
cdef inline void add_columns(const bint whole, Py_ssize_t rows, const real* x, Py_ssize_t row, Py_ssize_t part,
                             real* top, real* total) noexcept nogil:
    cdef vec old = load(top), high = old, sum = zero(), base
    cdef Py_ssize_t i
    for i in range(rows):
        high = larger_of(high, load(x + i * row) if whole else load_part(x + i * row, part))
    base = finite_base(high)
    for i in range(rows):
        sum = sum + vec_exp_weight((load(x + i * row) if whole else load_part(x + i * row, part)) - base)
    store(total, load(total) * vec_exp_weight(old - base) + sum)
    store(top, high)


# The largest number of every column, and the sum of its exponentials less that.
cdef void sum_exponentials(const Columns* c, Py_ssize_t n, real* top, real* total) noexcept nogil:
    cdef Py_ssize_t first, rows, row = 0, column, i
    cdef const real* x
    for i in range(SIDE * LANES):
        top[i] = -REAL_INFINITY
        total[i] = 0
    for first from 0 <= first < n by SIDE_ROWS:
        rows = smaller(SIDE_ROWS, n - first)
        x = rows_of(c, first, rows, &row)
        for column from 0 <= column < c.width by LANES:
            if column + LANES <= c.width:
                add_columns(True, rows, x + column, row, LANES, top + column, total + column)
            else:
                add_columns(False, rows, x + column, row, c.width - column, top + column, total + column)


# The results of one vector of columns: exp(x - top) * factor, or (x - top) - factor.
cdef inline void finish_columns(const int kind, const bint whole, Py_ssize_t rows, const real* x, Py_ssize_t row,
                                Py_ssize_t part, const real* top, const real* factor, real* y,
                                Py_ssize_t y_row) noexcept nogil:
    cdef Py_ssize_t i
    cdef vec v, base = load(top), times = load(factor)
    for i in range(rows):
        v = (load(x + i * row) if whole else load_part(x + i * row, part)) - base
        v = vec_exp_weight(v) * times if kind == SOFTMAX else v - times
        if whole:
            store(y + i * y_row, v)
        else:
            store_part(y + i * y_row, v, part)


cdef inline void write_columns(const int kind, const Columns* c, Py_ssize_t n, const real* top,
                               const real* factor) noexcept nogil:
    cdef Py_ssize_t first, rows, row = 0, y_row = 0, j
    cdef const real* x
    cdef real* y
    for first from 0 <= first < n by SIDE_ROWS:
        rows = smaller(SIDE_ROWS, n - first)
        x = rows_of(c, first, rows, &row)
        y = results_of(c, first, &y_row)
        for j from 0 <= j < c.width by LANES:
            if j + LANES <= c.width:
                finish_columns(kind, True, rows, x + j, row, LANES, top + j, factor + j, y + j, y_row)
            else:
                finish_columns(kind, False, rows, x + j, row, c.width - j, top + j, factor + j, y + j, y_row)
        store_results(c, first, rows)


cdef void softmax_columns(const Softmax* s, const char* x, char* out, Py_ssize_t width, real* buffer) noexcept nogil:
    cdef real top[SIDE * LANES]
    cdef real total[SIDE * LANES]
    cdef Py_ssize_t j
    cdef Columns c
    cdef vec sum
    c.softmax = s
    c.x = x
    c.out = out
    c.width = width
    c.buffer = buffer
    c.there = adjacent(x, s.x_column, s.type) and s.x_step % <Py_ssize_t>sizeof(real) == 0
    c.to_there = adjacent(out, s.out_column, s.type) and s.out_step % <Py_ssize_t>sizeof(real) == 0
    if s.kind == SOFTMAX and s.n <= SIDE_ROWS:
        softmax_of_few_rows(&c, s.n)
        return
    sum_exponentials(&c, s.n, top, total)
    for j from 0 <= j < width by LANES:
        sum = load(total + j)
        store(total + j, splat(1) / sum if s.kind == SOFTMAX else vec_log(sum))
    if s.kind == SOFTMAX:
        write_columns(SOFTMAX, &c, s.n, top, total)
    elif s.kind == LOG_SOFTMAX:
        write_columns(LOG_SOFTMAX, &c, s.n, top, total)
    else:
        for j in range(width):
            total[j] = infinite_sum(s, x + j * s.x_column) if top[j] == REAL_INFINITY else top[j] + total[j]
        write_row(out, s.out_column, <output*>total, width, s.type)
