# A chunk of the corpus made ready, block by block.

cdef inline Py_ssize_t chunk_begin(const Plan* plan, Py_ssize_t chunk) noexcept nogil:
    if plan.source == SOURCE_GATHERED:
        return plan.work.bounds[chunk]
    return smaller(chunk * plan.chunk_blocks * BLOCK_ROWS, plan.n)


# Raw rows, where they lie or copied.
cdef void prepare_raw(const Plan* plan, Chunk* chunk, Py_ssize_t index) noexcept nogil:
    cdef const Rows* rows = &plan.search.rows
    cdef Block* block = chunk.blocks + index
    cdef Py_ssize_t i, d = plan.d
    cdef real* copy
    block.rows = <const real*>(rows.data + block.first * rows.row)
    block.rows_row = rows.row // <Py_ssize_t>sizeof(real)
    block.rows_column = 1
    if plan.route == ROUTE_COLUMNS:
        block.rows_column = rows.column // <Py_ssize_t>sizeof(real)
        block.dots = chunk.sums + index * sums_of(plan.m)
        weigh_columns(plan, block, chunk.space, chunk.part)
        return
    if chunk.copies != NULL:
        copy = chunk.copies + index * BLOCK_ROWS * d
        if not lie_across(rows):
            for i in range(block.count):
                read_row(<output*>copy + i * d, rows.data + id_of(block, i) * rows.row, rows.column, d, rows.type)
        elif block.is_gathered:
            read_across(copy, rows, block.ids, 0, block.count)
        block.rows = copy
        block.rows_row = d
    block.dots = chunk.dots + index * FEW * BLOCK_ROWS if chunk.dots != NULL else NULL
    weigh_rows(block, plan.search.metric, d, chunk.rescaled + index * BLOCK_ROWS * d, plan.work.queries.elements,
               plan.m)


cdef void prepare_stored(const Plan* plan, Chunk* chunk, Py_ssize_t index) noexcept nogil:
    cdef const Search* s = plan.search
    cdef Block* block = chunk.blocks + index
    block.rows = NULL
    if plan.source == SOURCE_GATHERED:
        gather_rows(block, &s.blocks, plan.depth, chunk.gathered + index * BLOCK_ROWS * plan.depth)
    else:
        place_rows(block, &s.blocks, plan.depth)
        if s.mask != NULL and s.mask_row == 0:
            block.valid = mask_bits(s.mask + block.first, 1, block.count)
    block.always = unweighed(block.bias) if s.metric == METRIC_EUCLIDEAN else 0


# The next rows, from `row` on and before `end`, become a block; returns the row after them. A block of which no row may
# be found has valid 0.
cdef Py_ssize_t prepare_block(const Plan* plan, Chunk* chunk, Py_ssize_t index, Py_ssize_t row,
                              Py_ssize_t end) noexcept nogil:
    cdef Block* block = chunk.blocks + index
    block.is_gathered = plan.source == SOURCE_GATHERED
    if block.is_gathered:
        row = gather_ids(plan.search.mask, block, row, end)
    else:
        block.count = smaller(BLOCK_ROWS, end - row)
        block.first = row
        row += block.count
    block.valid = (<uint64_t>1 << block.count) - 1
    if block.count == 0:
        return row
    if is_raw(plan.search):
        prepare_raw(plan, chunk, index)
    else:
        prepare_stored(plan, chunk, index)
    if block.valid and prefilters(plan):
        make_prefilter(plan, chunk, index)
    return row


# The order in which a chunk's blocks are scored. If the k best are sought, from the last on in jumps, by as many blocks
# as hold k rows; but one by one in ROUTE_SCAN, whose tiles lie in L2. Of a corpus of rising scores the best of each
# chunk then come first, and of falling ones the best chunk: docs/measurements.md, "Sorted corpora".
cdef void order_blocks(const Plan* plan, Chunk* chunk) noexcept nogil:
    cdef Py_ssize_t count = chunk.count, together, groups, step, group, block, i = 0
    if plan.search.result != RESULT_TOPK:
        for i in range(count):
            chunk.order[i] = i
        return
    together = count if plan.route == ROUTE_SCAN else smaller(ceil_div(plan.search.k, BLOCK_ROWS), count)
    groups = ceil_div(count, larger(1, together))
    step = jump(larger(1, groups))
    group = groups - 1
    while i < count:
        for block in range(smaller((group + 1) * together, count) - 1, group * together - 1, -1):
            chunk.order[i] = block
            i += 1
        group += groups - step if group < step else -step
    # docs/measurements.md, "The order of blocks".
    if count > 1 and chunk.blocks[count - 1].count < BLOCK_ROWS:
        chunk.order[0], chunk.order[1] = chunk.order[1], chunk.order[0]


# The blocks from row[0] on of which rows may be found, as many as the chunk has room for; row[0] moves on.
cdef void prepare_chunk(const Plan* plan, Chunk* chunk, Py_ssize_t* row, Py_ssize_t end) noexcept nogil:
    cdef const Rows* rows = &plan.search.rows
    chunk.count = 0
    if plan.source == SOURCE_COPIED and lie_across(rows):       # all of it, so that columns are read in long pieces
        read_across(chunk.copies, rows, NULL, row[0], smaller(end - row[0], plan.chunk_blocks * BLOCK_ROWS))
    elif plan.route == ROUTE_COLUMNS:
        sum_columns(<const real*>(rows.data + row[0] * rows.row), rows.column // <Py_ssize_t>sizeof(real),
                    smaller(end - row[0], plan.chunk_blocks * BLOCK_ROWS), plan.work.queries.elements, plan.m, plan.d,
                    chunk.sums, chunk.part)
    while row[0] < end and chunk.count < plan.chunk_blocks:
        row[0] = prepare_block(plan, chunk, chunk.count, row[0], end)
        chunk.count += chunk.blocks[chunk.count].valid != 0
    order_blocks(plan, chunk)


cdef void prepare_chunk_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Plan* plan = <const Plan*>arg
    cdef Py_ssize_t row = chunk_begin(plan, index)
    prepare_chunk(plan, plan.work.chunks + index, &row, chunk_begin(plan, index + 1))


# The bounds of all chunks and, where tasks take groups of queries, the chunks themselves.
cdef int prepare_shared_chunks(Plan* plan) noexcept nogil:
    if plan.source == SOURCE_GATHERED:
        bound_chunks(plan)
    if plan.groups == 1:
        return KERNEL_OK
    return run_tasks(prepare_chunk_task, plan, plan.chunks, cost(0, 4.0 * plan.n * plan.d, sizeof(real)))
