# Softmax, its logarithm, and the logarithm of a sum of exponentials, along any axis.
#
# A line is read in pieces that stay in L2: the largest number of a piece, then the sum of exp(x - largest so far),
# rescaled where a piece raises the largest. Where one piece holds the whole line the exponentials are kept and
# divided by their sum; else the line is read once more. Lines that lie across memory's rows are done side by side, a
# panel of columns at a time.

cdef extern from "write.h":
    void write_row(char* to, Py_ssize_t step, const output* source, Py_ssize_t n, int type) noexcept nogil

cdef enum:
    LINE_PIECE = 262144                # of L2
    SUM_CHUNK = 2048                    # numbers whose exponentials are summed in float32
    SIDE = 4                            # vectors of columns side by side
    SIDE_ROWS = 64                      # rows of them in L1


cdef struct SoftmaxJob:
    Job job
    const Softmax* softmax
    Batch batch                         # operands x and out: of lines, or of all panels of columns at one place
    Py_ssize_t chunk, lines             # lines (or panels of columns) of a task, and of all
    bint across


# The largest of n adjacent numbers; a NaN may be passed over, for it shows in the sum.
cdef real largest_of(Py_ssize_t n, const real* x) noexcept nogil:
    cdef vec top[4]
    cdef Py_ssize_t i = 0
    cdef int u
    for u in range(4):
        top[u] = splat(-REAL_INFINITY)
    while i + 4 * LANES <= n:
        for u in range(4):
            top[u] = larger_of(top[u], load(x + i + u * LANES))
        i += 4 * LANES
    while i < n:
        top[0] = larger_of(top[0], load_part(x + i, smaller(LANES, n - i)))
        i += LANES
    return reduce_larger(larger_of(larger_of(top[0], top[1]), larger_of(top[2], top[3])))


# The sum of exp(x - base) of at most SUM_CHUNK numbers; they are kept in y, which may be x.
cdef inline real sum_exp_chunk(const bint keep, Py_ssize_t n, const real* x, real base, real* y) noexcept nogil:
    cdef vec sum[4]
    cdef vec e, least = splat(base)
    cdef Py_ssize_t i = 0
    cdef int u
    for u in range(4):
        sum[u] = zero()
    while i + 4 * LANES <= n:
        for u in range(4):
            e = vec_exp_weight(load(x + i + u * LANES) - least)
            sum[u] = sum[u] + e
            if keep:
                store(y + i + u * LANES, e)
        i += 4 * LANES
    while i < n:
        e = vec_exp_weight(load_part(x + i, smaller(LANES, n - i)) - least)
        sum[0] = sum[0] + (e if i + LANES <= n else first_lanes_of(e, n - i))
        if keep:
            store_part(y + i, e, smaller(LANES, n - i))
        i += LANES
    return reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]))


# The same of any n: few numbers meet before their sum is kept in double, so that small ones are not lost beside a
# large sum.
cdef inline double sum_exp(const bint keep, Py_ssize_t n, const real* x, real base, real* y) noexcept nogil:
    cdef double sum = 0
    cdef Py_ssize_t i
    for i from 0 <= i < n by SUM_CHUNK:
        sum += sum_exp_chunk(keep, smaller(SUM_CHUNK, n - i), x + i, base, y + i if keep else NULL)
    return sum


# y = the results of x: kept exponentials times `factor`; or exp(x - base) * factor; or (x - base) - shift.
cdef inline void results(const int kind, const bint kept, Py_ssize_t n, const real* x, real base, real factor,
                         real* y) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef vec v
    while i < n:
        v = load(x + i) if i + LANES <= n else load_part(x + i, n - i)
        if kept:
            v = v * splat(factor)
        elif kind == SOFTMAX:
            v = vec_exp_weight(v - splat(base)) * splat(factor)
        else:
            v = (v - splat(base)) - splat(factor)
        if i + LANES <= n:
            store(y + i, v)
        else:
            store_part(y + i, v, n - i)
        i += LANES


# log(sum of exp(x)) where the largest number is infinite: so is the sum, unless there is a NaN.
cdef real infinite_sum(const Softmax* s, const char* x) noexcept nogil:
    cdef output number
    cdef Py_ssize_t i
    for i in range(s.n):
        read_row(&number, x + i * s.x_step, 0, 1, s.type)
        if number != number:
            return <real>number
    return REAL_INFINITY


