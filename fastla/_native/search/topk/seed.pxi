# The first thresholds. Before a query has found k rows every row reaches its threshold, and is taken one by one. So the
# first tiles' k-th best score is sought by whole vectors first, a query in each lane: rows that reach it are taken, and
# then those of the others that reach the threshold which these have left: docs/measurements.md, "First thresholds".

cdef enum:
    SEED_MOST = 16          # k up to which that is worth it
    SEED_QUERIES = 8        # queries from which
    SEED_TILES = 8          # of raw rows; one of stored rows


# rows: those of the tiles.
cdef inline bint seeds(const Plan* plan, Py_ssize_t rows, const Thresholds* thresholds) noexcept nogil:
    return thresholds.open and plan.search.result == RESULT_TOPK and plan.k <= SEED_MOST and \
        plan.k < rows and thresholds.rows >= SEED_QUERIES


# One more score in each lane: best[t] is the t-th best so far.
cdef inline void insert_scores(Py_ssize_t k, out_vec score, out_vec* best) noexcept nogil:
    cdef out_vec above
    cdef Py_ssize_t t
    for t in range(k):
        above = vec_max(score, best[t])
        score = vec_min(score, best[t])
        best[t] = above


# value[j]: the k-th best of count scores in each lane, or what it is if that is more. scores: [count][vectors].
cdef void raise_to_kth(Py_ssize_t k, int vectors, Py_ssize_t count, const output* scores,
                       output* value) noexcept nogil:
    cdef out_vec best[SEED_MOST]
    cdef Py_ssize_t i
    cdef int j
    for j in range(vectors):
        for i in range(k):
            best[i] = splat_out(<output>-infinity())
        for i in range(count):
            insert_scores(k, load_out(scores + (i * vectors + j) * LANES), best)
        store_out(value + j * LANES, vec_max(best[k - 1], load_out(value + j * LANES)))


# The same of the scores that tiles with the queries in their lanes make, [blocks[i].count][vectors] each.
cdef void raise_to_kth_of_tiles(Py_ssize_t k, int vectors, const Block* const* blocks, Py_ssize_t tiles,
                                const real* tile, output* value) noexcept nogil:
    cdef out_vec best[SEED_MOST]
    cdef out_vec dots
    cdef const real* at
    cdef Py_ssize_t i, t
    cdef int j
    for j in range(vectors):
        for i in range(k):
            best[i] = splat_out(<output>-infinity())
        for t in range(tiles):
            at = tile + t * TILE + j * LANES
            for i in range(blocks[t].count):
                dots = to_out(load(at + i * vectors * LANES))
                insert_scores(k, dots * splat_out(blocks[t].weight[i]) + splat_out(blocks[t].bias[i]), best)
        store_out(value + j * LANES, vec_max(best[k - 1], load_out(value + j * LANES)))


# What the rows that were taken have made of the queries' thresholds.
cdef void settle_thresholds(Plan* plan, Thresholds* thresholds) noexcept nogil:
    cdef Py_ssize_t query
    cdef Reservoir* best
    for query in range(thresholds.first, thresholds.first + thresholds.rows):
        best = reservoir_of(plan, query, thresholds.slot)
        if best.count >= plan.k:
            shrink(best, plan.k)
            raise_threshold(plan, best, query)
            update_threshold(plan, thresholds, query)
    thresholds.open = False
