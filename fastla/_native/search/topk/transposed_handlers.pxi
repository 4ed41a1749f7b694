# The same of tiles with the queries in their lanes, as raw rows against micro-panels of queries make them: a score is
# dot * weight + bias, for such queries have neither scale nor unit.

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
