# Rows of a corpus as panels: WIDTH rows side by side, so that a vector holds the same number of as many rows and a score is summed in one
# lane, number by number. A score's bits then depend on its row and query alone: not on the row's place, nor on how many
# queries there are.

from libc.string cimport memcpy, memset

cdef enum:
    FEW = 8     # queries up to which raw rows are met by dot products along d, which leave no lane empty


cdef extern from *:
    """
    #define EPSILON (sizeof(output) == 8 ? DBL_EPSILON : FLT_EPSILON)
    """
    const double EPSILON


# By how much, relative to |x|^2 + |y|^2, a squared distance from |x|^2 + |y|^2 - 2 x.y may be off: the usual bound for sums of d terms, twice.
cdef inline double slack(Py_ssize_t d) noexcept nogil:
    return 4 * (d + 16) * EPSILON


cdef inline double infinity() noexcept nogil:
    return DBL_MAX * 2


# A row's weight and bias from the sum of its squares. A score is dot * weight + bias; for euclidean it is at least (|y|^2 - distance^2) / 2,
# and who reaches the bar is measured exactly.
cdef inline void weigh_row(int metric, Py_ssize_t d, double squares, double step, output* weight, output* bias) noexcept nogil:
    weight[0] = bias[0] = <output>step
    if step != step:            # a row with a NaN, in storage that has none
        return
    bias[0] = 0
    if metric == METRIC_COSINE:
        weight[0] = <output>(1 / root(squares)) if squares != 0 else <output>squares
    elif metric == METRIC_EUCLIDEAN:
        bias[0] = <output>(-squares * step * step / 2 * (1 - slack(d)))
        if not squares * step * step < SQUARES_HIGH:
            weight[0] = 0       # it reaches every bar
            bias[0] = <output>infinity()


