# A block of c from blocks of a and b, tile by tile: what the drivers are made of.

# Where tiles are found in an operand. In place, the tile (of a) or panel (of b) at row or column r starts at
# data + r * unit with unit the operand's own stride; packed, panels of kc elements deep lie one after
# the other, so unit is kc.
cdef struct Side:
    const real* data
    Py_ssize_t unit
    Py_ssize_t row      # a: stride from row to row; b: from one p to the next, 0 where packed: the panel's width
    Py_ssize_t col      # a: from one p to the next; b in place has adjacent columns


# Columns are dealt out in whole vectors, panels as even as possible (4 vectors are 2 + 2, not 3 + 1: a lone vector has too
# few accumulators to hide the FMA's latency). Panel i starts at this vector.
cdef inline Py_ssize_t panel_start(Py_ssize_t vectors, Py_ssize_t panels, Py_ssize_t i) noexcept nogil:
    return vectors * i // panels


# c[m, n] (+)= a[m, k] @ b[k, n]. With `triangle`, tiles wholly above the diagonal are left out; the block's first row is
# `below` rows below its first column.
cdef void block(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, Side a, Side b, real* c, Py_ssize_t c_row, bint add,
                bint triangle, Py_ssize_t below) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(n, LANES), panels = ceil_div(vectors, NV)
    cdef Py_ssize_t panel, first, nv, column, last, tail, i, b_row
    for panel in range(panels):
        first = panel_start(vectors, panels, panel)
        nv = panel_start(vectors, panels, panel + 1) - first
        column = first * LANES
        last = (nv - 1) * LANES
        tail = 0
        if column + nv * LANES > n:
            # The last vector is cut, or, where nothing is added to and the columns lie in place, moved back over its neighbour.
            if n >= LANES and not add and b.row:
                last = n - LANES - column
            else:
                tail = n - column - last
        b_row = b.row if b.row else nv * LANES
        i = 0
        if triangle and column > below:
            i = (column - below) // MR * MR         # the first tile that reaches the diagonal
        if m - i >= MR:
            any_strip(MR, <int>nv, (m - i) // MR, k, a.data + i * a.unit, a.row, a.col, MR * a.unit,
                      b.data + column * b.unit, b_row, last, tail, c + i * c_row + column, c_row, add)
            i += (m - i) // MR * MR
        if i < m:
            any_strip(<int>(m - i), <int>nv, 1, k, a.data + i * a.unit, a.row, a.col, 0,
                      b.data + column * b.unit, b_row, last, tail, c + i * c_row + column, c_row, add)


# b[k, n] packed for block(): panel `index` of a block n wide, or all of them.
cdef void pack_b_panel(real* to, Py_ssize_t index, Py_ssize_t n, Py_ssize_t k,
                       const stored* b, Py_ssize_t b_row, Py_ssize_t b_col) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(n, LANES), panels = ceil_div(vectors, NV)
    cdef Py_ssize_t first = panel_start(vectors, panels, index), column = first * LANES
    cdef Py_ssize_t width = (panel_start(vectors, panels, index + 1) - first) * LANES
    pack_panel(to + column * k, width, smaller(width, n - column), k, b + column * b_col, b_col, b_row)


cdef void pack_b(real* to, Py_ssize_t n, Py_ssize_t k, const stored* b, Py_ssize_t b_row, Py_ssize_t b_col) noexcept nogil:
    cdef Py_ssize_t index
    for index in range(ceil_div(ceil_div(n, LANES), NV)):
        pack_b_panel(to, index, n, k, b, b_row, b_col)


# c's upper triangle from its lower one, rows [row, end), in squares so that both sides stay in L1.
cdef enum:
    MIRROR = 32


cdef void mirror(real* c, Py_ssize_t c_row, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t column, i, j
    for column from 0 <= column <= row by MIRROR:
        for i in range(row, end):
            for j in range(column, smaller(column + MIRROR, i)):
                c[j * c_row + i] = c[i * c_row + j]
