# What becomes of a tile of dot products: scores, and those that reach a threshold go to a reservoir or a list.

from libc.math cimport NAN
from libc.stdint cimport uint32_t

# What a list of a range search holds.
cdef struct Found:
    Py_ssize_t id
    uint32_t query
    output score


cdef inline out_vec scores_of(const Block* block, const real* tile, int j, output scale, output unit) noexcept nogil:
    cdef out_vec weighed = to_out(load(tile + j * LANES)) * scale * load_out(block.weight + j * LANES)
    return weighed * unit + load_out(block.bias + j * LANES)


# A bit for each score of a tile's row that reaches the threshold.
cdef inline uint64_t row_hits(const Block* block, const real* tile, output scale, output unit,
                              output threshold) noexcept nogil:
    cdef uint64_t hits = 0
    cdef int j
    for j in range(BLOCK_ROWS // LANES):
        hits |= at_least(scores_of(block, tile, j, scale, unit), splat_out(threshold)) << (j * LANES)
    return hits


cdef void append(Plan* plan, FoundList* list, Py_ssize_t query, Py_ssize_t id, output score) noexcept nogil:
    cdef Py_ssize_t room = larger(1024, 2 * list.room)
    cdef void* items
    cdef Found* found
    if list.count == list.room:
        items = plan.job.runtime.resize(list.items, room * sizeof(Found))
        if items == NULL:
            fail(plan, KERNEL_NO_MEMORY)
            return
        list.items = items
        list.room = room
    found = <Found*>list.items + list.count
    found.query = <uint32_t>(plan.search.first_query + query)
    found.id = id
    found.score = score
    list.count += 1


# Hands on a computed score that has reached its threshold. Returns whether the threshold rose.
cdef bint handle_score(Plan* plan, const Block* block, int row, Py_ssize_t query, output score,
                       int slot) noexcept nogil:
    cdef Search* s = plan.search
    cdef Py_ssize_t id = id_of(block, row)
    cdef Reservoir* best
    if not may_find(s, query, id):
        return False
    if s.metric == METRIC_COSINE:
        score = 1 if score > 1 else -1 if score < -1 else score
    elif s.metric == METRIC_EUCLIDEAN:
        score = <output>-exact_distance(plan, block, row, query)
    if s.result == RESULT_TOPK:
        best = reservoir_of(plan, query, slot)
        if offer(best, plan.k, score, id):
            raise_threshold(plan, best, query)
            return True
    elif s.metric == METRIC_EUCLIDEAN:
        if -score <= <output>s.threshold:
            append(plan, s.lists + slot, query, id, -score)
    elif score >= <output>s.threshold:
        append(plan, s.lists + slot, query, id, score)
    return False


# Those of a tile's scores with the corpus in its lanes, [thresholds.rows][BLOCK_ROWS], that reach `low` and are not
# `taken`; what is handed on is marked there.
cdef void handle_scores(Plan* plan, const Block* block, const real* tile, const output* low, uint64_t* taken,
                        Thresholds* thresholds) noexcept nogil:
    cdef const Queries* queries = &plan.work.queries
    cdef output values[BLOCK_ROWS]
    cdef output scale, unit, value
    cdef uint64_t hits
    cdef Py_ssize_t i, query
    cdef int row, j
    for i in range(thresholds.rows):
        query = thresholds.first + i
        scale = queries.scale[query]
        unit = queries.unit[query]
        hits = (row_hits(block, tile + i * BLOCK_ROWS, scale, unit, low[i]) | block.always) & block.valid & ~taken[i]
        taken[i] = hits
        if hits == 0:
            continue
        for j in range(BLOCK_ROWS // LANES):
            store_out(values + j * LANES, scores_of(block, tile + i * BLOCK_ROWS, j, scale, unit))
        while hits:
            row = lowest_bit(hits)
            hits &= hits - 1
            value = values[row]
            # The threshold may have risen since. Not >=: the score of a row that reaches every threshold may be NaN.
            if not value < thresholds.value[i] and handle_score(plan, block, row, query, value, thresholds.slot):
                update_threshold(plan, thresholds, query)


# A tile with the corpus in its lanes.
cdef void handle_tile(Plan* plan, const Block* block, const real* tile, Thresholds* thresholds) noexcept nogil:
    cdef uint64_t taken[QUERY_BLOCK]
    memset(taken, 0, sizeof(taken))
    if seeds(plan, block.count, thresholds):
        seed_from_rows(plan, block, tile, taken, thresholds)
    handle_scores(plan, block, tile, thresholds.value, taken, thresholds)


# The rows that reach the k-th best score of their query.
cdef void seed_from_rows(Plan* plan, const Block* block, const real* tile, uint64_t* taken,
                         Thresholds* thresholds) noexcept nogil:
    cdef const Queries* queries = &plan.work.queries
    cdef output scores[QUERY_BLOCK * BLOCK_ROWS]
    cdef output by_row[BLOCK_ROWS * QUERY_BLOCK]
    cdef output low[QUERY_BLOCK]
    cdef Py_ssize_t i, query
    cdef int j, vectors = <int>ceil_div(thresholds.rows, LANES)
    memset(scores, 0, sizeof(scores))
    for i in range(thresholds.rows):
        query = thresholds.first + i
        for j in range(BLOCK_ROWS // LANES):
            store_out(scores + i * BLOCK_ROWS + j * LANES,
                      scores_of(block, tile + i * BLOCK_ROWS, j, queries.scale[query], queries.unit[query]))
    # Moved as they are: reals are as wide as what is computed of them.
    transpose(<real*>by_row, vectors * LANES, <const real*>scores, BLOCK_ROWS, vectors * LANES)
    memcpy(low, thresholds.value, sizeof(low))
    raise_to_kth(plan.k, vectors, block.count, by_row, low)
    handle_scores(plan, block, tile, low, taken, thresholds)
    settle_thresholds(plan, thresholds)
