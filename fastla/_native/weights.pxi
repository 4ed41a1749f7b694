# What a row's dot products are weighed with to be scores: its weight and bias, from the sum of its squares.

from libc.string cimport memset

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


# The sums of squares of a panel's rows, lane by lane. Each square is exact, so that fused or not the sums are the same in every target: a
# file's weights are of the target that wrote it, and equal rows added later shall tie.
cdef void panel_squares(Py_ssize_t depth, const stored* panel, double* squares) noexcept nogil:
    cdef vec sums[WIDTH]        # more than there are vectors: how many is no constant for Cython
    cdef output lanes[WIDTH]
    cdef vec x
    cdef Py_ssize_t p
    cdef int j
    if STORED_IS_REAL:
        memset(squares, 0, WIDTH * sizeof(double))
        for p in range(depth):
            for j in range(WIDTH):
                squares[j] = squares[j] + <double>panel[p * WIDTH + j] * <double>panel[p * WIDTH + j]
        return
    for j in range(WIDTH // LANES):
        sums[j] = zero()
    for p in range(depth):
        for j in range(WIDTH // LANES):
            x = load_stored(panel + p * WIDTH + j * LANES)
            sums[j] = multiply_add(sums[j], x, x)
    for j in range(WIDTH // LANES):
        store_scores(lanes + j * LANES, to_scores(sums[j]))
    for j in range(WIDTH):
        squares[j] = lanes[j]


# weight and bias of stored panels.
cdef void weigh(const Panels* panels, int metric, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    cdef double squares[WIDTH]
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
