# A few queries against the stored panels of a region: bound by memory, which they read as one stream, all products first, then all scores
# (multiply_region). One query, Zen 4, GB/s with one and two threads (a loop of loads: 27 and 32): float32 19 and 27 with scores after each panel,
# 24 and 31 so; float16 21 and 28, 25 and 33.

cdef extern from *:
    """
    enum {
        /* Queries at a time: blocks are read whole, so as many as the accumulators of a tile are enough for. */
        SCAN_ROWS = 3 * MR * LANES >= BLOCK_ROWS ? 3 * MR * LANES / BLOCK_ROWS : 1,
        /* Queries up to which blocks are scanned; narrow numbers are widened but once. */
        SCAN = STORED_IS_REAL ? 8 : SCAN_ROWS
    };
    """
    enum:
        SCAN_ROWS, SCAN


# c[rows, WIDTH] (+)= a[rows, k] @ b[k, WIDTH]. rows is a literal.
#
# One to three queries for each 16 bits of a number wait for memory, which is read 5 to 20 % faster by the CPU's own prefetching alone. More do not
# wait, and ask for it: 10 % faster.
cdef inline void scan_part(const int rows, Py_ssize_t k, const real* a, Py_ssize_t a_row, const stored* b, real* c, bint add) noexcept nogil:
    cdef vec acc[SCAN_ROWS][BLOCK_ROWS]       # more than there are vectors: how many is no constant for Cython
    cdef vec x[BLOCK_ROWS]
    cdef const stored* end = b + k * BLOCK_ROWS
    cdef int i, j
    for i in range(rows):
        for j in range(BLOCK_ROWS // LANES):
            acc[i][j] = zero()
    while b < end:
        if 2 * rows > 3 * <int>sizeof(stored):
            for j in range(BLOCK_ROWS * <int>sizeof(stored) // LINE):
                prefetch(b + (AHEAD_BYTES + j * LINE) // <Py_ssize_t>sizeof(stored))
        if rows > BLOCK_ROWS // LANES:       # the fewer of both are kept in registers, the others loaded one by one
            for j in range(BLOCK_ROWS // LANES):
                x[j] = load_stored(b + j * LANES)
            for i in range(rows):
                for j in range(BLOCK_ROWS // LANES):
                    acc[i][j] = multiply_add(acc[i][j], splat(a[i * a_row]), x[j])
        else:
            for j in range(BLOCK_ROWS // LANES):
                x[0] = load_stored(b + j * LANES)
                for i in range(rows):
                    acc[i][j] = multiply_add(acc[i][j], splat(a[i * a_row]), x[0])
        a += 1
        b += BLOCK_ROWS
    for i in range(rows):
        for j in range(BLOCK_ROWS // LANES):
            if add:
                acc[i][j] = acc[i][j] + load(c + i * BLOCK_ROWS + j * LANES)
            store(c + i * BLOCK_ROWS + j * LANES, acc[i][j])


# The literals. SCAN_ROWS is a constant: the rows that a target does not have are dead code.
cdef inline void scan_rows(Py_ssize_t rows, Py_ssize_t k, const real* a, Py_ssize_t a_row, const stored* b, real* c, bint add) noexcept nogil:
    if rows == SCAN_ROWS:
        scan_part(SCAN_ROWS, k, a, a_row, b, c, add)
    elif rows == 1:
        scan_part(1, k, a, a_row, b, c, add)
    elif SCAN_ROWS > 2 and rows == 2:
        scan_part(2, k, a, a_row, b, c, add)
    elif SCAN_ROWS > 3 and rows == 3:
        scan_part(3, k, a, a_row, b, c, add)
    elif SCAN_ROWS > 4 and rows == 4:
        scan_part(4, k, a, a_row, b, c, add)
    elif SCAN_ROWS > 5 and rows == 5:
        scan_part(5, k, a, a_row, b, c, add)
    elif SCAN_ROWS > 6 and rows == 6:
        scan_part(6, k, a, a_row, b, c, add)
    elif SCAN_ROWS > 7 and rows == 7:
        scan_part(7, k, a, a_row, b, c, add)


# c[panel][rows][WIDTH]: panels meet queries (rows, depth), in the parts and order of multiply_tile.
cdef void scan_blocks(const Block* blocks, Py_ssize_t count, Py_ssize_t rows, Py_ssize_t depth, const real* queries, real* c) noexcept nogil:
    cdef Py_ssize_t part = part_of(depth, PART), i, p, row
    for i in range(count):
        for p from 0 <= p < depth by part:
            for row from 0 <= row < rows by SCAN_ROWS:      # all but the first find the part in L1
                scan_rows(smaller(SCAN_ROWS, rows - row), smaller(part, depth - p), queries + row * depth + p, depth,
                          blocks[i].data + p * BLOCK_ROWS, c + row * BLOCK_ROWS, p > 0)
        c += rows * BLOCK_ROWS
