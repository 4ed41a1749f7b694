# Pairs of a row and a query that a screen could not drop (screen.pxi), measured a vector of them at a time.

cdef enum:
    RERANK_COST = 128            # what measuring a pair takes, in steps of a float product, beside a step a number
    TURN_ROWS = 4096            # queries times k from which a panel's rows are turned, to be copied rather than gathered


# LANES of them at most.
cdef struct Rerank:
    Py_ssize_t count
    const Block* block[LANES]
    int row[LANES]
    Py_ssize_t query[LANES]
    output weight[LANES]
    output bias[LANES]
    real* x                     # [LANES][depth]: the rows,
    real* y                     # and the queries
    real* x_turned              # [part][LANES]
    real* y_turned


# Its four fields of `numbers` each, from `at` on, zeros at first; returns how many bytes they take. aside NULL: no more than that.
cdef Py_ssize_t lay_rerank(Rerank* rerank, real* at, Py_ssize_t numbers) noexcept nogil:
    if rerank != NULL:
        memset(rerank, 0, sizeof(Rerank))
        memset(at, 0, 4 * numbers * sizeof(real))
        rerank.x = at
        rerank.y = at + numbers
        rerank.x_turned = at + 2 * numbers
        rerank.y_turned = at + 3 * numbers
    return 4 * numbers * sizeof(real)


# Gathering a row of a panel from 48 lines apart takes as long as six queries meet the panel. Where many will be put aside the panel is turned.
cdef inline bint rows_to_be_turned(const Search* s) noexcept nogil:
    return s.blocks.data != NULL and s.m * larger(s.k, 16) >= TURN_ROWS


# Their scores, number by number and part by part as in a tile (multiply_tile), into the sink.
cdef void rerank_now(Plan* job, Rerank* rerank, Thresholds* thresholds) noexcept nogil:
    cdef Py_ssize_t depth = job.depth, part = part_of(depth, most_at_once(job)), p, k, i, query
    cdef vec acc, sum = zero()
    cdef output values[LANES]
    for p from 0 <= p < depth by part:
        k = smaller(part, depth - p)
        transpose_into(rerank.x_turned, LANES, rerank.count, k, rerank.x + p, depth, 1)
        transpose_into(rerank.y_turned, LANES, rerank.count, k, rerank.y + p, depth, 1)
        acc = zero()
        for i in range(k):
            acc = multiply_add(acc, load(rerank.x_turned + i * LANES), load(rerank.y_turned + i * LANES))
        sum = acc + sum if p else acc
    store_out(values, to_out(sum) * load_out(rerank.weight) + load_out(rerank.bias))
    for i in range(rerank.count):
        query = rerank.query[i]
        if values[i] >= threshold_of(job, thresholds.id, query, thresholds.slot):
            offer_score(job, rerank.block[i], rerank.row[i], query, values[i], thresholds.slot)
            if thresholds.first <= query < thresholds.first + thresholds.rows:
                thresholds.value[query - thresholds.first] = threshold_of(job, thresholds.id, query, thresholds.slot)
    rerank.count = 0


cdef void rerank_later(Plan* job, Rerank* rerank, const Block* block, const Prefilter* screen, int row, Py_ssize_t query,
                    Thresholds* thresholds) noexcept nogil:
    cdef Py_ssize_t depth = job.depth, i = rerank.count
    if not may_find(job.search, query, id_of(block, row)):
        return
    rerank.block[i] = block
    rerank.row[i] = row
    rerank.query[i] = query
    rerank.weight[i] = block.weight[row]
    rerank.bias[i] = block.bias[row]
    if screen.rows != NULL:
        memcpy(rerank.x + i * depth, screen.rows + row * screen.rows_row, depth * sizeof(real))
    else:
        read_row(<output*>rerank.x + i * depth, <const char*>(block.data + row), BLOCK_ROWS * sizeof(stored), depth, TYPE_STORED)
    memcpy(rerank.y + i * depth, <const real*>job.search.queries + query * depth, depth * sizeof(real))
    rerank.count += 1
    if rerank.count == LANES:
        rerank_now(job, rerank, thresholds)