# Numbers [first, first + count) of a line as adjacent reals: where they lie, or in the buffer.
cdef inline const real* piece_of(const Softmax* s, const char* x, Py_ssize_t first, Py_ssize_t count, bint there,
                                 real* buffer) noexcept nogil:
    if there:
        return <const real*>x + first
    read_row(<output*>buffer, x + first * s.x_step, s.x_step, count, s.type)
    return buffer


# Whether numbers lie as adjacent reals.
cdef inline bint adjacent(const void* data, Py_ssize_t step, int type) noexcept nogil:
    return type == TYPE_REAL and step == sizeof(real) and <size_t>data % sizeof(real) == 0


# A line of at most SIDE vectors, in registers; its results, or the one number of LOGSUMEXP. nv is a literal; `rest`
# numbers of the last vector exist. False: its largest is infinite, and only softmax_line knows the answer.
cdef inline bint short_line(const int kind, const int nv, Py_ssize_t rest, const real* x, real* y) noexcept nogil:
    cdef vec v[SIDE]
    cdef vec e[SIDE]
    cdef vec top, sum
    cdef real high
    cdef int j
    for j in range(nv):
        v[j] = load(x + j * LANES) if j < nv - 1 or rest == LANES else load_part(x + j * LANES, rest)
    top = v[0]
    for j in range(1, nv):
        top = larger_of(top, v[j])
    high = reduce_larger(top)
    if kind == LOGSUMEXP and high == REAL_INFINITY:
        return False
    top = finite_base(splat(high))
    for j in range(nv):
        e[j] = vec_exp_weight(v[j] - top)
    sum = e[nv - 1] if rest == LANES else first_lanes_of(e[nv - 1], rest)
    for j in range(nv - 1):
        sum = sum + e[j]
    if kind == LOGSUMEXP:
        y[0] = high + log_of(reduce_add(sum))
        return True
    sum = splat(1 / reduce_add(sum) if kind == SOFTMAX else log_of(reduce_add(sum)))
    for j in range(nv):
        v[j] = e[j] * sum if kind == SOFTMAX else v[j] - top - sum
        if j < nv - 1 or rest == LANES:
            store(y + j * LANES, v[j])
        else:
            store_part(y + j * LANES, v[j], rest)
    return True


cdef inline bint short_line_of(const int kind, Py_ssize_t n, const real* x, real* y) noexcept nogil:
    if n <= LANES:
        return short_line(kind, 1, n, x, y)
    if n <= 2 * LANES:
        return short_line(kind, 2, n - LANES, x, y)
    if n <= 3 * LANES:
        return short_line(kind, 3, n - 2 * LANES, x, y)
    return short_line(kind, 4, n - 3 * LANES, x, y)


# Whether it was one, and is done.
cdef bint done_as_short_line(const Softmax* s, const char* x, char* out) noexcept nogil:
    if not (0 < s.n <= SIDE * LANES and adjacent(x, s.x_step, s.type)):
        return False
    if not adjacent(out, sizeof(real) if s.kind == LOGSUMEXP else s.out_step, s.type):
        return False
    if s.kind == SOFTMAX:
        return short_line_of(SOFTMAX, s.n, <const real*>x, <real*>out)
    if s.kind == LOG_SOFTMAX:
        return short_line_of(LOG_SOFTMAX, s.n, <const real*>x, <real*>out)
    return short_line_of(LOGSUMEXP, s.n, <const real*>x, <real*>out)


