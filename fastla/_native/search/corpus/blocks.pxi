# Rows of a corpus as panels: WIDTH rows side by side, so that a vector holds the same number of as many rows and a score is summed in one
# lane, number by number. A score's bits then depend on its row and query alone: not on the row's place, nor on how many
# queries there are.

from libc.string cimport memcpy, memset

cdef enum:
    GATHER_AHEAD = 16   # numbers ahead of which those of gathered rows are asked for; 8 and 64: the same
    FEW = 8     # queries up to which raw rows are met by dot products along d, which leave no lane empty


# Up to WIDTH rows of the corpus, in the order of their ids, ready to meet the queries.
cdef struct Block:
    Py_ssize_t count
    Py_ssize_t first            # the first row's id
    bint gathered               # others were left out between the rows: then these are their ids; else they follow the first's
    Py_ssize_t ids[BLOCK_ROWS]
    uint64_t valid              # a bit for each row that is there and may be found
    uint64_t always             # of a stored panel: for each that reaches every bar, though what is computed of it may be NaN
    const stored* data          # stored panels: [depth][WIDTH]
    const real* factors         # raw rows: what queries are multiplied by, the rows themselves or mended copies
    Py_ssize_t factors_row
    real* dots                  # few queries: their dot products with the rows, [FEW][WIDTH]; else NULL
    const real* rows            # the corpus's own numbers; NULL: there are only stored ones
    Py_ssize_t rows_row
    const output* weight        # of WIDTH rows
    const output* bias
    const float* scale           # of stored numbers
    output own_weight[BLOCK_ROWS]    # where they are not the corpus's, or not side by side there
    output own_bias[BLOCK_ROWS]
    float own_scale[BLOCK_ROWS]


cdef inline Py_ssize_t id_of(const Block* block, Py_ssize_t row) noexcept nogil:
    return block.ids[row] if block.gathered else block.first + row


# Rows of stored panels, whose ids panel.ids holds, side by side in a panel of their own: [depth][WIDTH]. Those of one panel together, number by
# number, as memory likes to be read.
cdef void gather_lanes(Block* block, const Blocks* blocks, Py_ssize_t depth, stored* lanes) noexcept nogil:
    cdef Py_ssize_t place[BLOCK_ROWS]
    cdef Py_ssize_t p, source
    cdef const stored* row
    cdef int lane = 0, first, end
    while lane < block.count:
        first = lane
        source = block.ids[lane] // BLOCK_ROWS
        while lane < block.count and block.ids[lane] // BLOCK_ROWS == source:
            place[lane] = block.ids[lane] % BLOCK_ROWS
            lane += 1
        end = lane
        row = <const stored*>blocks.data + source * BLOCK_ROWS * depth
        for p in range(depth):
            for lane in range(first, end):
                prefetch(row + place[lane] + GATHER_AHEAD * BLOCK_ROWS)
                lanes[p * BLOCK_ROWS + lane] = row[place[lane]]
            row += BLOCK_ROWS
        lane = end
    if block.count < BLOCK_ROWS:
        for p in range(depth):
            memset(lanes + p * BLOCK_ROWS + block.count, 0, (BLOCK_ROWS - block.count) * sizeof(stored))
    for lane in range(block.count):
        block.own_weight[lane] = blocks.weight[block.ids[lane]]
        block.own_bias[lane] = blocks.bias[block.ids[lane]]
        block.own_scale[lane] = blocks.scale[block.ids[lane]]
    for lane in range(<int>block.count, BLOCK_ROWS):
        block.own_weight[lane] = block.own_bias[lane] = block.own_scale[lane] = 0
    block.data = lanes
    block.weight = block.own_weight
    block.bias = block.own_bias
    block.scale = block.own_scale


# A raw row that no score can be computed of as it is, its squares being too large or small. cosine: y is the row normalized, its
# weight 1. euclidean: y is zeros, and a row that is not reaches every bar and is measured exactly.
cdef void mend_row(int metric, Py_ssize_t d, output squares, const output* x, output* y,
                   output* weight, output* bias) noexcept nogil:
    cdef double norm
    if metric == METRIC_EUCLIDEAN:
        if squares != 0 or largest(d, x, 1) != 0:
            bias[0] = <output>infinity()
        memset(y, 0, d * sizeof(output))
        return
    norm = careful_norm(d, x, 1, y, 1)
    weight[0] = 1 if 0 < norm < infinity() else <output>(norm - norm)       # 0; NaN where there are infinities or NaNs


# A row meets the first of a few queries and itself in one pass: c[j] (+)= x . y[j] and squares (+)= x . x. cols is a literal at every call.
# One row after the other: memory likes to be read from end to end (norms.pxi).
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


# A few queries (m, d), adjacent, against four rows or one: c[row + query * WIDTH]. All but the first two find the rows in L1.
cdef inline void few_dots(const int rows, Py_ssize_t m, Py_ssize_t d, const real* x, Py_ssize_t x_row, const real* queries,
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


# The squares of a panel's rows and, where panel.dots is set, their dot products with the m queries.
cdef void square_block(Block* block, Py_ssize_t d, real* squares, const real* queries, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t lane = 0
    cdef const real* x
    if block.dots != NULL and d == 0:
        memset(block.dots, 0, m * BLOCK_ROWS * sizeof(real))
    memset(squares, 0, BLOCK_ROWS * sizeof(real))
    while lane < block.count:
        x = block.factors + lane * block.factors_row
        if block.dots == NULL:
            squares[lane] = square(d, x)
            lane += 1
        elif lane + 4 <= block.count:
            few_dots(4, m, d, x, block.factors_row, queries, block.dots + lane, squares + lane)
            lane += 4
        else:
            few_dots(1, m, d, x, 0, queries, block.dots + lane, squares + lane)
            lane += 1


# Raw rows, which panel.rows points to, become factors with their weights, and where panel.dots is set meet the m queries while they are in
# L1. Where a row must be mended all are copied: `space` has room for WIDTH rows.
cdef void prepare_rows(Block* block, int metric, Py_ssize_t d, real* space, const real* queries, Py_ssize_t m) noexcept nogil:
    cdef output squares[BLOCK_ROWS]
    cdef real spare[BLOCK_ROWS]
    cdef Py_ssize_t lane
    block.data = NULL
    block.always = 0
    block.factors = block.rows
    block.factors_row = block.rows_row
    block.weight = block.own_weight
    block.bias = block.own_bias
    # Even where no metric asks for them: a first pass that does little reads memory at its speed.
    square_block(block, d, <real*>squares, queries, m)
    for lane in range(0 if metric == METRIC_DOT else block.count, BLOCK_ROWS):
        squares[lane] = 1
    if weigh_block(metric, d, squares, block.own_weight, block.own_bias):
        return
    for lane in range(block.count):
        memcpy(space + lane * d, block.rows + lane * block.rows_row, d * sizeof(real))
    block.factors = space
    block.factors_row = d
    for lane in range(block.count):
        if not safe_squares(squares[lane]):
            mend_row(metric, d, squares[lane], <const output*>block.rows + lane * block.rows_row,
                     <output*>space + lane * d, &block.own_weight[lane], &block.own_bias[lane])
    if block.dots != NULL:
        square_block(block, d, spare, queries, m)
