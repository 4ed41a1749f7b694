# A panel of the corpus against a block of queries: the products, a tile in L1.

cdef enum:
    PART = 128      # numbers of a stored panel's rows that its tiles take from L1. 192: the same; KC: 5 % slower with few queries, 2 % faster with many
    SPREAD = 3      # tiles one below the other from which they share the prefetching of b


# Numbers that a tile sums at once: equal parts of at most `most`, which are then added up.
cdef inline Py_ssize_t part_of(Py_ssize_t depth, Py_ssize_t most) noexcept nogil:
    return larger(1, ceil_div(depth, larger(1, ceil_div(depth, most))))


# c[rows, nv vectors] = a[rows, depth] @ b[depth, nv vectors], in parts. next: the b that comes after this one; NULL: b lies in cache.
#
# One or two tiles ask for b AHEAD_BYTES ahead of what they read. More have time: each asks for its share of the part that comes next, of this b
# or of the next (all at once, the first tile would wait for memory and the others leave it idle). ms for 100000 x 384
# float32, 24 and 32 queries: 5.6 and 7.0 without, 4.9 and 6.4 so; 768 and 48 queries: 20.3, 17.9. A whole panel ahead instead of a part: 6.9.
cdef void score_tile(Py_ssize_t rows, int nv, Py_ssize_t depth, Py_ssize_t most, const real* a, Py_ssize_t a_row,
                        const stored* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, const stored* next) noexcept nogil:
    cdef Py_ssize_t p = 0, part = part_of(depth, most), rest = rows % MR
    cdef Strip s
    s.a_row = a_row
    s.a_col = 1
    s.a_next = MR * a_row
    s.b_row = b_row
    s.b_next = s.tail = 0
    s.last = (nv - 1) * LANES
    s.c_row = c_row
    s.c_next = MR * c_row
    while p < depth or p == 0:
        s.k = smaller(part, depth - p)
        s.accumulate = p > 0
        s.a = a + p
        s.b = b + p * b_row
        s.c = c
        s.tiles = rows // MR
        s.ahead = AHEAD_BYTES // <Py_ssize_t>sizeof(stored) if next != NULL else 0
        if s.tiles:
            if next != NULL and nv == NV and s.tiles >= SPREAD:
                s.ahead = s.k * b_row if p + s.k < depth else next - s.b
                s.share = ceil_div(b_row, s.tiles)
                micro_kernel(MR, NV, False, True, &s)
            else:
                micro_kernel_any(MR, nv, &s)
            s.a += s.tiles * s.a_next
            s.c += s.tiles * s.c_next
        if rest:
            s.tiles = 1
            micro_kernel_any(<int>rest, nv, &s)
        p += part


cdef inline Py_ssize_t most_at_once(const Plan* job) noexcept nogil:
    return KC if job.search.blocks.data == NULL else PART


# [rows][WIDTH]: queries from `first` on against a stored panel, or few that have met a panel's rows already.
cdef const real* score_block(const Plan* job, const Block* block, const Block* next, Py_ssize_t first, Py_ssize_t rows,
                                real* tile) noexcept nogil:
    cdef const real* queries = <const real*>job.search.queries + first * job.depth
    cdef Py_ssize_t column
    if job.few:
        return block.dots
    for column from 0 <= column < BLOCK_ROWS by NR:
        score_tile(rows, <int>smaller(NV, (BLOCK_ROWS - column) // LANES), job.depth, most_at_once(job), queries, job.depth,
                      block.data + column, BLOCK_ROWS, tile + column, BLOCK_ROWS, next.data + column)
    return tile


# [panel.count][vectors]: raw rows against a panel of turned queries, from `first` on.
cdef void score_raw_block(const Plan* job, const Block* block, Py_ssize_t first, Py_ssize_t vectors, real* tile) noexcept nogil:
    score_tile(block.count, <int>vectors, job.depth, most_at_once(job), block.factors, block.factors_row,
                  <const stored*>job.transposed_queries + first * job.depth, vectors * LANES, tile, vectors * LANES, NULL)
