# A panel of the corpus against a block of queries: the products, a tile in L1.

# c[rows, nv vectors] = a[rows, depth] @ b[depth, nv vectors], KC deep at a time.
cdef void multiply_tile(Py_ssize_t rows, int nv, Py_ssize_t depth, const real* a, Py_ssize_t a_row,
                        const stored* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, Py_ssize_t ahead) noexcept nogil:
    cdef Py_ssize_t p = 0, rest = rows % MR
    cdef Strip s
    s.a_row = a_row
    s.a_col = 1
    s.a_next = MR * a_row
    s.b_row = b_row
    s.b_next = s.tail = 0
    s.last = (nv - 1) * LANES
    s.c_row = c_row
    s.c_next = MR * c_row
    s.ahead = ahead
    while p < depth or p == 0:
        s.k = smaller(KC, depth - p)
        s.add = p > 0
        s.a = a + p
        s.b = b + p * b_row
        s.c = c
        s.tiles = rows // MR
        if s.tiles:
            any_strip(MR, nv, &s)
            s.a += s.tiles * s.a_next
            s.c += s.tiles * s.c_next
        if rest:
            s.tiles = 1
            any_strip(<int>rest, nv, &s)
        p += KC


# [rows][WIDTH]: queries from `first` on against a stored panel, or few that have met a panel's rows already.
cdef const real* multiply_panel(const Job* job, const Panel* panel, Py_ssize_t first, Py_ssize_t rows, real* tile) noexcept nogil:
    cdef const real* queries = <const real*>job.search.queries + first * job.depth
    cdef Py_ssize_t column
    if job.few:
        return panel.dots
    for column from 0 <= column < WIDTH by NR:
        multiply_tile(rows, <int>smaller(NV, (WIDTH - column) // LANES), job.depth, queries, job.depth,
                      panel.data + column, WIDTH, tile + column, WIDTH, AHEAD_BYTES // <Py_ssize_t>sizeof(stored))
    return tile


# [panel.count][vectors]: raw rows against a panel of turned queries, from `first` on.
cdef void multiply_rows(const Job* job, const Panel* panel, Py_ssize_t first, Py_ssize_t vectors, real* tile) noexcept nogil:
    multiply_tile(panel.count, <int>vectors, job.depth, panel.factors, panel.factors_row,
                  <const stored*>job.turned_queries + first * job.depth, vectors * LANES, tile, vectors * LANES, 0)
