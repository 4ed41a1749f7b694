# The score-tile producer: rows read in place against a micro-panel. A search makes the scores of a block of its corpus
# with it, attention those of a block of keys (S^T = K Q^T: a is K, b a packed micro-panel of Q^T).

cdef enum:
    AHEAD_BYTES = 8192      # how far ahead few rows ask for b. docs/measurements.md, "Prefetching a corpus block"
    SHARING_TILES = 3       # tiles one below the other from which they share the prefetching of b


cdef extern from *:
    """
    /* Where a corpus block is wider than a tile: rows whose accumulators for all of it are registers. */
    enum { WIDE_ROWS = MR * LANES >= 32 ? 2 : 1 };
    """
    enum:
        WIDE_ROWS


# The length of a part, where `depth` is cut into equal parts of at most `most`.
cdef inline Py_ssize_t part_of(Py_ssize_t depth, Py_ssize_t most) noexcept nogil:
    return larger(1, ceil_div(depth, larger(1, ceil_div(depth, most))))


# c[rows, nv vectors] (+)= a[rows, k] @ b[k, nv vectors]; a's numbers are adjacent along k. tail: how many lanes of the
# last vector exist; 0: all. accumulate: add to what c holds. next: what will be read after b, to be asked for
# meanwhile; NULL: b and that lie in cache.
#
# Few rows wait for memory, which the CPU's own prefetching reads fastest (one to three rows for each 16 bits of an
# element); more ask for b AHEAD_BYTES ahead. Where there are many tiles each asks for its share of `next`: all at once,
# the first would wait and the others leave memory idle.
cdef void score_tile(Py_ssize_t rows, int nv, Py_ssize_t tail, Py_ssize_t k, const real* a, Py_ssize_t a_row,
                     const stored* b, Py_ssize_t b_row,
                     real* c, Py_ssize_t c_row, bint accumulate, const stored* next) noexcept nogil:
    cdef Strip s
    cdef Py_ssize_t rest = rows % MR, ahead = 0
    if next != NULL and 2 * rows > 3 * <int>sizeof(stored):
        ahead = AHEAD_BYTES // <Py_ssize_t>sizeof(stored)
    s.tiles = rows // MR
    s.k = k
    s.a = a
    s.a_row = a_row
    s.a_col = 1
    s.a_next = MR * a_row
    s.b = b
    s.b_row = b_row
    s.b_next = 0
    s.last = (nv - 1) * LANES
    s.tail = tail
    s.c = c
    s.c_row = c_row
    s.c_next = MR * c_row
    s.accumulate = accumulate
    s.ahead = ahead
    if next != NULL and s.tiles >= SHARING_TILES and nv == NV and tail == 0:
        s.ahead = next - b
        s.share = ceil_div(b_row, s.tiles)
        micro_kernel(MR, NV, False, True, &s)
    elif s.tiles:
        micro_kernel_any(MR, nv, &s)
    if rest:
        s.a += s.tiles * s.a_next
        s.c += s.tiles * s.c_next
        s.tiles = 1
        s.ahead = ahead
        micro_kernel_any(<int>rest, nv, &s)


# c[rows, BLOCK_ROWS] (+)= a[rows, k] @ b[k, BLOCK_ROWS] for one or two rows (a literal), on targets whose tiles are
# narrower than b: tile by tile they would read every other line of memory. docs/measurements.md, "Wide tiles".
cdef inline void wide_tile(const int rows, Py_ssize_t k, const real* a, Py_ssize_t a_row, const stored* b, real* c,
                           bint accumulate) noexcept nogil:
    cdef vec acc[2][BLOCK_ROWS]         # more than there are vectors: how many is no constant for Cython
    cdef vec b_vec
    cdef const stored* end = b + k * BLOCK_ROWS
    cdef int i, j
    for i in range(rows):
        for j in range(BLOCK_ROWS // LANES):
            acc[i][j] = zero()
    while b < end:
        for j in range(BLOCK_ROWS // LANES):
            b_vec = load_stored(b + j * LANES)
            for i in range(rows):
                acc[i][j] = multiply_add(acc[i][j], splat(a[i * a_row]), b_vec)
        a += 1
        b += BLOCK_ROWS
    for i in range(rows):
        for j in range(BLOCK_ROWS // LANES):
            if accumulate:
                acc[i][j] = acc[i][j] + load(c + i * BLOCK_ROWS + j * LANES)
            store(c + i * BLOCK_ROWS + j * LANES, acc[i][j])


# The same for a few rows: all but the first find b in L1.
cdef void wide_tiles(Py_ssize_t rows, Py_ssize_t k, const real* a, Py_ssize_t a_row, const stored* b, real* c,
                     bint accumulate) noexcept nogil:
    cdef Py_ssize_t i = 0
    while i < rows:
        if WIDE_ROWS == 2 and i + 2 <= rows:
            wide_tile(2, k, a + i * a_row, a_row, b, c + i * BLOCK_ROWS, accumulate)
            i += 2
        else:
            wide_tile(1, k, a + i * a_row, a_row, b, c + i * BLOCK_ROWS, accumulate)
            i += 1