cdef void softmax_line(const Softmax* s, const char* x, char* out, real* buffer) noexcept nogil:
    cdef Py_ssize_t most = LINE_PIECE // <Py_ssize_t>sizeof(real), first, count
    cdef bint there = adjacent(x, s.x_step, s.type), to_there = adjacent(out, s.out_step, s.type)
    cdef bint keep = s.kind == SOFTMAX and s.n <= most
    cdef real* y = <real*>out if to_there else buffer
    cdef real top = -REAL_INFINITY, high, base, factor
    cdef double total = 0
    cdef const real* v
    for first from 0 <= first < s.n by most:
        count = smaller(most, s.n - first)
        v = piece_of(s, x, first, count, there, buffer)
        high = largest_of(count, v)
        if high > top:
            total = total * exp_weight_of(top - high) if first else 0
            top = high
        base = 0 if top == -REAL_INFINITY else top
        total = total + (sum_exp(True, count, v, base, y) if keep else sum_exp(False, count, v, base, NULL))
    if s.kind == LOGSUMEXP:
        high = infinite_sum(s, x) if top == REAL_INFINITY else top + log_of(<real>total)
        write_row(out, 0, <output*>&high, 1, s.type)
        return
    factor = <real>(1 / total) if s.kind == SOFTMAX else log_of(<real>total)
    for first from 0 <= first < s.n by most:
        count = smaller(most, s.n - first)
        if keep:
            results(SOFTMAX, True, count, y, 0, factor, y)
        else:
            v = piece_of(s, x, first, count, there, buffer)
            y = <real*>out + first if to_there else buffer
            if s.kind == SOFTMAX:
                results(SOFTMAX, False, count, v, top, factor, y)
            else:
                results(LOG_SOFTMAX, False, count, v, top, factor, y)
        if not to_there:
            write_row(out + first * s.out_step, s.out_step, <output*>y, count, s.type)


# Rows [first, first + rows) of a panel of `width` columns, as reals: where they lie, or in the buffer, `row` apart.
cdef inline const real* rows_of(const Softmax* s, const char* x, Py_ssize_t first, Py_ssize_t rows, Py_ssize_t width,
                                bint there, real* buffer,
                                Py_ssize_t* row) noexcept nogil:
    cdef Py_ssize_t i
    if there:
        row[0] = s.x_step // <Py_ssize_t>sizeof(real)
        return <const real*>(x + first * s.x_step)
    row[0] = SIDE * LANES
    for i in range(rows):
        read_row(<output*>(buffer + i * SIDE * LANES), x + (first + i) * s.x_step, s.x_column, width, s.type)
    return buffer


# One vector of columns (`part` of its lanes exist, or all) of so many rows: the running largest and sum.
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


cdef inline void finish_columns(const int kind, const bint whole, Py_ssize_t rows, const real* x, Py_ssize_t row,
                                Py_ssize_t part, const real* top,
                                const real* factor, real* y, Py_ssize_t y_row) noexcept nogil:
    cdef Py_ssize_t i
    cdef vec v, base = load(top), times = load(factor)
    for i in range(rows):
        v = (load(x + i * row) if whole else load_part(x + i * row, part)) - base
        v = vec_exp_weight(v) * times if kind == SOFTMAX else v - times
        if whole:
            store(y + i * y_row, v)
        else:
            store_part(y + i * y_row, v, part)


# One vector of columns of a few rows: the exponentials wait in y for their sum; those of a cut vector in `kept`, since
# what a mask has stored is late to be loaded.
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