# The sums of squares of a panel's rows, lane by lane.
cdef void panel_squares(Py_ssize_t depth, const stored* panel, output* squares) noexcept nogil:
    cdef vec sums[WIDTH]        # more than there are vectors: how many is no constant for Cython
    cdef vec x
    cdef Py_ssize_t p
    cdef int j
    for j in range(WIDTH // LANES):
        sums[j] = zero()
    for p in range(depth):
        for j in range(WIDTH // LANES):
            x = load_stored(panel + p * WIDTH + j * LANES)
            sums[j] = multiply_add(sums[j], x, x)
    for j in range(WIDTH // LANES):
        store_scores(squares + j * LANES, to_scores(sums[j]))


# weight and bias of stored panels.
cdef void weigh(const Panels* panels, int metric, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    cdef output squares[WIDTH]
    cdef output weight, bias
    cdef Py_ssize_t i, depth = ceil_div(panels.d, STEP), row
    cdef int lane
    for i in range(first, end):
        panel_squares(depth, <const stored*>panels.data + i * depth * WIDTH, squares)
        for lane in range(WIDTH):
            row = i * WIDTH + lane
            weigh_row(metric, panels.d, squares[lane], panels.step[row], &weight, &bias)
            panels.weight[row] = <float>weight
            panels.bias[row] = <float>bias


# Up to WIDTH rows of the corpus, in the order of their ids, ready to meet the queries.
cdef struct Panel:
    Py_ssize_t count
    Py_ssize_t first            # the first row's id
    bint gathered               # others were left out between the rows: then these are their ids; else they follow the first's
    Py_ssize_t ids[WIDTH]
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
    const float* step           # of stored numbers
    output own_weight[WIDTH]    # where they are not the corpus's
    output own_bias[WIDTH]


cdef inline Py_ssize_t id_of(const Panel* panel, Py_ssize_t row) noexcept nogil:
    return panel.ids[row] if panel.gathered else panel.first + row


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
        c[j * c_col] = total(acc[j]) + (c[j * c_col] if add else 0)
    squares[0] = total(acc[cols]) + (squares[0] if add else 0)


# A few queries (m, d), adjacent, against four rows or one: c[row + query * WIDTH]. All but the first two find the rows in L1.
cdef inline void few_dots(const int rows, Py_ssize_t m, Py_ssize_t d, const real* x, Py_ssize_t x_row, const real* queries,
                          real* c, real* squares) noexcept nogil:
    cdef Py_ssize_t p, k
    cdef int i
    for p from 0 <= p < d by DOT_CHUNK:
        k = smaller(DOT_CHUNK, d - p)
        for i in range(rows):
            if m == 1:
                dot_and_square(1, k, x + i * x_row + p, queries + p, d, c + i, WIDTH, squares + i, p > 0)
            else:
                dot_and_square(2, k, x + i * x_row + p, queries + p, d, c + i, WIDTH, squares + i, p > 0)
        if m > 2:
            dot_rows(rows, m - 2, k, x + p, x_row, queries + 2 * d + p, d, c + 2 * WIDTH, 1, WIDTH, p > 0)


# The squares of a panel's rows and, where panel.dots is set, their dot products with the m queries.
cdef void square_panel(Panel* panel, Py_ssize_t d, real* squares, const real* queries, Py_ssize_t m) noexcept nogil:
    cdef Py_ssize_t lane = 0
    cdef const real* x
    if panel.dots != NULL and d == 0:
        memset(panel.dots, 0, m * WIDTH * sizeof(real))
    memset(squares, 0, WIDTH * sizeof(real))
    while lane < panel.count:
        x = panel.factors + lane * panel.factors_row
        if panel.dots == NULL:
            squares[lane] = square(d, x)
            lane += 1
        elif lane + 4 <= panel.count:
            few_dots(4, m, d, x, panel.factors_row, queries, panel.dots + lane, squares + lane)
            lane += 4
        else:
            few_dots(1, m, d, x, 0, queries, panel.dots + lane, squares + lane)
            lane += 1


# weigh_row for WIDTH rows with a step of 1. Returns whether all squares are safe.
cdef inline bint weigh_panel(int metric, Py_ssize_t d, const output* squares, output* weight, output* bias) noexcept nogil:
    cdef scores low = splat_scores(<output>SQUARES_LOW), high = splat_scores(<output>SQUARES_HIGH), v, half
    cdef uint64_t safe = <uint64_t>-1
    cdef int j
    half = splat_scores(<output>(-(1 - slack(d)) / 2))
    for j in range(WIDTH // LANES):
        v = load_scores(squares + j * LANES)
        safe &= at_least(v, low) & at_least(high, v)
        store_scores(weight + j * LANES, inverse_root(v) if metric == METRIC_COSINE else splat_scores(1))
        store_scores(bias + j * LANES, v * half if metric == METRIC_EUCLIDEAN else splat_scores(0))
    return safe == (<uint64_t>1 << LANES) - 1


# Raw rows, which panel.rows points to, become factors with their weights, and where panel.dots is set meet the m queries while they are in
# L1. Where a row must be mended all are copied: `space` has room for WIDTH rows.
cdef void prepare_rows(Panel* panel, int metric, Py_ssize_t d, real* space, const real* queries, Py_ssize_t m) noexcept nogil:
    cdef output squares[WIDTH]
    cdef real spare[WIDTH]
    cdef Py_ssize_t lane
    panel.data = NULL
    panel.always = 0
    panel.factors = panel.rows
    panel.factors_row = panel.rows_row
    panel.weight = panel.own_weight
    panel.bias = panel.own_bias
    # Even where no metric asks for them: a first pass that does little reads memory at its speed.
    square_panel(panel, d, <real*>squares, queries, m)
    for lane in range(0 if metric == METRIC_DOT else panel.count, WIDTH):
        squares[lane] = 1
    if weigh_panel(metric, d, squares, panel.own_weight, panel.own_bias):
        return
    for lane in range(panel.count):
        memcpy(space + lane * d, panel.rows + lane * panel.rows_row, d * sizeof(real))
    panel.factors = space
    panel.factors_row = d
    for lane in range(panel.count):
        if not safe_squares(squares[lane]):
            mend_row(metric, d, squares[lane], <const output*>panel.rows + lane * panel.rows_row,
                     <output*>space + lane * d, &panel.own_weight[lane], &panel.own_bias[lane])
    if panel.dots != NULL:
        square_panel(panel, d, spare, queries, m)
