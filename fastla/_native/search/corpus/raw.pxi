# Raw rows made ready: their squares and so their weights; rescaled where squares are not safe; and, for a few queries,
# their dot products, while the rows are in L1.

# A raw row of which no score can be computed as it is, its squares being too large or small. cosine: y is the row
# normalized, its weight 1. euclidean: y is zeros, and a row that is not reaches every threshold and is measured
# exactly.
cdef void rescale_row(int metric, Py_ssize_t d, output squares, const output* x, output* y, output* weight,
                      output* bias) noexcept nogil:
    cdef double norm
    if metric == METRIC_EUCLIDEAN:
        if squares != 0 or largest(d, x) != 0:
            bias[0] = <output>infinity()
        memset(y, 0, d * sizeof(output))
        return
    norm = careful_norm(d, x, y)
    weight[0] = 1 if 0 < norm < infinity() else <output>(norm - norm)       # 0; NaN where there are infinities or NaNs


# One pass over a row for its first queries and itself: c[j] (+)= x . y[j] and squares (+)= x . x. cols is a literal at
# every call. One row after the other: docs/measurements.md, "Reading raw rows".
cdef inline void dot_and_square(const int cols, Py_ssize_t n, const real* x, const real* y, Py_ssize_t y_row,
                                real* c, Py_ssize_t c_col, real* squares, bint add) noexcept nogil:
    cdef vec acc[3]
    cdef vec v
    cdef Py_ssize_t p = 0
    cdef int j
    for j in range(cols + 1):
        acc[j] = zero()
    while p + LANES <= n:
        v = load(x + p)
        for j in range(cols):
            acc[j] = acc[j] + v * load(y + j * y_row + p)
        acc[cols] = acc[cols] + v * v
        p += LANES
    if p < n:
        v = load_zero(x + p, n - p)
        for j in range(cols):
            acc[j] = acc[j] + v * load_zero(y + j * y_row + p, n - p)
        acc[cols] = acc[cols] + v * v
    for j in range(cols):
        c[j * c_col] = reduce_add(acc[j]) + (c[j * c_col] if add else 0)
    squares[0] = reduce_add(acc[cols]) + (squares[0] if add else 0)


# A few queries (m, d), adjacent, against four rows or one: c[row + query * BLOCK_ROWS]. All but the first two find the
# rows in L1.
cdef inline void few_dots(const int rows, Py_ssize_t m, Py_ssize_t d, const real* x, Py_ssize_t x_row,
                          const real* queries,
                          real* c, real* squares) noexcept nogil:
    cdef Py_ssize_t p, k
    cdef int i
    for p from 0 <= p < d by DOT_CHUNK:
        k = smaller(DOT_CHUNK, d - p)
        for i in range(rows):
            if m == 1:
                dot_and_square(1, k, x + i * x_row + p, queries + p, d, c + i, BLOCK_ROWS, squares + i, p > 0)
            else:
                dot_and_square(2, k, x + i * x_row + p, queries + p, d, c + i, BLOCK_ROWS, squares + i, p > 0)
        if m > 2:
            dot_rows(rows, m - 2, k, x + p, x_row, queries + 2 * d + p, d, c + 2 * BLOCK_ROWS, 1, BLOCK_ROWS, p > 0)


# The squares of a block's rows and, where block.dots is set, their dot products with the m queries.
cdef void square_block(Block* block, Py_ssize_t d, real* squares, const real* queries, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t lane = 0
    cdef const real* x
    if block.dots != NULL and d == 0:
        memset(block.dots, 0, m * BLOCK_ROWS * sizeof(real))
    memset(squares, 0, BLOCK_ROWS * sizeof(real))
    while lane < block.count:
        x = block.x + lane * block.x_row
        if block.dots == NULL:
            squares[lane] = square(d, x)
            lane += 1
        elif lane + 4 <= block.count:
            few_dots(4, m, d, x, block.x_row, queries, block.dots + lane, squares + lane)
            lane += 4
        else:
            few_dots(1, m, d, x, 0, queries, block.dots + lane, squares + lane)
            lane += 1


# The raw rows that block.rows points to. Where one must be rescaled all are copied: `space` has room for BLOCK_ROWS
# rows.
cdef void weigh_rows(Block* block, int metric, Py_ssize_t d, real* space, const real* queries,
                     Py_ssize_t m) noexcept nogil:
    cdef output squares[BLOCK_ROWS]
    cdef real unused[BLOCK_ROWS]
    cdef Py_ssize_t lane
    block.data = NULL
    block.always = 0
    block.x = block.rows
    block.x_row = block.rows_row
    block.weight = block.own_weight
    block.bias = block.own_bias
    # Even where no metric asks for squares: a first pass that does little reads memory at its speed.
    square_block(block, d, <real*>squares, queries, m)
    for lane in range(0 if metric == METRIC_DOT else block.count, BLOCK_ROWS):
        squares[lane] = 1
    if weigh_block(metric, d, squares, block.own_weight, block.own_bias):
        return
    for lane in range(block.count):
        memcpy(space + lane * d, block.rows + lane * block.rows_row, d * sizeof(real))
    block.x = space
    block.x_row = d
    for lane in range(block.count):
        if not safe_squares(squares[lane]):
            rescale_row(metric, d, squares[lane], <const output*>block.rows + lane * block.rows_row,
                        <output*>space + lane * d, &block.own_weight[lane], &block.own_bias[lane])
    if block.dots != NULL:
        square_block(block, d, unused, queries, m)
