# What becomes of a tile of dot products: scores, and where they go.

from libc.math cimport NAN

cdef inline out_vec scores_of(const Block* block, const real* tile, int j, output scale) noexcept nogil:
    return to_out(load(tile + j * LANES)) * scale * load_out(block.weight + j * LANES) + load_out(block.bias + j * LANES)


# A bit for each stored row that has no score but is measured exactly (weigh_row).
cdef inline uint64_t unweighed(const output* bias) noexcept nogil:
    cdef uint64_t rows = 0
    cdef int j
    for j in range(BLOCK_ROWS // LANES):
        rows |= at_least(load_out(bias + j * LANES), splat_out(<output>infinity())) << (j * LANES)
    return rows


# A bit for each score of a tile's row that reaches the bar.
cdef inline uint64_t row_hits(const Block* block, const real* tile, output scale, output bar) noexcept nogil:
    cdef uint64_t hits = 0
    cdef out_vec thresholds = splat_out(bar)
    cdef int j
    for j in range(BLOCK_ROWS // LANES):
        hits |= at_least(scores_of(block, tile, j, scale), thresholds) << (j * LANES)
    return hits


# The scores themselves. What is computed of a cosine may be a little outside of [-1, 1].
cdef inline void row_scores(const Block* block, const real* tile, output scale, bint is_cosine, output* values) noexcept nogil:
    cdef out_vec v
    cdef int j
    for j in range(BLOCK_ROWS // LANES):
        v = scores_of(block, tile, j, scale)
        store_out(values + j * LANES, vec_clamp(v) if is_cosine else v)


cdef inline uint64_t mask_bits(const uint8_t* mask, Py_ssize_t count) noexcept nogil:
    cdef uint64_t bits = 0
    cdef Py_ssize_t i
    for i in range(count):
        bits |= <uint64_t>(mask[i] != 0) << i
    return bits


# The sum of the squared differences of a query and a panel's row, from their numbers themselves, times `scale` squared.
cdef double squared_differences(const Plan* job, const Block* block, int lane, Py_ssize_t query, double scale) noexcept nogil:
    cdef Py_ssize_t d = job.search.blocks.d if block.rows == NULL else job.search.rows.d, p, i
    cdef const output* y = <const output*>job.search.plain + query * d
    cdef const output* x
    cdef const stored* elements
    cdef real element[LANES]
    cdef double sum = 0, difference
    if block.rows != NULL:
        x = <const output*>(block.rows + lane * block.rows_row)
        for p in range(d):
            difference = (<double>x[p] - y[p]) * scale      # not x * scale - y * scale: a fused one leaves a rounding error of equals
            sum += difference * difference
        return sum
    elements = block.data + lane // LANES * LANES
    for p in range(job.depth):
        store(element, load_stored(elements + p * BLOCK_ROWS))
        for i in range(smaller(ELEMENT_WIDTH, d - p * ELEMENT_WIDTH)):
            difference = (<double>number(element[lane % LANES], <int>i) * block.scale[lane] - y[p * ELEMENT_WIDTH + i]) * scale
            sum += difference * difference
    return sum


# The distance, even where its square is out of float64's range.
cdef double exact_distance(const Plan* job, const Block* block, int lane, Py_ssize_t query) noexcept nogil:
    cdef double squares = squared_differences(job, block, lane, query, 1), scale
    if 1e-280 < squares < 1e280 or squares != squares:
        return root(squares)
    scale = 1e-160 if squares > 1 else 1e160
    return root(squared_differences(job, block, lane, query, scale)) / scale


cdef void note(Plan* job, List* found, Py_ssize_t query, Py_ssize_t id, double score) noexcept nogil:
    cdef Found* items
    cdef Py_ssize_t room = larger(1024, 2 * found.room)
    if found.count == found.room:
        items = <Found*>job.runtime.resize(found.items, room * sizeof(Found))
        if items == NULL:
            job.error = KERNEL_NO_MEMORY
            return
        found.items = items
        found.room = room
    found.items[found.count].query = query
    found.items[found.count].id = id
    found.items[found.count].score = score
    found.count += 1


cdef inline bint may_find(const Search* s, Py_ssize_t query, Py_ssize_t id) noexcept nogil:
    return not (s.exclude != NULL and s.exclude[query] == id or s.mask != NULL and s.mask_row and s.mask[query * s.mask_row + id] == 0)


# A computed score that has reached its bar. True where that has become another.
cdef bint offer_score(Plan* job, const Block* block, int row, Py_ssize_t query, output score, int slot) noexcept nogil:
    cdef Search* s = job.search
    cdef Py_ssize_t id = id_of(block, row)
    cdef Reservoir* best
    if not may_find(s, query, id):
        return False
    if s.metric == METRIC_COSINE:
        score = 1 if score > 1 else -1 if score < -1 else score
    elif s.metric == METRIC_EUCLIDEAN:
        score = <output>-exact_distance(job, block, row, query)
    if s.result == RESULT_TOPK:
        best = reservoir_of(job, query, slot)
        if offer(best, s.k, score, id):
            raise_threshold(job, best, query)
            return True
    elif s.metric == METRIC_EUCLIDEAN:
        if -score <= <output>s.threshold:
            note(job, job.lists + slot, query, id, -score)
    elif score >= <output>s.threshold:
        note(job, job.lists + slot, query, id, score)
    return False


# A tile with the corpus in its lanes, [rows][WIDTH], of queries [first, first + rows), into the sink.
cdef void handle_tile(Plan* job, const Block* block, Py_ssize_t first, Py_ssize_t rows, const real* tile, Thresholds* thresholds) noexcept nogil:
    cdef Search* s = job.search
    cdef output values[BLOCK_ROWS]
    cdef output* to
    cdef output scale = 1
    cdef uint64_t hits
    cdef Py_ssize_t i, query
    cdef int row
    for i in range(rows):
        query = first + i
        if s.query_scale != NULL:
            scale = (<const output*>s.query_scale)[query]
        if s.result == RESULT_MATRIX:
            to = <output*>s.c + query * s.c_row + block.first
            row_scores(block, tile + i * BLOCK_ROWS, scale, s.metric == METRIC_COSINE, to if block.count == BLOCK_ROWS else values)
            if block.count < BLOCK_ROWS:
                memcpy(to, values, block.count * sizeof(output))
            continue
        hits = (row_hits(block, tile + i * BLOCK_ROWS, scale, thresholds.value[i]) | block.always) & block.valid
        if hits:
            row_scores(block, tile + i * BLOCK_ROWS, scale, False, values)
            while hits:
                row = lowest_bit(hits)
                hits &= hits - 1
                # The bar may have risen since. Not >=: what is computed of a row that reaches every bar may be NaN.
                if not values[row] < thresholds.value[i] and offer_score(job, block, row, query, values[row], thresholds.slot):
                    thresholds.value[i] = threshold_of(job, thresholds.id, query, thresholds.slot)


# hits[i]: a bit for each query whose bar is reached by row i of a tile with the queries in its lanes. Returns all of them. Nearly always
# there is none, and this is all that becomes of a tile: four cycles a row.
cdef inline uint64_t transposed_hits(const int vectors, const Block* block, const real* tile, const Thresholds* thresholds, uint64_t* hits) noexcept nogil:
    cdef out_vec bar[NV]
    cdef out_vec weight, bias
    cdef uint64_t row, all = 0
    cdef Py_ssize_t i
    cdef int j
    for j in range(vectors):
        bar[j] = load_out(thresholds.value + j * LANES)
    for i in range(block.count):
        weight = splat_out(block.weight[i])
        bias = splat_out(block.bias[i])
        row = 0
        for j in range(vectors):
            row |= at_least(to_out(load(tile + (i * vectors + j) * LANES)) * weight + bias, bar[j]) << (j * LANES)
        hits[i] = row
        all |= row
    return all


# A row of such a tile whose score with some queries has reached their bars.
cdef void handle_row(Plan* job, const Block* block, int row, Py_ssize_t first, const real* tile, uint64_t hits, Thresholds* thresholds) noexcept nogil:
    cdef output values[LANES]
    cdef int query, j, computed = -1
    while hits:
        query = lowest_bit(hits)
        hits &= hits - 1
        j = query // LANES
        if j != computed:
            store_out(values, to_out(load(tile + j * LANES)) * splat_out(block.weight[row]) + splat_out(block.bias[row]))
            computed = j
        if not values[query % LANES] < thresholds.value[query] and offer_score(job, block, row, first + query, values[query % LANES], thresholds.slot):
            thresholds.value[query] = threshold_of(job, thresholds.id, first + query, thresholds.slot)


# A tile with the queries in its lanes, [panel.count][vectors], into the sink.
cdef void handle_transposed_tile(Plan* job, const Block* block, Py_ssize_t first, int vectors, const real* tile, Thresholds* thresholds) noexcept nogil:
    cdef uint64_t hits[BLOCK_ROWS]
    cdef uint64_t any
    cdef Py_ssize_t i
    if vectors == NV:
        any = transposed_hits(NV, block, tile, thresholds, hits)
    elif vectors == 1:
        any = transposed_hits(1, block, tile, thresholds, hits)
    else:
        any = transposed_hits(2, block, tile, thresholds, hits)
    for i in range(block.count if any else 0):
        if hits[i]:
            handle_row(job, block, <int>i, first, tile + i * vectors * LANES, hits[i], thresholds)
