# A block of the corpus: up to BLOCK_ROWS rows in the order of their ids, ready to be scored.
#
# In stored blocks a vector holds the same number of as many rows, so that a score is summed in one lane, number by
# number. Its bits then depend on its row and query alone: not on the row's place, nor on how many queries there are.

cdef enum:
    GATHER_AHEAD = 16       # numbers ahead of which those of gathered rows are asked for


cdef struct Block:
    Py_ssize_t count
    Py_ssize_t first                # the first row's id
    bint is_gathered                # others are left out between the rows, whose ids `ids` holds; else they follow
    Py_ssize_t ids[BLOCK_ROWS]
    uint64_t valid                  # a bit for each row that is there and may be found
    uint64_t always                 # for each stored row that reaches every threshold, though its score may be NaN
    const stored* data              # stored blocks: [depth][BLOCK_ROWS]
    const real* x                   # raw rows: what is multiplied, the corpus's own numbers or rescaled ones
    Py_ssize_t x_row
    real* dots                      # their dot products with a few queries, [queries][BLOCK_ROWS]; else NULL
    const real* rows                # raw rows: the corpus's own numbers; else NULL
    Py_ssize_t rows_row, rows_column
    const output* weight            # of BLOCK_ROWS rows
    const output* bias
    const float* scale              # of stored numbers
    output own_weight[BLOCK_ROWS]   # where they are not the corpus's, or not side by side there
    output own_bias[BLOCK_ROWS]
    float own_scale[BLOCK_ROWS]


cdef inline Py_ssize_t id_of(const Block* block, Py_ssize_t row) noexcept nogil:
    return block.ids[row] if block.is_gathered else block.first + row


# A bit for each stored row that has no score but is measured exactly (weigh_row).
cdef inline uint64_t unweighed(const output* bias) noexcept nogil:
    cdef uint64_t rows = 0
    cdef int j
    for j in range(BLOCK_ROWS // LANES):
        rows |= at_least(load_out(bias + j * LANES), splat_out(<output>infinity())) << (j * LANES)
    return rows


# Stored rows, where they lie.
cdef void place_rows(Block* block, const Blocks* blocks, Py_ssize_t depth) noexcept nogil:
    cdef Py_ssize_t lane
    block.data = <const stored*>blocks.data + block.first * depth
    block.weight = <const output*>blocks.weight + block.first
    block.bias = <const output*>blocks.bias + block.first
    for lane from 0 <= lane < BLOCK_ROWS by LINE // sizeof(output):     # or result handlers wait half of their time
        prefetch(block.weight + lane)
        prefetch(block.bias + lane)
    block.scale = blocks.scale + block.first


# The stored rows whose ids block.ids holds, side by side in a block of their own. Those of one stored block together,
# number by number, as memory likes to be read.
cdef void gather_rows(Block* block, const Blocks* blocks, Py_ssize_t depth, stored* to) noexcept nogil:
    cdef Py_ssize_t place[BLOCK_ROWS]
    cdef Py_ssize_t p, source
    cdef const stored* row
    cdef int lane = 0, first, end
    while lane < block.count:
        first = lane
        source = block.ids[lane] // BLOCK_ROWS
        while lane < block.count and block.ids[lane] // BLOCK_ROWS == source:
            place[lane] = block.ids[lane] % BLOCK_ROWS
            lane += 1
        end = lane
        row = <const stored*>blocks.data + source * BLOCK_ROWS * depth
        for p in range(depth):
            for lane in range(first, end):
                prefetch(row + place[lane] + GATHER_AHEAD * BLOCK_ROWS)
                to[p * BLOCK_ROWS + lane] = row[place[lane]]
            row += BLOCK_ROWS
        lane = end
    if block.count < BLOCK_ROWS:
        for p in range(depth):
            memset(to + p * BLOCK_ROWS + block.count, 0, (BLOCK_ROWS - block.count) * sizeof(stored))
    for lane in range(block.count):
        block.own_weight[lane] = blocks.weight[block.ids[lane]]
        block.own_bias[lane] = blocks.bias[block.ids[lane]]
        block.own_scale[lane] = blocks.scale[block.ids[lane]]
    for lane in range(<int>block.count, BLOCK_ROWS):
        block.own_weight[lane] = block.own_bias[lane] = block.own_scale[lane] = 0
    block.data = to
    block.weight = block.own_weight
    block.bias = block.own_bias
    block.scale = block.own_scale
