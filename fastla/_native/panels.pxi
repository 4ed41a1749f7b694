# Rows of a corpus as panels: WIDTH rows side by side, so that a vector holds the same number of as many rows and a score is summed in one
# lane, number by number. A score's bits then depend on its row and query alone: not on the row's place, nor on how many
# queries there are.

from libc.string cimport memcpy, memset

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
    Py_ssize_t ids[WIDTH]
    uint64_t valid              # a bit for each row that is there and may be found
    const stored* data          # stored panels: [depth][WIDTH]
    const real* factors         # raw rows: what queries are multiplied by, the rows themselves or mended copies
    Py_ssize_t factors_row
    const real* rows            # the corpus's own numbers; NULL: there are only stored ones
    Py_ssize_t rows_row
    const output* weight        # of WIDTH rows
    const output* bias
    const float* step           # of stored numbers
    output own_weight[WIDTH]    # where they are not the corpus's
    output own_bias[WIDTH]


# A raw row that no score can be computed of as it is, its squares being too large or small. cosine: y is the row normalized, its
# weight 1. euclidean: y is zeros, and a row that overflows reaches every bar and is measured exactly.
cdef void mend_row(int metric, Py_ssize_t d, output squares, const output* x, output* y,
                   output* weight, output* bias) noexcept nogil:
    cdef double norm
    if metric == METRIC_EUCLIDEAN:
        if not 0 <= squares <= SQUARES_LOW:
            bias[0] = <output>infinity()
        memset(y, 0, d * sizeof(output))
        return
    norm = careful_norm(d, x, 1, y, 1)
    weight[0] = 1 if 0 < norm < infinity() else <output>(norm - norm)       # 0; NaN where there are infinities or NaNs


# Raw rows, which panel.rows points to, become factors with their weights. Where one must be mended all are copied: `space` has room
# for WIDTH rows.
cdef void prepare_rows(Panel* panel, int metric, Py_ssize_t d, real* space) noexcept nogil:
    cdef output squares[WIDTH]
    cdef bint all_safe = True
    cdef Py_ssize_t lane = 0
    panel.data = NULL
    panel.factors = panel.rows
    panel.factors_row = panel.rows_row
    panel.weight = panel.own_weight
    panel.bias = panel.own_bias
    if metric != METRIC_DOT:
        while lane + 4 <= panel.count:
            square_rows(4, d, panel.rows + lane * panel.rows_row, panel.rows_row, <real*>squares + lane)
            lane += 4
        while lane < panel.count:
            square_rows(1, d, panel.rows + lane * panel.rows_row, 0, <real*>squares + lane)
            lane += 1
    for lane in range(WIDTH):
        if metric == METRIC_DOT or lane >= panel.count:
            squares[lane] = 1
        all_safe &= safe_squares(squares[lane])
        weigh_row(metric, d, squares[lane], 1, &panel.own_weight[lane], &panel.own_bias[lane])
    if all_safe:
        return
    for lane in range(panel.count):
        memcpy(space + lane * d, panel.rows + lane * panel.rows_row, d * sizeof(real))
    panel.factors = space
    panel.factors_row = d
    for lane in range(panel.count):
        if not safe_squares(squares[lane]):
            mend_row(metric, d, squares[lane], <const output*>panel.rows + lane * panel.rows_row,
                     <output*>space + lane * d, &panel.own_weight[lane], &panel.own_bias[lane])
