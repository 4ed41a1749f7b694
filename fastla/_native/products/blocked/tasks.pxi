# What one task of a blocked product does: it packs what its route packs, and goes through its part of c.

# Into the micro-panels of b[p : p + k, column : column + n]: PACK_ROWS of its rows from `row` on. Whole rows are read,
# as memory likes it, and dealt out to the micro-panels.
cdef void pack_rows(const Product* g, real* packed, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p, Py_ssize_t k,
                    Py_ssize_t row) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(n, LANES), panels = ceil_div(vectors, NV), panel, start, width
    for panel in range(panels):
        start = panel_start(vectors, panels, panel) * LANES
        width = panel_start(vectors, panels, panel + 1) * LANES - start
        pack_stored(packed + start * k + row * width, width, smaller(width, n - start), smaller(PACK_ROWS, k - row),
                    <const stored*>g.b + (column + start) * g.b_col + (p + row) * g.b_row, g.b_col, g.b_row)


cdef void pack_b_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Blocked* w = <Blocked*>job
    pack_rows(w.product, w.packed_b, w.column, w.n, w.p, w.p_end - w.p, index * PACK_ROWS)


cdef struct Packed:
    real* a         # NULL: read in place
    real* b         # NULL: read in place, or shared


cdef Py_ssize_t lay_packed(const Blocked* w, Py_ssize_t m, Py_ssize_t n, Packed* packed, char* block) noexcept nogil:
    cdef char* at = block
    packed.a = packed.b = NULL
    if w.route == ROUTE_PACK_BOTH:
        packed.a = <real*>carve(&at, ceil_div(m, MR) * MR * w.depth * sizeof(real))
    if w.route == ROUTE_PACK_B:
        packed.b = <real*>carve(&at, ceil_div(n, LANES) * LANES * w.depth * sizeof(real))
    return at - block


cdef void blocked_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Blocked* w = <Blocked*>job
    cdef const Product* g = w.product
    cdef Py_ssize_t row = index // w.column_tasks * w.rows, column = index % w.column_tasks * w.columns
    cdef Py_ssize_t m = smaller(w.rows, g.m - row), n = smaller(w.columns, w.n - column), p = w.p, k, i
    cdef Packed packed
    cdef char* block = NULL
    cdef Py_ssize_t bytes = lay_packed(w, m, n, &packed, NULL)
    if g.syrk and row + m <= w.column + column:
        return
    if bytes:
        block = <char*>w.job.runtime.take(bytes)
        if block == NULL:
            fail(job, KERNEL_NO_MEMORY)
            return
        lay_packed(w, m, n, &packed, block)
    while p < w.p_end:
        k = smaller(w.depth, w.p_end - p)
        for i from 0 <= i < (m if packed.a != NULL else 0) by MR:
            pack_stored(packed.a + i * k, MR, smaller(MR, m - i), k,
                        <const stored*>g.a + (row + i) * g.a_row + p * g.a_col, g.a_row, g.a_col)
        for i from 0 <= i < (k if packed.b != NULL else 0) by PACK_ROWS:
            pack_rows(g, packed.b, column, n, p, k, i)
        if w.route == ROUTE_STREAM or w.route == ROUTE_ROWS:
            multiply_rows(g, row, m, column, n, p, k, 2 * NR if w.route == ROUTE_STREAM else 0)
            if p + k == g.k:
                finish_block(job, g, row, m, column, n)
        else:
            for i from 0 <= i < m by MC:
                macro_kernel(w, row + i, smaller(MC, m - i), column, n, p, k, packed.a + i * k if packed.a != NULL
                             else NULL,
                             packed.b if packed.b != NULL else w.packed_b)
        p += k
    if block != NULL:
        w.job.runtime.give(block)