# SIDE vectors of columns, or fewer, whose lines lie across memory's rows.
cdef void softmax_columns(const Softmax* s, const char* x, char* out, Py_ssize_t width, real* buffer) noexcept nogil:
    cdef real top[SIDE * LANES]
    cdef real total[SIDE * LANES]
    cdef bint there = adjacent(x, s.x_column, s.type) and s.x_step % <Py_ssize_t>sizeof(real) == 0
    cdef bint to_there = adjacent(out, s.out_column, s.type) and s.out_step % <Py_ssize_t>sizeof(real) == 0
    cdef Py_ssize_t first, rows, row = 0, y_row, column, i
    cdef const real* v
    cdef real* y
    cdef vec sum
    if s.kind == SOFTMAX and s.n <= SIDE_ROWS:
        v = rows_of(s, x, 0, s.n, width, there, buffer, &row)
        y = <real*>out if to_there else buffer
        y_row = s.out_step // <Py_ssize_t>sizeof(real) if to_there else SIDE * LANES
        for column from 0 <= column < width by LANES:
            if column + LANES <= width:
                short_columns(True, s.n, v + column, row, LANES, y + column, y_row, NULL)
            else:
                short_columns(False, s.n, v + column, row, width - column, y + column, y_row,
                              buffer + SIDE_ROWS * SIDE * LANES)
        for i in range(0 if to_there else s.n):
            write_row(out + i * s.out_step, s.out_column, <output*>(y + i * y_row), width, s.type)
        return
    for i in range(SIDE * LANES):
        top[i] = -REAL_INFINITY
        total[i] = 0
    for first from 0 <= first < s.n by SIDE_ROWS:
        rows = smaller(SIDE_ROWS, s.n - first)
        v = rows_of(s, x, first, rows, width, there, buffer, &row)
        for column from 0 <= column < width by LANES:
            if column + LANES <= width:
                add_columns(True, rows, v + column, row, LANES, top + column, total + column)
            else:
                add_columns(False, rows, v + column, row, width - column, top + column, total + column)
    for column from 0 <= column < width by LANES:
        sum = load(total + column)
        store(total + column, splat(1) / sum if s.kind == SOFTMAX else vec_log(sum))
    if s.kind == LOGSUMEXP:
        for i in range(width):
            total[i] = infinite_sum(s, x + i * s.x_column) if top[i] == REAL_INFINITY else top[i] + total[i]
        write_row(out, s.out_column, <output*>total, width, s.type)
        return
    for first from 0 <= first < s.n by SIDE_ROWS:
        rows = smaller(SIDE_ROWS, s.n - first)
        v = rows_of(s, x, first, rows, width, there, buffer, &row)
        y = <real*>(out + first * s.out_step) if to_there else buffer
        y_row = s.out_step // <Py_ssize_t>sizeof(real) if to_there else SIDE * LANES
        for column from 0 <= column < width by LANES:
            if s.kind == SOFTMAX and column + LANES <= width:
                finish_columns(SOFTMAX, True, rows, v + column, row, LANES, top + column, total + column, y + column,
                               y_row)
            elif s.kind == SOFTMAX:
                finish_columns(SOFTMAX, False, rows, v + column, row, width - column, top + column, total + column,
                               y + column, y_row)
            elif column + LANES <= width:
                finish_columns(LOG_SOFTMAX, True, rows, v + column, row, LANES, top + column, total + column,
                               y + column, y_row)
            else:
                finish_columns(LOG_SOFTMAX, False, rows, v + column, row, width - column, top + column,
                               total + column, y + column, y_row)
        if not to_there:
            for i in range(rows):
                write_row(out + (first + i) * s.out_step, s.out_column, <output*>(y + i * y_row), width, s.type)


cdef void softmax_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef SoftmaxJob* job = <SoftmaxJob*>arg
    cdef const Softmax* s = job.softmax
    cdef Py_ssize_t side = SIDE * LANES if job.across else 1, each = ceil_div(s.columns, side), line
    cdef Py_ssize_t panel = index * job.chunk % each
    cdef real* buffer = <real*>job.job.runtime.take(LINE_PIECE)
    cdef const char* x
    cdef char* out
    cdef Cursor cursor
    if buffer == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    start_cursor(&cursor, &job.batch, index * job.chunk // each)
    for line in range(index * job.chunk, smaller((index + 1) * job.chunk, job.lines)):
        x = s.x + cursor.at[0] + panel * side * s.x_column
        out = s.out + cursor.at[1] + panel * side * s.out_column
        if job.across:
            softmax_columns(s, x, out, smaller(side, s.columns - panel * side), buffer)
        elif not done_as_short_line(s, x, out):
            softmax_line(s, x, out, buffer)
        panel += 1
        if panel == each:
            panel = 0
            advance(&cursor, 1)
    job.job.runtime.give(buffer)


cdef int softmax(const Softmax* s, const Runtime* runtime) noexcept nogil:
    cdef SoftmaxJob job
    cdef Py_ssize_t tasks, one = 1, none = 0
    cdef double ns = cost(10.0 * s.count * s.columns * s.n, 3.0 * s.count * s.columns * s.n, sizeof(real))
    if s.count == 0 or s.columns == 0:
        return KERNEL_OK
    job.job.runtime = runtime
    job.job.error = KERNEL_OK
    job.softmax = s
    job.batch.dims = larger(s.dims, 1)
    job.batch.count = s.count
    job.batch.shape = s.shape if s.dims else &one
    job.batch.strides[0] = s.x_stride if s.dims else &none
    job.batch.strides[1] = job.batch.strides[2] = s.out_stride if s.dims else &none
    job.across = s.columns > 1
    job.lines = s.count * ceil_div(s.columns, SIDE * LANES if job.across else 1)
    tasks = smaller(job.lines, tasks_for(ns, runtime.threads))
    job.chunk = ceil_div(job.lines, tasks)
    return run_tasks(softmax_task, &job, ceil_div(job.lines, job.chunk), ns)


table.softmax = softmax
