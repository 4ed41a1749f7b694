# Goto's macro-kernel: rows of a against the micro-panels of a block of b.

cdef struct Blocked:
    Job job
    const Product* product
    Route route
    real* packed_b                      # ROUTE_PACK_BOTH: the micro-panels of b's block, shared; else NULL
    Py_ssize_t column, n                # the block of columns
    Py_ssize_t p, p_end, depth          # of k: what this job does, and how much of it at a time
    Py_ssize_t rows, columns            # a task's part of the block of c
    Py_ssize_t column_tasks             # tasks side by side


# As micro_kernel_any, where c's last vector is cut but packed b is whole: by way of a tile that is as wide. So a cut
# vector need not go alone, with another pass over a and too few accumulators ("Edge tiles").
cdef void edge_tile(int rows, int nv, const Strip* s) noexcept nogil:
    cdef real tile[MR * NR]
    cdef Strip whole = s[0]
    cdef Py_ssize_t width = s.last + s.tail, t, i, j
    cdef real* c = s.c
    cdef real x
    whole.tail = 0
    whole.tiles = 1
    whole.accumulate = False
    whole.c = tile
    whole.c_row = nv * LANES
    for t in range(s.tiles):
        micro_kernel_any(rows, nv, &whole)
        for i in range(rows):
            for j in range(width):
                x = tile[i * whole.c_row + j]
                c[i * s.c_row + j] = c[i * s.c_row + j] + x if s.accumulate else x
        whole.a += s.a_next
        c += s.c_next


# Tiles one below the other: m rows of a against a micro-panel of nv vectors. b_packed: its cut vector is whole.
cdef void multiply_panel(Strip* s, Py_ssize_t m, int nv, bint b_packed) noexcept nogil:
    cdef bint edge = s.tail > 0 and nv > 1 and b_packed and s.k >= WIDE_DEPTH
    cdef int rows = MR
    s.tiles = m // MR
    while rows > 0:
        if s.tiles:
            if edge:
                edge_tile(rows, nv, s)
            else:
                micro_kernel_any(rows, nv, s)
        s.a += s.tiles * s.a_next
        s.c += s.tiles * s.c_next
        rows = <int>(m % MR) if rows == MR else 0       # the rows left over are a tile of their own
        s.tiles = 1


# c[m, n] (+)= a[m, k] @ b[k, n]: rows from `row` on, columns from `column` of the block on.
cdef void macro_kernel(Blocked* w, Py_ssize_t row, Py_ssize_t m, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p,
                       Py_ssize_t k,
                       const real* packed_a, const real* packed_b) noexcept nogil:
    cdef const Product* g = w.product
    cdef bint in_place = packed_b == NULL
    # Shared micro-panels are those of the whole block, and the task has those that start in its columns; else its
    # columns have micro-panels of their own.
    cdef bint shared = w.packed_b != NULL
    cdef Py_ssize_t width = w.n if shared else n, base = 0 if shared else column
    cdef Py_ssize_t vectors = ceil_div(width, LANES), panels = ceil_div(vectors, NV), panel
    cdef Py_ssize_t first, next = 0, start, skip
    cdef const real* a = packed_a
    cdef int nv
    cdef Strip s
    s.k = k
    s.a_row = 1
    s.a_col = MR
    s.a_next = MR * k
    if packed_a == NULL:
        a = <const real*>g.a + row * g.a_row + p * g.a_col
        s.a_row = g.a_row
        s.a_col = g.a_col
        s.a_next = MR * g.a_row
    s.b_next = 0
    s.c_row = g.c_row
    s.c_next = MR * g.c_row
    s.accumulate = p > 0
    s.ahead = 0
    for panel in range(panels):
        first = next
        next = panel_start(vectors, panels, panel + 1)
        start = base + first * LANES
        if not column <= start < column + n:
            continue
        skip = 0
        if g.syrk and w.column + start > row:
            skip = (w.column + start - row) // MR * MR          # to the first tile that reaches the diagonal
        if skip >= m:
            break
        s.a = a + skip // MR * s.a_next
        s.b = <const stored*>g.b + p * g.b_row + base
        s.b_row = g.b_row
        s.c = <real*>g.c + (row + skip) * g.c_row + w.column + base
        nv = <int>(next - first)
        place_strip(&s, width, first * LANES, nv, in_place and not s.accumulate)
        if not in_place:
            s.b = <const stored*>packed_b + first * LANES * k
            s.b_row = nv * LANES
        multiply_panel(&s, m - skip, nv, not in_place)
        if p + k == g.k:
            finish_block(w, g, row + skip, m - skip, w.column + start, smaller(nv * LANES, base + width - start))
