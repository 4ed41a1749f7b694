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


# hits[i]: a bit for each query whose threshold is reached by row i of a tile with the queries in its lanes. Returns all
# of them. Nearly always there is none, and this is all that becomes of a tile: four cycles a row.
cdef inline uint64_t transposed_hits(const int vectors, const Block* block, const real* tile,
                                     const output* low, uint64_t* hits) noexcept nogil:
    cdef out_vec threshold[NV]
    cdef out_vec weight, bias
    cdef uint64_t row, all = 0
    cdef Py_ssize_t i
    cdef int j
    for j in range(vectors):
        threshold[j] = load_out(low + j * LANES)
    for i in range(block.count):
        weight = splat_out(block.weight[i])
        bias = splat_out(block.bias[i])
        row = 0
        for j in range(vectors):
            row |= at_least(to_out(load(tile + (i * vectors + j) * LANES)) * weight + bias, threshold[j]) << (j * LANES)
        hits[i] = row
        all |= row
    return all


# A row of such a tile, whose scores with some queries have reached their thresholds.
cdef void handle_row(Plan* plan, const Block* block, int row, const real* tile, uint64_t hits,
                     Thresholds* thresholds) noexcept nogil:
    cdef output values[LANES]
    cdef output value
    cdef out_vec v
    cdef Py_ssize_t query
    cdef int i, j, computed = -1
    while hits:
        i = lowest_bit(hits)
        hits &= hits - 1
        j = i // LANES
        if j != computed:
            v = to_out(load(tile + j * LANES)) * splat_out(block.weight[row]) + splat_out(block.bias[row])
            store_out(values, v)
            computed = j
        query = thresholds.first + i
        value = values[i % LANES]
        if not value < thresholds.value[i] and handle_score(plan, block, row, query, value, thresholds.slot):
            update_threshold(plan, thresholds, query)


# Those of a tile's scores with the queries in its lanes, [block.count][vectors], that reach `low` and are not `taken`;
# what is handed on is marked there.
cdef void handle_rows(Plan* plan, const Block* block, int vectors, const real* tile, const output* low,
                      uint64_t* taken, Thresholds* thresholds) noexcept nogil:
    cdef uint64_t hits[BLOCK_ROWS]
    cdef uint64_t any
    cdef Py_ssize_t i
    if vectors == NV:
        any = transposed_hits(NV, block, tile, low, hits)
    elif vectors == 1:
        any = transposed_hits(1, block, tile, low, hits)
    else:
        any = transposed_hits(2, block, tile, low, hits)
    for i in range(block.count if any else 0):
        hits[i] &= ~taken[i]
        taken[i] |= hits[i]
        if hits[i]:
            handle_row(plan, block, <int>i, tile + i * vectors * LANES, hits[i], thresholds)


# Tiles with the queries in their lanes, TILE apart: several where first thresholds are sought.
cdef void handle_transposed_tiles(Plan* plan, const Block* const* blocks, Py_ssize_t tiles, int vectors,
                                  const real* tile, Thresholds* thresholds) noexcept nogil:
    cdef uint64_t taken[SEED_TILES][BLOCK_ROWS]
    cdef output low[QUERY_BLOCK]
    cdef Py_ssize_t t, rows = 0
    memset(taken, 0, tiles * sizeof(taken[0]))
    for t in range(tiles):
        rows += blocks[t].count
    if seeds(plan, rows, thresholds):
        memcpy(low, thresholds.value, sizeof(low))
        raise_to_kth_of_tiles(plan.k, vectors, blocks, tiles, tile, low)
        for t in range(tiles):
            handle_rows(plan, blocks[t], vectors, tile + t * TILE, low, taken[t], thresholds)
        settle_thresholds(plan, thresholds)
    for t in range(tiles):
        handle_rows(plan, blocks[t], vectors, tile + t * TILE, thresholds.value, taken[t], thresholds)
