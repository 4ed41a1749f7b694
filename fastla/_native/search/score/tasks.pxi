# A region meets the queries, and the tasks that see to it.

# Where the scores of a matrix will go is asked for before the products.
cdef inline void await_scores(const Search* s, const Block* block, Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    cdef const output* c = <const output*>s.c + block.first
    cdef Py_ssize_t query, i
    for query in range(first, first + rows):
        for i from 0 <= i < block.count + LINE // <Py_ssize_t>sizeof(output) - 1 by LINE // <Py_ssize_t>sizeof(output):
            prefetch(c + query * s.c_row + smaller(i, block.count - 1))


# A block of queries and a panel meet. The one with the index `next` comes after it, and is asked for.
cdef void score_query_block(Plan* job, const Chunk* chunk, const Scratch* scratch, Py_ssize_t index, Py_ssize_t next, Py_ssize_t first, Py_ssize_t rows,
               Thresholds* thresholds) noexcept nogil:
    cdef const Block* block = chunk.blocks + index
    cdef int vectors = <int>ceil_div(rows, LANES)
    if job.prefilters and not thresholds.dense:
        if prefilter_block(job, block, chunk.prefilters + index, scratch.rerank, first, rows, thresholds):
            return
        thresholds.dense = True
    if job.search.result == RESULT_MATRIX:
        await_scores(job.search, block, first, rows)
    if job.few or block.data != NULL:
        handle_tile(job, block, first, rows, score_block(job, block, chunk.blocks + next, first, rows, scratch.tile), thresholds)
        return
    score_raw_block(job, block, first, vectors, scratch.tile)
    if job.search.result == RESULT_MATRIX:
        transpose(scratch.transpose_into, BLOCK_ROWS, scratch.tile, vectors * LANES, block.count)
        handle_tile(job, block, first, rows, scratch.transpose_into, thresholds)
    else:
        handle_transposed_tile(job, block, first, vectors, scratch.tile, thresholds)


# All products of a region, then all scores. What lies between two panels else (a tile's beginning and end, its scores, their bars) is some 300
# instructions without a load from memory, as many as a CPU looks ahead; and panels are read as they lie, though they are met in another
# order (400,000 x 48 float32, 9 to 23 queries, ms: 3.8 to 6.1 so, 5.0 to 6.7 in that order).
cdef void score_chunk(const Plan* job, const Chunk* chunk, Py_ssize_t first, Py_ssize_t rows, real* tiles) noexcept nogil:
    cdef Py_ssize_t i
    if rows <= SCAN:
        scan_blocks(chunk.blocks, chunk.count, rows, job.depth, <const real*>job.search.queries + first * job.depth, tiles)
        return
    for i in range(chunk.count):
        score_block(job, chunk.blocks + i, chunk.blocks + smaller(i + 1, chunk.count - 1), first, rows, tiles + i * rows * BLOCK_ROWS)


# A block of queries and a region's panels meet.
cdef void score_blocks(Plan* job, const Chunk* chunk, const Scratch* scratch, Py_ssize_t first, Py_ssize_t rows, Thresholds* thresholds) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t block, next = chunk.order[0], i
    if job.scans:
        score_chunk(job, chunk, first, rows, scratch.tile)
    for i in range(chunk.count):
        block = next
        next = chunk.order[i + 1 if i + 1 < chunk.count else 0]
        if job.scans:
            handle_tile(job, chunk.blocks + block, first, rows, scratch.tile + block * rows * BLOCK_ROWS, thresholds)
        elif s.symmetric < 0 or chunk.blocks[block].first <= s.symmetric + first + rows - 1:
            score_query_block(job, chunk, scratch, block, next, first, rows, thresholds)


# Queries [first, last) and panels that are prepared.
cdef void score_queries(Plan* job, const Chunk* chunk, const Scratch* scratch, Py_ssize_t first, Py_ssize_t last, int slot) noexcept nogil:
    cdef Py_ssize_t query, rows
    cdef Thresholds thresholds
    if chunk.count == 0:
        return
    for query from first <= query < last by job.query_block:
        rows = smaller(job.query_block, last - query)
        set_thresholds(job, &thresholds, chunk.blocks[0].first, query, rows, slot)
        score_blocks(job, chunk, scratch, query, rows, &thresholds)
    if job.prefilters and scratch.rerank.count:
        rerank_now(job, scratch.rerank, &thresholds)


cdef void score_whole_chunk(Plan* job, Chunk* chunk, const Scratch* scratch, Py_ssize_t chunk_rows, Py_ssize_t first, Py_ssize_t last,
                      int slot) noexcept nogil:
    cdef Py_ssize_t row = chunk_begin(job, chunk_rows), end = chunk_begin(job, chunk_rows + 1)
    if job.chunk != NULL:
        score_queries(job, job.chunk + chunk_rows, scratch, first, last, slot)
        return
    while row < end:
        prepare_chunk(job, chunk, &row, end)
        score_queries(job, chunk, scratch, first, last, slot)


cdef void prepare_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Plan* job = <Plan*>arg
    cdef Py_ssize_t row = chunk_begin(job, index)
    prepare_chunk(job, job.chunk + index, &row, chunk_begin(job, index + 1))


cdef void search_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Plan* job = <Plan*>arg
    cdef Py_ssize_t first = index % job.groups * job.group, i = job.begin + index // job.groups * job.span, end
    cdef Chunk chunk
    cdef Scratch scratch
    cdef bint there = job.chunk != NULL or take_chunk(job, &chunk)
    end = smaller(i + job.span, job.end)
    if there and take_scratch(job, &scratch):
        while i < end and job.error == KERNEL_OK:
            score_whole_chunk(job, &chunk, &scratch, i * job.stride % job.chunks, first, smaller(first + job.group, job.search.m), slot)
            i += 1
        give_scratch(job, &scratch)
    else:
        job.error = KERNEL_NO_MEMORY
    if there and job.chunk == NULL:
        give_chunk(job, &chunk)
