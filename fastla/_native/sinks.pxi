# What becomes of a tile of dot products: scores, and where they go.

cdef inline scores scores_of(const Panel* panel, const real* tile, int j, output scale) noexcept nogil:
    return to_scores(load(tile + j * LANES)) * scale * load_scores(panel.weight + j * LANES) + load_scores(panel.bias + j * LANES)


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


# The computed score from which a row may be within a distance of a query.
cdef inline output distance_bar(const Job* job, Py_ssize_t query, double distance) noexcept nogil:
    cdef Py_ssize_t d = job.search.panels.d if job.search.panels.data != NULL else job.search.rows.d
    cdef double squares = job.query_squares[query], bar = (squares * (1 - slack(d)) - distance * distance) / 2
    return <output>bar if squares < SQUARES_HIGH and bar == bar else <output>-infinity()


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


cdef inline Best* best_of(const Job* job, Py_ssize_t query, int slot) noexcept nogil:
    return job.best + (slot * job.search.m if job.per_slot else 0) + query


# What a computed score must reach to be of interest to the sink.
cdef inline output bar_of(const Job* job, const Panel* panel, Py_ssize_t query, int slot) noexcept nogil:
    cdef const Search* s = job.search
    cdef const Best* best
    cdef output bar
    if s.sink == SINK_BEST:
        best = best_of(job, query, slot)
        bar = best.bar if panel.ids[0] < best.worst.id else best.bar_after
    elif s.metric == METRIC_EUCLIDEAN:
        bar = distance_bar(job, query, s.threshold)
    else:
        bar = <output>s.threshold
    # What is computed of a cosine may be a little outside of [-1, 1].
    return <output>-infinity() if s.metric == METRIC_COSINE and bar <= -1 else bar


# A computed score that has reached its bar.
cdef void sink_score(Job* job, const Panel* panel, int row, Py_ssize_t query, output score, int slot) noexcept nogil:
    cdef Search* s = job.search
    cdef Py_ssize_t id = panel.ids[row]
    cdef Best* best
    if s.exclude != NULL and s.exclude[query] == id:
        return
    if s.mask != NULL and s.mask_row and s.mask[query * s.mask_row + id] == 0:
        return
    if s.metric == METRIC_COSINE:
        score = 1 if score > 1 else -1 if score < -1 else score
    elif s.metric == METRIC_EUCLIDEAN:
        score = <output>-exact_distance(job, panel, row, query)
    if s.sink == SINK_BEST:
        best = best_of(job, query, slot)
        if offer(best, s.k, score, id) and s.metric == METRIC_EUCLIDEAN:
            best.bar = best.bar_after = distance_bar(job, query, -<double>best.worst.score)
    elif s.metric == METRIC_EUCLIDEAN:
        if -score <= <output>s.threshold:
            note(job, job.lists + slot, query, id, -score)
    elif score >= <output>s.threshold:
        note(job, job.lists + slot, query, id, score)


# A tile with the corpus in its lanes, [rows][WIDTH], of queries [first, first + rows), into the sink.
cdef void sink_tile(Job* job, const Panel* panel, Py_ssize_t first, Py_ssize_t rows, const real* tile, int slot) noexcept nogil:
    cdef Search* s = job.search
    cdef output values[WIDTH]
    cdef output scale = 1
    cdef uint64_t hits
    cdef Py_ssize_t i, query
    for i in range(rows):
        query = first + i
        if s.query_scale != NULL:
            scale = (<const output*>s.query_scale)[query]
        if s.sink == SINK_MATRIX:
            row_scores(panel, tile + i * WIDTH, scale, s.metric == METRIC_COSINE, values)
            memcpy(<output*>s.c + query * s.c_row + panel.ids[0], values, panel.count * sizeof(output))
            continue
        hits = row_hits(panel, tile + i * WIDTH, scale, bar_of(job, panel, query, slot)) & panel.valid
        if hits:
            row_scores(panel, tile + i * WIDTH, scale, False, values)
        while hits:
            sink_score(job, panel, lowest_bit(hits), query, values[lowest_bit(hits)], slot)
            hits &= hits - 1


# A tile with the queries in its lanes, [panel.count][vectors], into the sink.
cdef void sink_turned(Job* job, const Panel* panel, Py_ssize_t first, Py_ssize_t rows, const real* tile, int slot) noexcept nogil:
    cdef output bars[NR]
    cdef output values[LANES]
    cdef Py_ssize_t vectors = ceil_div(rows, LANES), i, query
    cdef uint64_t hits
    cdef scores v
    cdef int j
    for i in range(vectors * LANES):
        bars[i] = bar_of(job, panel, first + i, slot) if i < rows else <output>infinity()
    for i in range(panel.count):
        for j in range(vectors):
            v = to_scores(load(tile + (i * vectors + j) * LANES)) * panel.weight[i] + panel.bias[i]
            hits = at_least(v, load_scores(bars + j * LANES))
            if hits:
                store_scores(values, v)
            while hits:
                query = j * LANES + lowest_bit(hits)
                if query < rows:
                    sink_score(job, panel, <int>i, first + query, values[lowest_bit(hits)], slot)
                hits &= hits - 1
