# How vectors are reduced: where their numbers lie decides.

cdef enum Layout:
    LAYOUT_ALONG            # each vector's numbers are adjacent
    LAYOUT_ACROSS           # vectors lie side by side
    LAYOUT_PACK_ALONG       # neither, or not of both operands: copied, a tile at a time, so that they are along
    LAYOUT_PACK_ACROSS      # or across


cdef enum:
    SHORT = 8               # numbers up to which reading many vectors by lane is cheaper than adding up lanes
    PART_NUMBERS = 65536            # numbers in a part, at least, where vectors are cut
    UNCUT_BLOCKS = 64       # blocks from which only very long vectors are cut
    UNCUT = 16 * PART_NUMBERS
    WIDTH = 4096            # columns in a block: their sums stay in L1
    TILE_NUMBERS = 16384    # in a packed tile
    GROUP_NUMBERS = 262144  # partial sums kept at a time


# Blocks of vectors, and parts of vectors where these are long: what tasks are made of. Their bounds depend on the shape
# and the strides alone.
cdef struct Reducer:
    Job job
    const Reduction* r
    const Batch* batch
    Layout layout
    int sums                            # that a vector adds up to: 1, or 3 of a pair
    Py_ssize_t columns                  # vectors along the innermost dimension
    Py_ssize_t width, room              # vectors in a block; numbers in an array of its sums
    Py_ssize_t widened                  # rows read as one, where they follow each other and are narrow
    Py_ssize_t depth                    # numbers of a vector in a packed tile
    Py_ssize_t blocks, part, parts
    Py_ssize_t first_block, group       # blocks at work
    Py_ssize_t tasks_units              # units of work (a part of a block) in a task
    real* partial                       # of a group: [block][part][sums][room]
    real* group_sums                    # [block][sums][room]
    real* group_scales                  # [block][2][room]
    real* group_results                 # [block][room]
    uint8_t* again                      # blocks with scales
    bint scaled                         # those are summed again


cdef inline bint pair(const Reduction* r) noexcept nogil:
    return r.result == REDUCE_COSINE


cdef inline Py_ssize_t size_of(Py_ssize_t stride) noexcept nogil:
    return -stride if stride < 0 else stride


cdef Layout choose_layout(const Reduction* r, const Batch* batch) noexcept nogil:
    cdef int last = batch.dims - 1, o
    cdef Py_ssize_t columns = batch.shape[last], stride, next
    cdef bint adjacent = True, side_by_side = True, dense = True, steep = True
    for o in range(2 if pair(r) else 1):
        stride = r.y_stride if o else r.x_stride
        next = batch.strides[o][last]
        adjacent = adjacent and stride == 1
        side_by_side = side_by_side and next == 1
        dense = dense and next == 1 and stride == columns
        steep = steep and size_of(next) < size_of(stride)
    if side_by_side and (columns >= LANES or dense and columns * r.length >= 16 * LANES):
        return LAYOUT_ACROSS
    if r.length <= SHORT and batch.count >= LANES:
        return LAYOUT_PACK_ACROSS
    if adjacent:
        return LAYOUT_ALONG
    return LAYOUT_PACK_ACROSS if steep and columns >= LANES else LAYOUT_PACK_ALONG


# How many rows of a few columns are read as one. Theirs must follow each other.
cdef Py_ssize_t rows_in_one(const Reduction* r, Py_ssize_t columns) noexcept nogil:
    if r.x_stride != columns or pair(r) and r.y_stride != columns or columns >= 4 * LANES:
        return 1
    return smaller(r.length, ceil_div(4 * LANES, columns))


cdef void plan_reduction(Reducer* w, const Reduction* r, const Batch* batch) noexcept nogil:
    cdef Py_ssize_t in_item = batch.shape[batch.dims - 1], grain = DOT_CHUNK, numbers
    w.r = r
    w.batch = batch
    w.layout = choose_layout(r, batch)
    w.sums = 3 if pair(r) else 1
    w.columns = in_item
    w.widened = 1
    w.scaled = False
    if w.layout == LAYOUT_ACROSS:
        w.widened = rows_in_one(r, in_item)
        w.width = WIDTH
        if r.result == REDUCE_NORMALIZE and r.length <= PART_NUMBERS // 256:
            w.width = smaller(WIDTH, larger(256, PART_NUMBERS // r.length))     # read again while it is in cache
        w.width = smaller(w.width, in_item)
        w.depth = SUM_ROWS
        grain = ROWS * w.widened
    elif w.layout == LAYOUT_PACK_ACROSS:
        w.width = 512
        w.depth = SUM_ROWS
    elif w.layout == LAYOUT_PACK_ALONG:
        w.width = 64
        w.depth = TILE_NUMBERS // w.width
    else:
        w.width = larger(1, smaller(256, PART_NUMBERS // (w.sums * r.length)))
    w.width = smaller(w.width, batch.count)
    w.room = ceil_div(w.width * w.widened, LANES) * LANES
    while w.layout == LAYOUT_PACK_ACROSS and w.depth * w.room > TILE_NUMBERS:
        w.depth //= 2
    w.blocks = ceil_div(batch.count, w.width)
    if w.layout == LAYOUT_ACROSS:
        w.blocks = batch.count // in_item * ceil_div(in_item, w.width)
    numbers = r.length * w.width
    w.parts = 1
    if numbers >= 2 * PART_NUMBERS and (w.blocks < UNCUT_BLOCKS or numbers > UNCUT or r.result == REDUCE_NORMALIZE):
        w.parts = larger(1, smaller(numbers // PART_NUMBERS, GROUP_NUMBERS // (w.sums * w.room)))
    w.part = ceil_div(ceil_div(r.length, w.parts), grain) * grain
    w.parts = ceil_div(r.length, w.part)
    w.group = w.blocks
    if w.parts > 1:
        w.group = smaller(w.blocks, larger(1, GROUP_NUMBERS // (w.parts * w.sums * w.room)))


# The vectors of a block.
cdef inline Py_ssize_t first_of(const Reducer* w, Py_ssize_t block, Py_ssize_t* count) noexcept nogil:
    cdef Py_ssize_t in_item, column
    if w.layout != LAYOUT_ACROSS:
        count[0] = smaller(w.width, w.batch.count - block * w.width)
        return block * w.width
    in_item = ceil_div(w.columns, w.width)
    column = block % in_item * w.width
    count[0] = smaller(w.width, w.columns - column)
    return block // in_item * w.columns + column
