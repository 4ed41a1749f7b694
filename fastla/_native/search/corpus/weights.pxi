# What a row's dot products are weighed with to be scores: its weight and bias, from the sum of its squares.

from libc.string cimport memcpy, memset

cdef extern from *:
    """
    #define EPSILON (sizeof(output) == 8 ? DBL_EPSILON : FLT_EPSILON)
    """
    const double EPSILON


# By how much, relative to |x|^2 + |y|^2, a squared distance from |x|^2 + |y|^2 - 2 x.y may be off: the usual bound for
# sums of d terms, twice.
cdef inline double slack(Py_ssize_t d) noexcept nogil:
    return 4 * (d + 16) * EPSILON


# A row's weight and bias from the sum of its squares. A score is dot * weight + bias; euclidean: it is at least (|y|^2
# - distance^2) / 2, and rows whose score reaches the threshold are measured exactly.
cdef inline void weigh_row(int metric, Py_ssize_t d, double squares, double scale, output* weight,
                           output* bias) noexcept nogil:
    weight[0] = bias[0] = <output>scale
    if scale != scale:              # a row with a NaN, in storage that has none
        return
    bias[0] = 0
    if metric == METRIC_COSINE:
        weight[0] = <output>(1 / root(squares)) if squares != 0 else <output>squares
    elif metric == METRIC_EUCLIDEAN:
        bias[0] = <output>(-squares * scale * scale / 2 * (1 - slack(d)))
        if not squares * scale * scale < SQUARES_HIGH:
            weight[0] = 0           # it reaches every threshold
            bias[0] = <output>infinity()


# The sums of squares of a block's rows, lane by lane. Each square is exact, so that fused or not the sums are the same
# in every target: a file's weights are of the target that wrote it, and equal rows added later shall tie.
cdef void block_squares(Py_ssize_t depth, const stored* block, double* squares) noexcept nogil:
    cdef vec sums[BLOCK_ROWS]       # more than there are vectors: how many is no constant for Cython
    cdef output lanes[BLOCK_ROWS]
    cdef vec x
    cdef Py_ssize_t p
    cdef int j
    if STORED_IS_REAL:
        memset(squares, 0, BLOCK_ROWS * sizeof(double))
        for p in range(depth):
            for j in range(BLOCK_ROWS):
                squares[j] = squares[j] + <double>block[p * BLOCK_ROWS + j] * <double>block[p * BLOCK_ROWS + j]
        return
    for j in range(BLOCK_ROWS // LANES):
        sums[j] = zero()
    for p in range(depth):
        for j in range(BLOCK_ROWS // LANES):
            x = load_stored(block + p * BLOCK_ROWS + j * LANES)
            sums[j] = multiply_add(sums[j], x, x)
    for j in range(BLOCK_ROWS // LANES):
        store_out(lanes + j * LANES, to_out(sums[j]))
    for j in range(BLOCK_ROWS):
        squares[j] = lanes[j]


# weight and bias of some lanes of stored block i.
cdef void weigh_lanes(const Blocks* blocks, int metric, Py_ssize_t i, int first, int end) noexcept nogil:
    cdef double squares[BLOCK_ROWS]
    cdef output weight, bias
    cdef Py_ssize_t depth = ceil_div(blocks.d, ELEMENT_WIDTH), row
    cdef int lane
    block_squares(depth, <const stored*>blocks.data + i * depth * BLOCK_ROWS, squares)
    for lane in range(first, end):
        row = i * BLOCK_ROWS + lane
        weigh_row(metric, blocks.d, squares[lane], blocks.scale[row], &weight, &bias)
        blocks.weight[row] = <float>weight
        blocks.bias[row] = <float>bias


# weight and bias of stored blocks.
cdef void weigh(const Blocks* blocks, int metric, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(first, end):
        weigh_lanes(blocks, metric, i, 0, BLOCK_ROWS)


# weigh_row for a block of raw rows, whose scale is 1. Returns whether all squares are safe.
cdef inline bint weigh_block(int metric, Py_ssize_t d, const output* squares, output* weight,
                             output* bias) noexcept nogil:
    cdef out_vec low = splat_out(<output>SQUARES_LOW), high = splat_out(<output>SQUARES_HIGH), v, half
    cdef uint64_t safe = <uint64_t>-1
    cdef int j
    half = splat_out(<output>(-(1 - slack(d)) / 2))
    for j in range(BLOCK_ROWS // LANES):
        v = load_out(squares + j * LANES)
        safe &= at_least(v, low) & at_least(high, v)
        store_out(weight + j * LANES, inverse_root(v) if metric == METRIC_COSINE else splat_out(1))
        store_out(bias + j * LANES, v * half if metric == METRIC_EUCLIDEAN else splat_out(0))
    return safe == (<uint64_t>1 << LANES) - 1
