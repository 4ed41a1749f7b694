# The tasks of a search: a chunk of the corpus is made ready, scored against the queries block by block, and every tile
# handed on.

# Blocks of raw rows and a block of queries: one, or as many as first thresholds are sought in.
cdef void score_raw_blocks(Plan* plan, const Block* const* blocks, Py_ssize_t count, const Scratch* scratch,
                           Thresholds* thresholds) noexcept nogil:
    cdef Py_ssize_t first = thresholds.first, rows = thresholds.rows, i
    cdef int vectors = <int>ceil_div(rows, LANES)
    cdef real* tile = scratch.tile
    for i in range(count):
        score_raw(plan, blocks[i], first, vectors, tile)
        if plan.search.function.call != NULL and not apply_metric(plan, blocks[i], first, rows, vectors * LANES, tile):
            return
        tile += TILE
    handle_transposed_tiles(plan, blocks, count, vectors, scratch.tile, thresholds)


# The first blocks of a chunk, where thresholds are open. Returns how many.
cdef Py_ssize_t score_first_blocks(Plan* plan, const Chunk* chunk, const Scratch* scratch,
                                   Thresholds* thresholds) noexcept nogil:
    cdef const Block* blocks[SEED_TILES]
    cdef Py_ssize_t count = smaller(tiles_together(plan), chunk.count), i
    for i in range(count):
        blocks[i] = chunk.blocks + chunk.order[i]
    score_raw_blocks(plan, blocks, count, scratch, thresholds)
    return count


# A block of the corpus and a block of queries; `next` comes after it.
cdef void score_block(Plan* plan, const Block* block, const Block* next, const Prefilter* prefilter,
                      const Scratch* scratch,
                      Thresholds* thresholds) noexcept nogil:
    cdef Py_ssize_t first = thresholds.first, rows = thresholds.rows
    if prefilters(plan) and not thresholds.dense:
        if prefilter_block(plan, block, prefilter, scratch.rerank, thresholds):
            return
        thresholds.dense = True
    if plan.route == ROUTE_RAW_FEW or plan.route == ROUTE_COLUMNS:
        if plan.search.function.call == NULL or apply_metric(plan, block, first, rows, 0, block.dots):
            handle_tile(plan, block, block.dots, thresholds)
    elif not is_raw(plan.search):
        score_stored(plan, block, next, first, rows, scratch.tile)
        handle_tile(plan, block, scratch.tile, thresholds)
    else:
        score_raw_blocks(plan, &block, 1, scratch, thresholds)


# A chunk and a block of queries.
cdef void score_blocks(Plan* plan, const Chunk* chunk, const Scratch* scratch, Thresholds* thresholds) noexcept nogil:
    cdef Py_ssize_t block, next, i = 0
    if plan.route == ROUTE_SCAN:
        score_chunk(plan, chunk, thresholds.first, thresholds.rows, scratch.tile)
    elif plan.route == ROUTE_RAW and thresholds.open:
        i = score_first_blocks(plan, chunk, scratch, thresholds)
    for i in range(i, chunk.count):
        block = chunk.order[i]
        next = chunk.order[i + 1 if i + 1 < chunk.count else 0]
        if plan.route == ROUTE_SCAN:
            handle_tile(plan, chunk.blocks + block, scratch.tile + block * thresholds.rows * BLOCK_ROWS, thresholds)
        else:
            score_block(plan, chunk.blocks + block, chunk.blocks + next, chunk.prefilters + block, scratch, thresholds)


# A chunk and the queries [first, end), block by block.
cdef void score_queries(Plan* plan, const Chunk* chunk, const Scratch* scratch, Py_ssize_t first, Py_ssize_t end,
                        int slot) noexcept nogil:
    cdef Py_ssize_t query
    cdef Thresholds thresholds
    if chunk.count == 0:
        return
    for query from first <= query < end by plan.query_block:
        set_thresholds(plan, &thresholds, chunk.blocks[0].first, query, smaller(plan.query_block, end - query), slot)
        score_blocks(plan, chunk, scratch, &thresholds)
    if prefilters(plan) and scratch.rerank.count:
        rerank(plan, scratch.rerank, &thresholds)


# The queries [first, end) against all chunks, which are ready, and their results.
cdef void search_chunks(Plan* plan, const Scratch* scratch, Py_ssize_t first, Py_ssize_t end, int slot) noexcept nogil:
    cdef bint topk = plan.search.result == RESULT_TOPK
    cdef Py_ssize_t i
    for i in range(first, end if topk else first):
        start_query(plan, i)
    for i in range(plan.chunks):
        score_queries(plan, plan.work.chunks + i * plan.stride % plan.chunks, scratch, first, end, slot)
    for i in range(first, end if topk else first):
        finish_query(plan, i)


# One task: `span` chunks in the order of plan.stride, and the queries of a group.
cdef void search_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Plan* plan = <Plan*>arg
    cdef Py_ssize_t first = index % plan.groups * plan.group, end = smaller(first + plan.group, plan.m)
    cdef Py_ssize_t i = plan.begin + index // plan.groups * plan.span, last = smaller(i + plan.span, plan.end)
    cdef Py_ssize_t chunk, row
    cdef Scratch scratch
    if not take_scratch(plan, &scratch):
        fail(plan, KERNEL_NO_MEMORY)
        return
    while i < last and not failed(plan):
        chunk = i * plan.stride % plan.chunks
        row = chunk_begin(plan, chunk)
        if plan.groups > 1:
            score_queries(plan, plan.work.chunks + chunk, &scratch, first, end, slot)
        else:
            while row < chunk_begin(plan, chunk + 1):
                prepare_chunk(plan, &scratch.chunk, &row, chunk_begin(plan, chunk + 1))
                score_queries(plan, &scratch.chunk, &scratch, first, end, slot)
        i += 1
    plan.job.runtime.give(scratch.block)


include "nearest.pxi"


# All that becomes of a group's queries.
cdef void group_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Plan* plan = <Plan*>arg
    cdef Py_ssize_t first = index * plan.group, end = smaller(first + plan.group, plan.m), i
    cdef Scratch scratch
    if not take_scratch(plan, &scratch):
        fail(plan, KERNEL_NO_MEMORY)
        return
    for i in range(first // QUERIES_TOGETHER, ceil_div(end, QUERIES_TOGETHER)):
        prepare_queries_task(plan, i, slot)
    if not failed(plan):
        if plan.route == ROUTE_NEAREST:
            find_nearest(plan, &scratch, first, end, slot)
        else:
            search_chunks(plan, &scratch, first, end, slot)
    plan.job.runtime.give(scratch.block)


# Groups of queries share no reservoirs, but a group's tasks do: these come one after the other.
cdef int run_search(Plan* plan) noexcept nogil:
    cdef Py_ssize_t together = plan.span if plan.groups > 1 else plan.chunks
    cdef int status = KERNEL_OK
    if plan.whole:
        return run_tasks(group_task, plan, plan.groups, plan.ns)
    while plan.end < plan.chunks and status == KERNEL_OK:
        plan.begin = plan.end
        plan.end = smaller(plan.begin + together, plan.chunks)
        status = run_tasks(search_task, plan, plan.groups * ceil_div(plan.end - plan.begin, plan.span), plan.ns)
    return status
