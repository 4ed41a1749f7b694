# What becomes of a tile of dot products: scores, and where they go.

from libc.math cimport NAN

cdef inline scores scores_of(const Panel* panel, const real* tile, int j, output scale) noexcept nogil:
    return to_scores(load(tile + j * LANES)) * scale * load_scores(panel.weight + j * LANES) + load_scores(panel.bias + j * LANES)


# A bit for each stored row that has no score but is measured exactly (weigh_row).
cdef inline uint64_t unweighed(const output* bias) noexcept nogil:
    cdef uint64_t rows = 0
    cdef int j
    for j in range(WIDTH // LANES):
        rows |= at_least(load_scores(bias + j * LANES), splat_scores(<output>infinity())) << (j * LANES)
    return rows


# A bit for each score of a tile's row that reaches the bar.
cdef inline uint64_t row_hits(const Panel* panel, const real* tile, output scale, output bar) noexcept nogil:
    cdef uint64_t hits = 0
    cdef scores bars = splat_scores(bar)
    cdef int j
    for j in range(WIDTH // LANES):
        hits |= at_least(scores_of(panel, tile, j, scale), bars) << (j * LANES)
    return hits


# The scores themselves. What is computed of a cosine may be a little outside of [-1, 1].
cdef inline void row_scores(const Panel* panel, const real* tile, output scale, bint is_cosine, output* values) noexcept nogil:
    cdef scores v
    cdef int j
    for j in range(WIDTH // LANES):
        v = scores_of(panel, tile, j, scale)
        store_scores(values + j * LANES, bounded(v) if is_cosine else v)


cdef inline uint64_t mask_bits(const uint8_t* mask, Py_ssize_t count) noexcept nogil:
    cdef uint64_t bits = 0
    cdef Py_ssize_t i
    for i in range(count):
        bits |= <uint64_t>(mask[i] != 0) << i
    return bits


# The sum of the squared differences of a query and a panel's row, from their numbers themselves, times `scale` squared.
cdef double squared_differences(const Job* job, const Panel* panel, int lane, Py_ssize_t query, double scale) noexcept nogil:
    cdef Py_ssize_t d = job.search.panels.d if panel.rows == NULL else job.search.rows.d, p, i
    cdef const output* y = <const output*>job.search.plain + query * d
    cdef const output* x
    cdef const stored* elements
    cdef real element[LANES]
    cdef double sum = 0, difference
    if panel.rows != NULL:
        x = <const output*>(panel.rows + lane * panel.rows_row)
        for p in range(d):
            difference = (<double>x[p] - y[p]) * scale      # not x * scale - y * scale: a fused one leaves a rounding error of equals
            sum += difference * difference
        return sum
    elements = panel.data + lane // LANES * LANES
    for p in range(job.depth):
        store(element, load_stored(elements + p * WIDTH))
        for i in range(smaller(STEP, d - p * STEP)):
            difference = (<double>number(element[lane % LANES], <int>i) * panel.step[lane] - y[p * STEP + i]) * scale
            sum += difference * difference
    return sum


# The distance, even where its square is out of float64's range.
cdef double exact_distance(const Job* job, const Panel* panel, int lane, Py_ssize_t query) noexcept nogil:
    cdef double squares = squared_differences(job, panel, lane, query, 1), scale
    if 1e-280 < squares < 1e280 or squares != squares:
        return root(squares)
    scale = 1e-160 if squares > 1 else 1e160
    return root(squared_differences(job, panel, lane, query, scale)) / scale


cdef void note(Job* job, List* found, Py_ssize_t query, Py_ssize_t id, double score) noexcept nogil:
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
cdef bint sink_score(Job* job, const Panel* panel, int row, Py_ssize_t query, output score, int slot) noexcept nogil:
    cdef Search* s = job.search
    cdef Py_ssize_t id = id_of(panel, row)
    cdef Best* best
    if not may_find(s, query, id):
        return False
    if s.metric == METRIC_COSINE:
        score = 1 if score > 1 else -1 if score < -1 else score
    elif s.metric == METRIC_EUCLIDEAN:
        score = <output>-exact_distance(job, panel, row, query)
    if s.sink == SINK_BEST:
        best = best_of(job, query, slot)
        if offer(best, s.k, score, id):
            raise_bars(job, best, query)
            return True
    elif s.metric == METRIC_EUCLIDEAN:
        if -score <= <output>s.threshold:
            note(job, job.lists + slot, query, id, -score)
    elif score >= <output>s.threshold:
        note(job, job.lists + slot, query, id, score)
    return False


# A tile with the corpus in its lanes, [rows][WIDTH], of queries [first, first + rows), into the sink.
cdef void sink_tile(Job* job, const Panel* panel, Py_ssize_t first, Py_ssize_t rows, const real* tile, Bars* bars) noexcept nogil:
    cdef Search* s = job.search
    cdef output values[WIDTH]
    cdef output* to
    cdef output scale = 1
    cdef uint64_t hits
    cdef Py_ssize_t i, query
    cdef int row
    for i in range(rows):
        query = first + i
        if s.query_scale != NULL:
            scale = (<const output*>s.query_scale)[query]
        if s.sink == SINK_MATRIX:
            to = <output*>s.c + query * s.c_row + panel.first
            row_scores(panel, tile + i * WIDTH, scale, s.metric == METRIC_COSINE, to if panel.count == WIDTH else values)
            if panel.count < WIDTH:
                memcpy(to, values, panel.count * sizeof(output))
            continue
        hits = (row_hits(panel, tile + i * WIDTH, scale, bars.bar[i]) | panel.always) & panel.valid
        if hits:
            row_scores(panel, tile + i * WIDTH, scale, False, values)
            while hits:
                row = lowest_bit(hits)
                hits &= hits - 1
                # The bar may have risen since. Not >=: what is computed of a row that reaches every bar may be NaN.
                if not values[row] < bars.bar[i] and sink_score(job, panel, row, query, values[row], bars.slot):
                    bars.bar[i] = bar_of(job, bars.id, query, bars.slot)


# hits[i]: a bit for each query whose bar is reached by row i of a tile with the queries in its lanes. Returns all of them. Nearly always
# there is none, and this is all that becomes of a tile: four cycles a row.
cdef inline uint64_t turned_hits(const int vectors, const Panel* panel, const real* tile, const Bars* bars, uint64_t* hits) noexcept nogil:
    cdef scores bar[NV]
    cdef scores weight, bias
    cdef uint64_t row, all = 0
    cdef Py_ssize_t i
    cdef int j
    for j in range(vectors):
        bar[j] = load_scores(bars.bar + j * LANES)
    for i in range(panel.count):
        weight = splat_scores(panel.weight[i])
        bias = splat_scores(panel.bias[i])
        row = 0
        for j in range(vectors):
            row |= at_least(to_scores(load(tile + (i * vectors + j) * LANES)) * weight + bias, bar[j]) << (j * LANES)
        hits[i] = row
        all |= row
    return all


# A row of such a tile whose score with some queries has reached their bars.
cdef void sink_row(Job* job, const Panel* panel, int row, Py_ssize_t first, const real* tile, uint64_t hits, Bars* bars) noexcept nogil:
    cdef output values[LANES]
    cdef int query, j, computed = -1
    while hits:
        query = lowest_bit(hits)
        hits &= hits - 1
        j = query // LANES
        if j != computed:
            store_scores(values, to_scores(load(tile + j * LANES)) * splat_scores(panel.weight[row]) + splat_scores(panel.bias[row]))
            computed = j
        if not values[query % LANES] < bars.bar[query] and sink_score(job, panel, row, first + query, values[query % LANES], bars.slot):
            bars.bar[query] = bar_of(job, bars.id, first + query, bars.slot)


# A tile with the queries in its lanes, [panel.count][vectors], into the sink.
cdef void sink_turned(Job* job, const Panel* panel, Py_ssize_t first, int vectors, const real* tile, Bars* bars) noexcept nogil:
    cdef uint64_t hits[WIDTH]
    cdef uint64_t any
    cdef Py_ssize_t i
    if vectors == NV:
        any = turned_hits(NV, panel, tile, bars, hits)
    elif vectors == 1:
        any = turned_hits(1, panel, tile, bars, hits)
    else:
        any = turned_hits(2, panel, tile, bars, hits)
    for i in range(panel.count if any else 0):
        if hits[i]:
            sink_row(job, panel, <int>i, first, tile + i * vectors * LANES, hits[i], bars)
