# A region of the corpus made ready, panel by panel.

# The ids of the next rows that the mask allows, from `row` on and before `end`; returns the row after them.
cdef Py_ssize_t gather_ids(const Search* s, Block* block, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    block.count = 0
    row = next_allowed(s.mask, row, end)
    while row < end and block.count < BLOCK_ROWS:
        block.ids[block.count] = row
        block.count += 1
        row = next_allowed(s.mask, row + 1, end)
    block.first = block.ids[0]
    return row


# Stored rows, where they lie.
cdef void prepare_stored(const Search* s, Block* block, Py_ssize_t depth) noexcept nogil:
    cdef Py_ssize_t lane
    block.data = <const stored*>s.blocks.data + block.first * depth
    block.weight = <const output*>s.blocks.weight + block.first
    block.bias = <const output*>s.blocks.bias + block.first
    for lane from 0 <= lane < BLOCK_ROWS by LINE // sizeof(output):      # else half of the sink's time is waiting for them
        prefetch(block.weight + lane)
        prefetch(block.bias + lane)
    block.scale = s.blocks.scale + block.first
    if s.mask != NULL and s.mask_row == 0:
        block.valid = mask_bits(s.mask + block.first, block.count)


# Raw rows, where they lie or copied.
cdef void prepare_raw(const Plan* job, Chunk* chunk, Py_ssize_t index) noexcept nogil:
    cdef const Search* s = job.search
    cdef Block* block = chunk.blocks + index
    cdef Py_ssize_t i, d = s.rows.d
    cdef real* copy
    block.rows = <const real*>(s.rows.data + block.first * s.rows.row)
    block.rows_row = s.rows.row // <Py_ssize_t>sizeof(real)
    if chunk.copies != NULL:
        copy = chunk.copies + index * BLOCK_ROWS * d
        for i in range(block.count):
            read_row(<output*>copy + i * d, s.rows.data + id_of(block, i) * s.rows.row, s.rows.column, d, s.rows.type)
        block.rows = copy
        block.rows_row = d
    block.dots = chunk.dots + index * FEW * BLOCK_ROWS if job.few else NULL
    prepare_rows(block, s.metric, d, chunk.mended + index * BLOCK_ROWS * d, <const real*>s.queries, s.m)


# The next rows, from `row` on and before `end`, become a panel; returns the row after them. A panel of which no row may be found
# has valid 0.
cdef Py_ssize_t prepare_block(const Plan* job, Chunk* chunk, Py_ssize_t index, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    cdef const Search* s = job.search
    cdef Block* block = chunk.blocks + index
    block.gathered = job.gather
    if job.gather:
        row = gather_ids(s, block, row, end)
    else:
        block.count = smaller(BLOCK_ROWS, end - row)
        block.first = row
        row += block.count
    block.valid = (<uint64_t>1 << block.count) - 1
    if block.count == 0:
        return row
    if s.blocks.data == NULL:
        prepare_raw(job, chunk, index)
        return row
    block.rows = NULL
    if job.gather:
        gather_lanes(block, &s.blocks, job.depth, chunk.lanes + index * BLOCK_ROWS * job.depth)
    else:
        prepare_stored(s, block, job.depth)
    block.always = unweighed(block.bias) if s.metric == METRIC_EUCLIDEAN else 0
    return row


# The order in which a region's panels are met. If the k best are sought, from the last on: in jumps, by as many panels as hold k rows (search.pxi);
# but one by one where products come first, for their tiles lie in L2 (jumps took up to 15 % longer).
cdef void order_blocks(const Plan* job, Chunk* chunk) noexcept nogil:
    cdef Py_ssize_t count = chunk.count, together = count if job.scans else smaller(ceil_div(job.search.k, BLOCK_ROWS), count)
    cdef Py_ssize_t groups = ceil_div(count, larger(1, together)), step = jump(larger(1, groups)), group = groups - 1, first, block, i = 0
    if job.search.result != RESULT_TOPK:
        for i in range(count):
            chunk.order[i] = i
        return
    while i < count:
        first = group * together
        for block in range(smaller(first + together, count) - 1, first - 1, -1):
            chunk.order[i] = block
            i += 1
        group += groups - step if group < step else -step


# The panels from row[0] on of which rows may be found, job.room at most; row[0] moves on.
cdef void prepare_chunk(const Plan* job, Chunk* chunk, Py_ssize_t* row, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t count = 0
    while row[0] < end and count < job.room:
        row[0] = prepare_block(job, chunk, count, row[0], end)
        if chunk.blocks[count].valid:
            if job.prefilters:
                make_prefilter(chunk.prefilters + count, chunk.blocks + count, job.depth, chunk.space,
                            chunk.rows + count * BLOCK_ROWS * job.depth if chunk.rows != NULL else NULL)
            count += 1
    chunk.count = count
    order_blocks(job, chunk)
