# ROUTE_NEAREST: the one best row of each of many queries among few rows, as k-means asks for its centres. A lane keeps
# its query's best score, whose it is, and the best of all other rows. In euclidean searches the leader is measured:
# where no other's score reaches the threshold that its distance leaves, it is the nearest; else those are measured that
# do. Where a query has no leader (its scores are NaN, say), or many would be measured so, the block of queries is
# searched like any other.

cdef enum:
    MEASURED = 16       # of a block's queries one in so many: docs/measurements.md, "The nearest of few rows"

cdef struct Leaders:
    output best[QUERY_BLOCK]
    output place[QUERY_BLOCK]       # of the row among all blocks: BLOCK_ROWS * block + row
    output others[QUERY_BLOCK]      # the best score of another row


# A tile with the queries in its lanes, [block.count][vectors]. first: the place of the block's first row. cosine: no
# score is above 1.
cdef inline void keep_leaders(const int vectors, const bint cosine, const Block* block, Py_ssize_t first,
                              const real* tile, Leaders* leaders) noexcept nogil:
    cdef out_vec best[NV]
    cdef out_vec place[NV]
    cdef out_vec others[NV]
    cdef out_vec score, weight, bias, row = splat_out(<output>first)
    cdef Py_ssize_t i
    cdef int j
    for j in range(vectors):
        best[j] = load_out(leaders.best + j * LANES)
        place[j] = load_out(leaders.place + j * LANES)
        others[j] = load_out(leaders.others + j * LANES)
    for i in range(block.count):
        weight = splat_out(block.weight[i])
        bias = splat_out(block.bias[i])
        for j in range(vectors):
            score = to_out(load(tile + (i * vectors + j) * LANES)) * weight + bias
            if cosine:
                score = vec_min(score, splat_out(1))
            others[j] = vec_max(vec_min(score, best[j]), others[j])     # of NaN what is second
            place[j] = where_above(score, best[j], row, place[j])
            best[j] = vec_max(score, best[j])
        row = row + splat_out(1)
    for j in range(vectors):
        store_out(leaders.best + j * LANES, best[j])
        store_out(leaders.place + j * LANES, place[j])
        store_out(leaders.others + j * LANES, others[j])


# The leaders of a block of queries among all rows.
cdef void find_leaders(const Plan* plan, const Block* const* blocks, Py_ssize_t count, Py_ssize_t query,
                       Py_ssize_t rows, real* tile, Leaders* leaders) noexcept nogil:
    cdef int vectors = <int>ceil_div(rows, LANES)
    cdef bint cosine = plan.search.metric == METRIC_COSINE
    cdef Py_ssize_t i
    for i in range(QUERY_BLOCK):
        leaders.best[i] = leaders.others[i] = <output>-infinity()
        leaders.place[i] = 0
    for i in range(count):
        score_raw(plan, blocks[i], query, vectors, tile)
        if vectors == NV and not cosine:
            keep_leaders(NV, False, blocks[i], i * BLOCK_ROWS, tile, leaders)
        elif vectors == NV:
            keep_leaders(NV, True, blocks[i], i * BLOCK_ROWS, tile, leaders)
        else:                           # the last block of queries
            keep_leaders(vectors, cosine, blocks[i], i * BLOCK_ROWS, tile, leaders)


# Euclidean: a query's scores with a block's rows anew, and those rows measured that reach the threshold.
cdef void measure_block(const Plan* plan, Py_ssize_t query, const Block* block, output threshold,
                        Candidate* nearest) noexcept nogil:
    cdef real dots[BLOCK_ROWS]
    cdef real unused[BLOCK_ROWS]
    cdef Block scored = block[0]
    cdef Candidate candidate
    cdef Py_ssize_t i
    scored.dots = dots
    square_block(&scored, plan.d, unused, plan.work.queries.elements + query * plan.depth, 1)
    for i in range(block.count):
        if <output>dots[i] * block.weight[i] + block.bias[i] >= threshold:
            candidate.score = <output>-exact_distance(plan, block, <int>i, query)
            candidate.id = id_of(block, i)
            if candidate.score == candidate.score and better(&candidate, nearest):
                nearest[0] = candidate


# The result of a query from its leader. False: it has none that says anything, or `anew`, how many queries may still
# meet the rows anew, is 0.
cdef bint settle_leader(const Plan* plan, Py_ssize_t query, const Block* const* blocks, Py_ssize_t count,
                        const Leaders* leaders, Py_ssize_t i, Py_ssize_t* anew) noexcept nogil:
    cdef Py_ssize_t place = <Py_ssize_t>leaders.place[i]
    cdef const Block* block = blocks[place // BLOCK_ROWS]
    cdef int row = <int>(place % BLOCK_ROWS)
    cdef output score = leaders.best[i], threshold
    cdef Candidate nearest
    if score == <output>-infinity() or plan.search.metric == METRIC_COSINE and score <= -1:
        return False
    nearest.score = score
    nearest.id = id_of(block, row)
    if plan.search.metric == METRIC_EUCLIDEAN:
        if score == <output>infinity():         # of a row without products, however far
            return False
        nearest.score = <output>-exact_distance(plan, block, row, query)
        threshold = distance_threshold(plan, query, -<double>nearest.score)
        if not leaders.others[i] < threshold:
            if anew[0] == 0 or nearest.score != nearest.score:
                return False
            anew[0] -= 1
            for i in range(count):
                measure_block(plan, query, blocks[i], threshold, &nearest)
        nearest.score = -nearest.score
    (<output*>plan.search.scores)[query] = nearest.score
    plan.search.ids[query] = nearest.id
    return True


# The queries [first, end).
cdef void find_nearest(Plan* plan, const Scratch* scratch, Py_ssize_t first, Py_ssize_t end, int slot) noexcept nogil:
    cdef Py_ssize_t rows, query, count = 0, i, at, anew
    cdef const Block* blocks[NEAREST_BLOCKS]
    cdef Leaders leaders
    cdef bint settled
    for i in range(plan.chunks):
        for at in range(plan.work.chunks[i].count):
            if count < NEAREST_BLOCKS:          # a mask may be written meanwhile
                blocks[count] = plan.work.chunks[i].blocks + at
                count += 1
    for query from first <= query < end by plan.query_block:
        rows = smaller(plan.query_block, end - query)
        find_leaders(plan, blocks, count, query, rows, scratch.tile, &leaders)
        settled = True
        anew = rows // MEASURED
        for i in range(rows):
            settled = settled and settle_leader(plan, query + i, blocks, count, &leaders, i, &anew)
        if not settled:
            search_chunks(plan, scratch, query, query + rows, slot)
