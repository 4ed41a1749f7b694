# Weights as micro-panels: [k][BLOCK_ROWS] reals of a block of outputs, where they are packed so already, or widened and
# transposed a piece at a time.

from libc.stdint cimport uint16_t

cdef extern from "kernels.h":
    enum:
        TYPE_bfloat16

cdef extern from "read.h":
    void read_halves(output* to, const uint16_t* source, Py_ssize_t n, int type) noexcept nogil

cdef enum:
    PIECE_DEPTH = 256       # of k, where pieces are made: one and the strip it is made of stay in L2
    DOT_OUTPUT_ROWS = 8     # rows of x up to which outputs are not transposed


# Whether a weight is micro-panels of reals.
cdef inline bint is_packed(const LayerWeight* w) noexcept nogil:
    return w.blocks != NULL and w.rows.type == TYPE_REAL


# How much of k is multiplied at a time.
cdef inline Py_ssize_t depth_of(const LayerWeight* w) noexcept nogil:
    return part_of(w.rows.d, KC if is_packed(w) else PIECE_DEPTH)


# Whether rows of numbers can be read as reals where they lie.
cdef inline bint holds_reals(const Rows* rows) noexcept nogil:
    return rows.type == TYPE_REAL and rows.row % <Py_ssize_t>sizeof(real) == 0 and \
        rows.column % <Py_ssize_t>sizeof(real) == 0 and <size_t>rows.data % sizeof(real) == 0


# k numbers of one output as reals. Adjacent ones of 16 bits by the target's own conversions.
cdef void read_output(real* to, const char* source, Py_ssize_t k, const Rows* rows) noexcept nogil:
    cdef Py_ssize_t whole = 0
    if (rows.type == TYPE_float16 or rows.type == TYPE_bfloat16) and rows.column == 2 and <size_t>source % 2 == 0:
        whole = k - k % LANES
        read_halves(<output*>to, <const uint16_t*>source, whole, rows.type)
    read_row(<output*>to + whole, source + whole * rows.column, rows.column, k - whole, rows.type)


# tile[rows, BLOCK_ROWS] of a block of outputs as the user has them, for few rows of x: dot products, since transposing
# the outputs would cost more than multiplying them.
cdef void dot_outputs(const LayerWeight* w, Py_ssize_t block, Py_ssize_t rows, const real* x, Py_ssize_t x_row,
                      real* strip, real* tile) noexcept nogil:
    cdef const Rows* r = &w.rows
    cdef Py_ssize_t count = smaller(BLOCK_ROWS, r.n - block * BLOCK_ROWS), i, j, n, p, k
    cdef const char* source
    for i from 0 <= i < count by 4:
        n = smaller(4, count - i)
        for p from 0 <= p < larger(1, r.d) by DOT_CHUNK:
            k = smaller(DOT_CHUNK, r.d - p)
            for j in range(n):
                source = r.data + (block * BLOCK_ROWS + i + j) * r.row + p * r.column
                read_output(strip + j * k, source, k, r)
            dot_block(n, rows, k, strip, k, x + p, x_row, tile + i, 1, BLOCK_ROWS, p > 0)


# Numbers [p, p + k) of a block's outputs; made in `panel`, by way of `strip`, if they are not there already.
cdef const real* panel_of(const LayerWeight* w, Py_ssize_t block, Py_ssize_t p, Py_ssize_t k, real* panel,
                          real* strip) noexcept nogil:
    cdef const Rows* rows = &w.rows
    cdef Py_ssize_t first = (block * rows.d + p) * BLOCK_ROWS, count, i
    cdef const char* source
    if is_packed(w):
        return <const real*>w.blocks + first
    if w.blocks != NULL:
        read_halves(<output*>panel, <const uint16_t*>w.blocks + first, k * BLOCK_ROWS, rows.type)
        return panel
    count = smaller(BLOCK_ROWS, rows.n - block * BLOCK_ROWS)
    source = rows.data + block * BLOCK_ROWS * rows.row + p * rows.column
    if holds_reals(rows):
        pack_panel(panel, BLOCK_ROWS, count, k, <const real*>source, rows.row // <Py_ssize_t>sizeof(real),
                   rows.column // <Py_ssize_t>sizeof(real))
        return panel
    for i in range(count):
        read_output(strip + i * k, source + i * rows.row, k, rows)
    pack_panel(panel, BLOCK_ROWS, count, k, strip, k, 1)
    return panel
