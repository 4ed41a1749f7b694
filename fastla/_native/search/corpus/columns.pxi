# A few queries against raw rows that lie across: ROUTE_COLUMNS sums their products column by column, as memory lies,
# and copies nothing. A row's are summed in one lane, number by number, PART of them at a time.

cdef enum:
    TOGETHER = 8        # columns that are added to a sum at a time: docs/measurements.md, "Corpora that lie across"


# Columns that can be read where they lie.
cdef inline bint in_columns(const Rows* rows) noexcept nogil:
    return rows.type == TYPE_REAL and rows.row == sizeof(real) and lie_across(rows) and \
        (<size_t>rows.data | <size_t>rows.column) % sizeof(real) == 0


# Numbers of a block's sums: of m queries' products with its rows and, last, of their squares.
cdef inline Py_ssize_t sums_of(Py_ssize_t m) noexcept nogil:
    return (m + 1) * BLOCK_ROWS


# A vector of the rows of some columns (a literal): sums[m + 1][BLOCK_ROWS] grow by the products with the queries'
# numbers. lanes: how many of its rows there are.
cdef inline void sum_vector(const int columns, const real* x, Py_ssize_t column, Py_ssize_t lanes, const real* queries,
                            Py_ssize_t m, Py_ssize_t d, real* sums) noexcept nogil:
    cdef vec numbers[TOGETHER]
    cdef vec sum
    cdef Py_ssize_t i
    cdef int u
    for u in range(columns):
        numbers[u] = load(x + u * column) if lanes == LANES else load_zero(x + u * column, lanes)
    for i in range(m):
        sum = load(sums + i * BLOCK_ROWS)
        for u in range(columns):
            sum = multiply_add(sum, splat(queries[i * d + u]), numbers[u])
        store(sums + i * BLOCK_ROWS, sum)
    sum = load(sums + m * BLOCK_ROWS)
    for u in range(columns):
        sum = multiply_add(sum, numbers[u], numbers[u])
    store(sums + m * BLOCK_ROWS, sum)


# The same of n rows, block by block. ahead: how far on lies what is read next; 0: nothing is asked for.
cdef inline void sum_blocks(const int columns, const real* x, Py_ssize_t column, Py_ssize_t n, const real* queries,
                            Py_ssize_t m, Py_ssize_t d, real* sums, Py_ssize_t ahead) noexcept nogil:
    cdef Py_ssize_t row = 0, lane
    cdef int u
    while row < n:
        lane = 0
        while lane < BLOCK_ROWS and row < n:
            for u in range(columns if ahead else 0):
                prefetch(x + ahead + u * column + row)
            sum_vector(columns, x + row, column, smaller(LANES, n - row), queries, m, d, sums + lane)
            lane += LANES
            row += LANES
        sums += sums_of(m)


# The sums of n rows, a block behind the other. part: room for as many.
cdef void sum_columns(const real* x, Py_ssize_t column, Py_ssize_t n, const real* queries, Py_ssize_t m, Py_ssize_t d,
                      real* sums, real* part) noexcept nogil:
    cdef Py_ssize_t numbers = ceil_div(n, BLOCK_ROWS) * sums_of(m), p = 0, first, end, i
    memset(sums, 0, numbers * sizeof(real))
    for first from 0 <= first < d by PART:
        end = smaller(first + PART, d)
        memset(part, 0, numbers * sizeof(real))
        while p + TOGETHER <= end:
            sum_blocks(TOGETHER, x + p * column, column, n, queries + p, m, d, part,
                       TOGETHER * column if p + 2 * TOGETHER <= d else 0)
            p += TOGETHER
        while p < end:
            sum_blocks(1, x + p * column, column, n, queries + p, m, d, part, 0)
            p += 1
        for i from 0 <= i < numbers by LANES:
            store(sums + i, load(sums + i) + load(part + i))


# The weights of a block whose sums are block.dots. Where a row must be rescaled all are summed again, from copies in
# `space`: [d][BLOCK_ROWS], and two rows.
cdef void weigh_columns(const Plan* plan, Block* block, real* space, real* part) noexcept nogil:
    cdef output squares[BLOCK_ROWS]
    cdef Py_ssize_t d = plan.d, m = plan.m, lane, p
    cdef int metric = plan.search.metric
    cdef real* row = space + d * BLOCK_ROWS
    cdef real* scaled = row + d
    block.data = NULL
    block.always = 0
    block.weight = block.own_weight
    block.bias = block.own_bias
    memcpy(squares, block.dots + m * BLOCK_ROWS, sizeof(squares))
    for lane in range(0 if metric == METRIC_DOT else block.count, BLOCK_ROWS):
        squares[lane] = 1
    if weigh_block(metric, d, squares, block.own_weight, block.own_bias):
        return
    for lane in range(block.count):
        for p in range(d):
            row[p] = scaled[p] = block.rows[lane + p * block.rows_column]
        if not safe_squares(squares[lane]):
            rescale_row(metric, d, squares[lane], <const output*>row, <output*>scaled, &block.own_weight[lane],
                        &block.own_bias[lane])
        for p in range(d):
            space[p * BLOCK_ROWS + lane] = scaled[p]
    sum_columns(space, BLOCK_ROWS, block.count, plan.work.queries.elements, m, d, block.dots, part)
