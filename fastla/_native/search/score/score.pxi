# The products of a block of the corpus with a block of queries: a tile in L1.

cdef enum:
    PART = 128      # elements of stored rows that a tile sums at once: docs/measurements.md, "Parts of a row"
    WIDE_FEW = 8    # queries up to which wide tiles of reals pay; narrower numbers are widened but once


# [rows][BLOCK_ROWS]: queries from `first` on against a stored block. next: the block that comes after it.
cdef void score_stored(const Plan* plan, const Block* block, const Block* next, Py_ssize_t first, Py_ssize_t rows,
                       real* tile) noexcept nogil:
    cdef const real* queries = plan.work.queries.elements + first * plan.depth
    cdef const stored* b = block.data
    cdef const stored* after
    cdef Py_ssize_t depth = plan.depth, part = part_of(depth, PART), p = 0, k, column
    cdef bint wide = <int>NR < BLOCK_ROWS and rows <= (WIDE_FEW if STORED_IS_REAL else WIDE_ROWS)
    while p < depth or p == 0:
        k = smaller(part, depth - p)
        after = b + k * BLOCK_ROWS if p + k < depth else next.data
        if wide:
            wide_tiles(rows, k, queries + p, depth, b, tile, p > 0)
        for column from 0 <= column < (0 if wide else BLOCK_ROWS) by NR:
            score_tile(rows, <int>smaller(NV, (BLOCK_ROWS - column) // LANES), 0, k, queries + p, depth,
                       b + column, BLOCK_ROWS, tile + column, BLOCK_ROWS, p > 0, after + column)
        p += part
        b += k * BLOCK_ROWS


# [block.count][vectors]: raw rows against a micro-panel of queries, from `first` on.
cdef void score_raw(const Plan* plan, const Block* block, Py_ssize_t first, int vectors, real* tile) noexcept nogil:
    cdef const real* panel = plan.work.queries.transposed + first * plan.depth
    cdef Py_ssize_t width = vectors * LANES, depth = plan.depth, part = part_of(depth, KC), p = 0
    while p < depth or p == 0:
        score_tile(block.count, vectors, 0, smaller(part, depth - p), block.x + p, block.x_row,
                   <const stored*>panel + p * width, width, tile, width, p > 0, NULL)
        p += part


# ROUTE_SCAN: all products of a chunk, [chunk.count][rows][BLOCK_ROWS], before its scores. What lies between two blocks
# else (a tile's beginning and end, scores, thresholds) is as many instructions without a load from memory as a CPU
# looks ahead; and blocks are read as they lie, though they are scored in another order: docs/measurements.md,
# "Scanning".
cdef void score_chunk(const Plan* plan, const Chunk* chunk, Py_ssize_t first, Py_ssize_t rows,
                      real* tiles) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(chunk.count):
        score_stored(plan, chunk.blocks + i, chunk.blocks + smaller(i + 1, chunk.count - 1), first, rows,
                     tiles + i * rows * BLOCK_ROWS)
