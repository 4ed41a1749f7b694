# The re-rank: pairs of a row and a query that a prefilter could not drop, scored a vector of them at a time.

cdef enum:
    RERANK_COST = 128           # what a pair takes, in steps of a product of reals, beside a step a number
    TRANSPOSE_ROWS = 4096       # queries times k from which a block is transposed: rows are copied rather than gathered


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
    real* x_transposed          # [part][LANES]
    real* y_transposed


# Its four fields of numbers, zeros at first. rerank NULL: only `at` moves on.
cdef void lay_rerank(const Plan* plan, Rerank* rerank, char** at) noexcept nogil:
    cdef Py_ssize_t numbers = LANES * plan.depth
    cdef real* x = <real*>carve(at, 4 * numbers * sizeof(real))
    if rerank == NULL:
        return
    memset(rerank, 0, sizeof(Rerank))
    memset(x, 0, 4 * numbers * sizeof(real))
    rerank.x = x
    rerank.y = x + numbers
    rerank.x_transposed = x + 2 * numbers
    rerank.y_transposed = x + 3 * numbers


# Gathering a stored row from as many cache lines takes as long as six queries against its block. Where there will be
# many the block is transposed.
cdef inline bint transposes_rows(const Plan* plan) noexcept nogil:
    return plan.route == ROUTE_STORED_PREFILTER and plan.m * larger(plan.search.k, 16) >= TRANSPOSE_ROWS


# Their scores, number by number and part by part as in a tile of scores, to the result handler.
cdef void rerank(Plan* plan, Rerank* pairs, Thresholds* thresholds) noexcept nogil:
    cdef Py_ssize_t depth = plan.depth, part = part_of(depth, KC if is_raw(plan.search) else PART), p, k, i, query
    cdef vec acc, sum = zero()
    cdef output values[LANES]
    for p from 0 <= p < depth by part:
        k = smaller(part, depth - p)
        transpose_into(pairs.x_transposed, LANES, pairs.count, k, pairs.x + p, depth, 1)
        transpose_into(pairs.y_transposed, LANES, pairs.count, k, pairs.y + p, depth, 1)
        acc = zero()
        for i in range(k):
            acc = multiply_add(acc, load(pairs.x_transposed + i * LANES), load(pairs.y_transposed + i * LANES))
        sum = acc + sum if p else acc
    store_out(values, to_out(sum) * load_out(pairs.weight) + load_out(pairs.bias))
    for i in range(pairs.count):
        query = pairs.query[i]
        if values[i] >= threshold_of(plan, thresholds.id, query, thresholds.slot):
            handle_score(plan, pairs.block[i], pairs.row[i], query, values[i], thresholds.slot)
            if thresholds.first <= query < thresholds.first + thresholds.rows:
                update_threshold(plan, thresholds, query)
    pairs.count = 0


# One more pair; all of them are scored when there is no more room.
cdef void add_pair(Plan* plan, Rerank* pairs, const Block* block, const Prefilter* prefilter, int row, Py_ssize_t query,
                   Thresholds* thresholds) noexcept nogil:
    cdef Py_ssize_t depth = plan.depth, i = pairs.count
    if not may_find(plan.search, query, id_of(block, row)):
        return
    pairs.block[i] = block
    pairs.row[i] = row
    pairs.query[i] = query
    pairs.weight[i] = block.weight[row]
    pairs.bias[i] = block.bias[row]
    if prefilter.rows != NULL:
        memcpy(pairs.x + i * depth, prefilter.rows + row * prefilter.rows_row, depth * sizeof(real))
    else:
        read_row(<output*>pairs.x + i * depth, <const char*>(block.data + row), BLOCK_ROWS * sizeof(stored), depth,
                 TYPE_STORED)
    memcpy(pairs.y + i * depth, plan.work.queries.elements + query * depth, depth * sizeof(real))
    pairs.count += 1
    if pairs.count == LANES:
        rerank(plan, pairs, thresholds)
