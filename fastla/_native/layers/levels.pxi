# Products of whole numbers: rows of x and weights as levels, from -127 to 127 times a scale of the row. Sums are exact;
# each becomes a real and meets both scales by itself, so a row's results are the same in any batch.

cdef extern from "levels.h":
    enum:
        LEVEL_ROWS
    float write_levels(uint8_t* to, const output* x, Py_ssize_t d) noexcept nogil

cdef extern from "vec.h":
    enum:
        LEVEL_OFFSET
    quads dot_levels(quads sum, quads a, quads b) noexcept nogil


# tile[rows, nv vectors] = x[rows, count quads] . b[count quads, nv vectors], from what offset x's levels owe on; whole:
# the sums stay int32. rows and nv are literals at every call: the accumulators stay in registers.
cdef inline void level_tile(const int rows, const int nv, Py_ssize_t count, const int32_t* x, Py_ssize_t x_row,
                            const int32_t* b, const int32_t* start, real* tile, bint whole) noexcept nogil:
    cdef quads acc[LEVEL_ROWS][VECTORS]
    cdef quads b_quads[VECTORS]
    cdef quads x_quads
    cdef Py_ssize_t q
    cdef int i, j
    for j in range(nv):
        for i in range(rows):
            acc[i][j] = load_quads(start + j * LANES) if LEVEL_OFFSET else splat_quads(0)
    for q in range(count):
        for j in range(nv):
            b_quads[j] = load_quads(b + j * LANES)
        for i in range(rows):
            x_quads = splat_quads(x[i * x_row + q])
            for j in range(nv):
                acc[i][j] = dot_levels(acc[i][j], x_quads, b_quads[j])
        b += BLOCK_ROWS
    for i in range(rows):
        for j in range(nv):
            if whole:
                store_quads(<int32_t*>tile + i * BLOCK_ROWS + j * LANES, acc[i][j])
            else:
                store_out(<output*>tile + i * BLOCK_ROWS + j * LANES, quads_to_out(acc[i][j]))


cdef inline void level_width(const int rows, Py_ssize_t count, const int32_t* x, Py_ssize_t x_row, const int32_t* b,
                             const int32_t* start, real* tile, bint whole) noexcept nogil:
    cdef Py_ssize_t column
    for column from 0 <= column < BLOCK_ROWS by NR:
        if column + NR <= BLOCK_ROWS:
            level_tile(rows, NV, count, x, x_row, b + column, start + column, tile + column, whole)
        else:
            level_tile(rows, 1, count, x, x_row, b + column, start + column, tile + column, whole)


# As many rows at once as the literals allow of `left`; returns how many. A single row goes through a block's whole
# width at once, as memory likes it.
cdef inline Py_ssize_t level_rows(Py_ssize_t left, Py_ssize_t count, const int32_t* x, Py_ssize_t x_row,
                                  const int32_t* b, const int32_t* start, real* tile, bint whole) noexcept nogil:
    if left >= LEVEL_ROWS:
        level_width(LEVEL_ROWS, count, x, x_row, b, start, tile, whole)
        return LEVEL_ROWS
    if LEVEL_ROWS > 4 and left >= 4:
        level_width(4, count, x, x_row, b, start, tile, whole)
        return 4
    if left >= 2:
        level_width(2, count, x, x_row, b, start, tile, whole)
        return 2
    level_tile(1, VECTORS, count, x, x_row, b, start, tile, whole)
    return 1


# The same of more than 32 bits are sure to hold the sum of: part by part, in double, which is exact to 2^53.
cdef Py_ssize_t long_level_rows(Py_ssize_t left, Py_ssize_t quads, const int32_t* x, Py_ssize_t x_row,
                                const int32_t* b, const int32_t* start, real* tile) noexcept nogil:
    cdef double sums[LEVEL_ROWS * BLOCK_ROWS]
    cdef Py_ssize_t most = LEVELS_SUMMED // QUAD, p, i, rows = 0
    memset(sums, 0, sizeof(sums))
    for p from 0 <= p < quads by most:
        rows = level_rows(left, smaller(most, quads - p), x + p, x_row, b + p * BLOCK_ROWS, start, tile, True)
        for i in range(rows * BLOCK_ROWS):
            sums[i] += (<const int32_t*>tile)[i]
        start += BLOCK_ROWS
    for i in range(rows * BLOCK_ROWS):
        tile[i] = <real>sums[i]
    return rows


# tile[rows, BLOCK_ROWS] of a block of int8 outputs; x_scale has a number for each row.
cdef void level_block(const LayerWeight* w, Py_ssize_t block, Py_ssize_t rows, const int32_t* x, Py_ssize_t x_row,
                      const float* x_scale, real* tile) noexcept nogil:
    cdef Py_ssize_t quads = ceil_div(w.rows.d, QUAD), parts = ceil_div(w.rows.d, LEVELS_SUMMED), i = 0, j
    cdef const int32_t* b = <const int32_t*>w.blocks + block * quads * BLOCK_ROWS
    cdef const int32_t* start = w.starts + block * larger(1, parts) * BLOCK_ROWS
    cdef const float* scale = w.scale + block * BLOCK_ROWS
    cdef float low, high
    while i < rows:
        if parts > 1:
            i += long_level_rows(rows - i, quads, x + i * x_row, x_row, b, start, tile + i * BLOCK_ROWS)
        else:
            i += level_rows(rows - i, quads, x + i * x_row, x_row, b, start, tile + i * BLOCK_ROWS, False)
    for i in range(rows):
        for j in range(BLOCK_ROWS):
            # The smaller scale first: their product may leave the range where the result does not.
            low = x_scale[i] if x_scale[i] < scale[j] else scale[j]
            high = scale[j] if x_scale[i] < scale[j] else x_scale[i]
            tile[i * BLOCK_ROWS + j] = tile[i * BLOCK_ROWS + j] * low * high
