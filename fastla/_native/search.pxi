# Queries against a corpus: every dot product becomes a score while its tile is in L1, and goes to a sink at once: the best k of each
# query, those that reach a threshold, or a matrix. The score matrix of a search never reaches memory.
#
# The corpus is cut into regions of a few panels. Many queries: threads over groups of queries, each of which meets the whole
# corpus. Few: threads over regions, each with a `Best` of its own per query, merged at the end. Scores do not depend on which, and what is
# best is a total order (score, then id): so neither do the results.
#
# Regions, and the panels of raw rows in one, come in an order that jumps about. A corpus sorted by rising score would else replace its best
# all the time (it takes 1.0 to 1.5 times as long as a shuffled one, for k from 1 to 1000 and 1 to 1000 queries).
include "norms.pxi"
include "panels.pxi"
include "best.pxi"

# What is held by rows, and what by lanes of a tile: stored panels have the corpus in the lanes, so that a query has the same bits alone
# as among many, and few are fast. Raw rows of the corpus are read where they lie, as a gemm reads its a, and
# the queries are turned round and lie in the lanes. Turning the corpus instead costs it as much as 20 queries.
cdef enum:
    BLOCK = 48              # queries at most whose scores with a panel are a tile in L1. A d beyond KC is summed in it too, KC at a time.
    REGION_BYTES = 524288   # at a time: a block of queries comes from L3 once a region; 64 KiB reads 30 % slower, the prefetchers starting anew
    REGION_ROWS = 2016      # at most: a sorted corpus replaces its best by regions
    AHEAD_BYTES = 15360     # that stored panels are prefetched ahead. One query, ms at 2, 6, 15, 37 KiB: float16 3.7, 3.5, 3.5, 4.9; int8 2.0, 1.8, 1.6, 2.4


cdef struct List:
    Found* items
    Py_ssize_t count, room


cdef struct Job:
    Search* search
    const Runtime* runtime
    Py_ssize_t depth            # elements of a row
    Py_ssize_t region, regions, stride      # rows, how many, and which comes next
    Py_ssize_t room                         # panels prepared at a time
    Py_ssize_t group, groups, span          # queries in a group; regions in a task
    Py_ssize_t begin, end                   # the job's regions
    bint few, gather, per_slot
    Py_ssize_t block            # queries in a tile
    real* turned_queries        # for raw rows: panels of NR queries, [depth][NR]; the last may be narrower
    double* query_squares       # euclidean: |y|^2
    Best* best                  # [slots or 1][m]
    List* lists                 # [slots]
    int error


# --- a panel against a block of queries --------------------------------------------------------------------------------
# c[rows, nv vectors] = a[rows, depth] @ b[depth, nv vectors], KC deep at a time.
cdef void multiply_tile(Py_ssize_t rows, int nv, Py_ssize_t depth, const real* a, Py_ssize_t a_row,
                        const stored* b, Py_ssize_t b_row, real* c, Py_ssize_t c_row, Py_ssize_t ahead) noexcept nogil:
    cdef Py_ssize_t p = 0, rest = rows % MR
    cdef Strip s
    s.a_row = a_row
    s.a_col = 1
    s.a_next = MR * a_row
    s.b_row = b_row
    s.b_next = s.tail = 0
    s.last = (nv - 1) * LANES
    s.c_row = c_row
    s.c_next = MR * c_row
    s.ahead = ahead
    while p < depth or p == 0:
        s.k = smaller(KC, depth - p)
        s.add = p > 0
        s.a = a + p
        s.b = b + p * b_row
        s.c = c
        s.tiles = rows // MR
        if s.tiles:
            any_strip(MR, nv, &s)
            s.a += s.tiles * s.a_next
            s.c += s.tiles * s.c_next
        if rest:
            s.tiles = 1
            any_strip(<int>rest, nv, &s)
        p += KC


# [rows][WIDTH]: queries from `first` on against a stored panel, or few that have met a panel's rows already.
cdef const real* multiply_panel(const Job* job, const Panel* panel, Py_ssize_t first, Py_ssize_t rows, real* tile) noexcept nogil:
    cdef const real* queries = <const real*>job.search.queries + first * job.depth
    cdef Py_ssize_t column
    if job.few:
        return panel.dots
    for column from 0 <= column < WIDTH by NR:
        multiply_tile(rows, <int>smaller(NV, (WIDTH - column) // LANES), job.depth, queries, job.depth,
                      panel.data + column, WIDTH, tile + column, WIDTH, AHEAD_BYTES // <Py_ssize_t>sizeof(stored))
    return tile


# [panel.count][vectors]: raw rows against a panel of turned queries, from `first` on.
cdef void multiply_rows(const Job* job, const Panel* panel, Py_ssize_t first, Py_ssize_t vectors, real* tile) noexcept nogil:
    multiply_tile(panel.count, <int>vectors, job.depth, panel.factors, panel.factors_row,
                  <const stored*>job.turned_queries + first * job.depth, vectors * LANES, tile, vectors * LANES, 0)


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


# The sum of the squared differences of a query and a panel's row, from their numbers themselves times `scale`.
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
            difference = x[p] * scale - y[p] * scale
            sum += difference * difference
        return sum
    elements = panel.data + lane // LANES * LANES
    for p in range(job.depth):
        store(element, load_stored(elements + p * WIDTH))
        for i in range(smaller(STEP, d - p * STEP)):
            difference = <double>number(element[lane % LANES], <int>i) * panel.step[lane] * scale - y[p * STEP + i] * scale
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


# --- a region ------------------------------------------------------------------------------------------------------------
# A task's memory, for `room` panels.
cdef struct Memory:
    Panel* panels
    real* tile
    real* turned        # the tile with rows and columns exchanged
    real* mended        # room for the rows of all the panels; NULL: the corpus is stored panels
    real* copies        # of rows that are not used where they lie; NULL: all are
    real* dots          # [room][FEW][WIDTH]; NULL: there are more queries


cdef bint take_memory(const Job* job, Memory* memory) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t numbers = job.room * WIDTH * larger(1, job.depth)
    memory.tile = memory.turned = memory.mended = memory.copies = memory.dots = NULL
    memory.panels = <Panel*>job.runtime.take(job.room * sizeof(Panel))
    if memory.panels != NULL:
        memory.tile = <real*>job.runtime.take(2 * BLOCK * WIDTH * sizeof(real))
    if memory.tile != NULL and s.panels.data != NULL:
        return True
    if memory.tile != NULL:
        memory.turned = memory.tile + BLOCK * WIDTH
        memory.mended = <real*>job.runtime.take(numbers * sizeof(real))
    if memory.mended == NULL:
        return False
    if job.few:
        memory.dots = <real*>job.runtime.take(job.room * FEW * WIDTH * sizeof(real))
        if memory.dots == NULL:
            return False
    if job.gather or not in_place(&s.rows):
        memory.copies = <real*>job.runtime.take(numbers * sizeof(real))
        return memory.copies != NULL
    return True


cdef void give_memory(const Job* job, Memory* memory) noexcept nogil:
    if memory.copies != NULL:
        job.runtime.give(memory.copies)
    if memory.dots != NULL:
        job.runtime.give(memory.dots)
    if memory.mended != NULL:
        job.runtime.give(memory.mended)
    if memory.tile != NULL:
        job.runtime.give(memory.tile)
    if memory.panels != NULL:
        job.runtime.give(memory.panels)


# The next rows, from `row` on and before `end`, become a panel; returns the row after them. A panel of which no row may be found
# has valid 0.
cdef Py_ssize_t prepare_panel(const Job* job, const Memory* memory, Py_ssize_t index, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    cdef const Search* s = job.search
    cdef Panel* panel = memory.panels + index
    cdef Py_ssize_t i, d = s.rows.d
    cdef real* copy = NULL
    panel.count = 0
    while panel.count < WIDTH and row < end:
        if not job.gather or s.mask[row]:
            panel.ids[panel.count] = row
            panel.count += 1
        row += 1
    panel.valid = (<uint64_t>1 << panel.count) - 1
    if panel.count == 0:
        return row
    if s.panels.data != NULL:
        i = panel.ids[0]
        panel.rows = NULL
        panel.data = <const stored*>s.panels.data + i * job.depth
        panel.weight = <const output*>s.panels.weight + i
        panel.bias = <const output*>s.panels.bias + i
        panel.step = s.panels.step + i
        if s.mask != NULL and s.mask_row == 0:
            panel.valid = mask_bits(s.mask + i, panel.count)
        return row
    panel.rows = <const real*>(s.rows.data + panel.ids[0] * s.rows.row)
    panel.rows_row = s.rows.row // <Py_ssize_t>sizeof(real)
    if memory.copies != NULL:
        copy = memory.copies + index * WIDTH * d
        for i in range(panel.count):
            read_row(<output*>copy + i * d, s.rows.data + panel.ids[i] * s.rows.row, s.rows.column, d, s.rows.type)
        panel.rows = copy
        panel.rows_row = d
    panel.dots = memory.dots + index * FEW * WIDTH if job.few else NULL
    prepare_rows(panel, s.metric, d, memory.mended + index * WIDTH * d, <const real*>s.queries, s.m)
    return row


# A stride through `count` things, about their golden section and without a common divisor: each comes once, the first first.
cdef Py_ssize_t jump(Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t stride = larger(1, count * 618 // 1000), x, y
    while True:
        x = count
        y = stride
        while y:
            x, y = y, x % y
        if x == 1:
            return stride
        stride += 1


# A block of queries and a panel meet.
cdef void meet(Job* job, const Panel* panel, Py_ssize_t first, Py_ssize_t rows, const Memory* memory, int slot) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(rows, LANES)
    if job.few or panel.data != NULL:
        sink_tile(job, panel, first, rows, multiply_panel(job, panel, first, rows, memory.tile), slot)
        return
    multiply_rows(job, panel, first, vectors, memory.tile)
    if job.search.sink == SINK_MATRIX:
        turn(memory.turned, WIDTH, memory.tile, vectors * LANES, panel.count)
        sink_tile(job, panel, first, rows, memory.turned, slot)
    else:
        sink_turned(job, panel, first, rows, memory.tile, slot)


cdef void scan_region(Job* job, const Memory* memory, Py_ssize_t region, Py_ssize_t first, Py_ssize_t last, int slot) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t n = s.rows.n if s.panels.data == NULL else s.panels.n
    cdef Py_ssize_t row = region * job.region, end = smaller(row + job.region, n), count, query, rows, stride, i
    cdef const Panel* panel
    while row < end:
        count = 0
        while row < end and count < job.room:
            row = prepare_panel(job, memory, count, row, end)
            if memory.panels[count].valid:
                count += 1
        stride = jump(count) if s.sink == SINK_BEST and job.turned_queries != NULL else 1     # stored panels are read as they come
        query = first
        while query < last:
            rows = smaller(job.block, last - query)
            for i in range(count):
                panel = memory.panels + i * stride % count
                if s.symmetric < 0 or panel.ids[0] <= s.symmetric + query + rows - 1:
                    meet(job, panel, query, rows, memory, slot)
            query += rows


cdef void search_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Job* job = <Job*>arg
    cdef Py_ssize_t first = index % job.groups * job.group, i = job.begin + index // job.groups * job.span, end
    cdef Memory memory
    end = smaller(i + job.span, job.end)
    if take_memory(job, &memory):
        while i < end and job.error == KERNEL_OK:
            scan_region(job, &memory, i * job.stride % job.regions, first, smaller(first + job.group, job.search.m), slot)
            i += 1
    else:
        job.error = KERNEL_NO_MEMORY
    give_memory(job, &memory)


# --- the whole -----------------------------------------------------------------------------------------------------------
cdef void finish_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Job* job = <Job*>arg
    cdef Search* s = job.search
    cdef Py_ssize_t query, i, n
    cdef int part
    cdef Best* best
    cdef Best* other
    for query in range(index * BLOCK, smaller((index + 1) * BLOCK, s.m)):
        best = job.best + query
        for part in range(1, job.runtime.threads if job.per_slot else 1):
            other = best + part * s.m
            for i in range(other.count):
                offer(best, s.k, other.items[i].score, other.items[i].id)
        n = smaller(best.count, s.k)
        if n:
            select(best.items, best.count, n)
        sort(best.items, n)
        s.counts[query] = n
        for i in range(n):
            (<output*>s.scores)[query * s.k + i] = -best.items[i].score if s.metric == METRIC_EUCLIDEAN else best.items[i].score
            s.ids[query * s.k + i] = best.items[i].id


# c[j, i] = c[i, j] for the queries' rows i and j < i, and a diagonal of ones but where there is no norm.
cdef void mirror_scores_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Search* s = (<Job*>arg).search
    cdef output* c = <output*>s.c           # of the row s.symmetric
    cdef Py_ssize_t first = index * BLOCK, last = smaller(first + BLOCK, s.m), column, i, j
    for column from 0 <= column <= s.symmetric + last - 1 by BLOCK:
        for i in range(first, last):
            for j in range(column, smaller(column + BLOCK, s.symmetric + i)):
                c[(j - s.symmetric) * s.c_row + s.symmetric + i] = c[i * s.c_row + j]
    for i in range(first, last):
        if c[i * s.c_row + s.symmetric + i] != 0 and c[i * s.c_row + s.symmetric + i] == c[i * s.c_row + s.symmetric + i]:
            c[i * s.c_row + s.symmetric + i] = 1


# A panel of queries turned round: [depth][width], its rows as many whole vectors.
cdef void turn_queries_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Job* job = <Job*>arg
    cdef Py_ssize_t first = index * NR, rows = smaller(NR, job.search.m - first)
    pack_panel(job.turned_queries + first * job.depth, ceil_div(rows, LANES) * LANES, rows, job.depth,
               <const real*>job.search.queries + first * job.depth, job.depth, 1)


cdef void plan(Job* job, Py_ssize_t n, Py_ssize_t d, double ns) noexcept nogil:
    cdef Search* s = job.search
    cdef int threads = job.runtime.threads
    cdef Py_ssize_t panel_bytes = WIDTH * larger(1, job.depth) * <Py_ssize_t>sizeof(stored)
    cdef Py_ssize_t most = REGION_BYTES // 2 if FEW < s.m <= BLOCK else REGION_BYTES      # the fewer tiles, the more a survivor costs
    cdef Py_ssize_t room = smaller(most // panel_bytes, REGION_ROWS // WIDTH)
    job.block = NR if s.panels.data == NULL and not job.few else BLOCK
    job.room = larger(1, smaller(room, ceil_div(n, WIDTH * tasks_for(ns, threads))))
    job.region = WIDTH * job.room
    if job.gather:
        # So large that the rows allowed fill panels.
        job.region = <Py_ssize_t>(job.region * (1.0 * n / larger(1, s.allowed)))
        job.region = larger(1, smaller(job.region, ceil_div(n, 2 * threads)))
    job.regions = ceil_div(n, job.region)
    job.stride = 1 if s.sink != SINK_BEST else jump(job.regions)
    job.group = s.m
    if s.m >= 4 * threads * BLOCK and (s.panels.data != NULL or job.regions < 4 * threads):
        job.group = ceil_div(ceil_div(s.m, 4 * threads), job.block) * job.block
    elif job.regions < threads:
        job.group = ceil_div(ceil_div(s.m, threads), job.block) * job.block
    job.groups = ceil_div(s.m, job.group)
    job.per_slot = job.groups == 1
    job.span = 1
    if job.groups > 1:
        # Each task meets a part of the corpus that takes it no longer than an interrupt may wait.
        job.span = larger(1, <Py_ssize_t>(job.regions / (ns / job.groups / TASK_NS + 1)))


cdef int run_jobs(Job* job, double ns) noexcept nogil:
    cdef int status = KERNEL_OK, threads = job.runtime.threads if ns >= OFFER_NS else 1
    while job.begin < job.regions and status == KERNEL_OK:
        job.end = job.regions if job.groups == 1 or job.search.sink == SINK_MATRIX else smaller(job.begin + job.span, job.regions)
        status = job.runtime.parallel_for(search_task, job, job.groups * ceil_div(job.end - job.begin, job.span), threads,
                                          worth_waking(ns))
        if status == KERNEL_OK:
            status = job.error
        job.begin = job.end
    return status


cdef int search(Search* s, const Runtime* runtime) noexcept nogil:
    cdef Job job
    cdef bint raw = s.panels.data == NULL
    cdef Py_ssize_t n = s.rows.n if raw else s.panels.n, d = s.rows.d if raw else s.panels.d, i, parts
    cdef double arithmetic = 2.0 * s.m * n * d / 400, memory = 1.0 * n * d / 40, ns
    cdef Candidate* items = NULL
    cdef int status = KERNEL_OK, part
    ns = (arithmetic if arithmetic > memory else memory) * sizeof(real) + 10
    memset(&job, 0, sizeof(job))
    s.found = NULL
    s.found_count = 0
    job.search = s
    job.runtime = runtime
    job.depth = ceil_div(d, STEP)
    job.gather = raw and s.mask != NULL and s.mask_row == 0
    job.few = raw and s.m <= FEW
    if n == 0 or s.m == 0:
        for i in range(s.m if s.sink == SINK_BEST else 0):
            s.counts[i] = 0
        return KERNEL_OK
    plan(&job, n, d, ns)
    if raw and not job.few:
        job.turned_queries = <real*>runtime.take(ceil_div(s.m, LANES) * LANES * larger(1, job.depth) * sizeof(real))
        if job.turned_queries == NULL:
            return KERNEL_NO_MEMORY
        runtime.parallel_for(turn_queries_task, &job, ceil_div(s.m, NR), runtime.threads, 0)
    parts = runtime.threads if job.per_slot else 1
    if s.metric == METRIC_EUCLIDEAN:
        job.query_squares = <double*>runtime.take(s.m * sizeof(double))
        if job.query_squares == NULL:
            status = KERNEL_NO_MEMORY
        for i in range(s.m if status == KERNEL_OK else 0):
            job.query_squares[i] = squares_of(d, <const output*>s.plain + i * d)
    if status == KERNEL_OK and s.sink == SINK_BEST:
        job.best = <Best*>runtime.take(parts * s.m * sizeof(Best))
        if job.best != NULL:
            items = <Candidate*>runtime.take(parts * s.m * room_for(s.k) * sizeof(Candidate))
        if items == NULL:
            status = KERNEL_NO_MEMORY
        for i in range(parts * s.m if status == KERNEL_OK else 0):
            start_best(job.best + i, items + i * room_for(s.k))
    elif status == KERNEL_OK and s.sink == SINK_REACHING:
        job.lists = <List*>runtime.take(runtime.threads * sizeof(List))
        if job.lists == NULL:
            status = KERNEL_NO_MEMORY
        else:
            memset(job.lists, 0, runtime.threads * sizeof(List))
    if status == KERNEL_OK:
        status = run_jobs(&job, ns)
    if status == KERNEL_OK and s.sink == SINK_BEST:
        status = runtime.parallel_for(finish_task, &job, ceil_div(s.m, BLOCK), runtime.threads, 0)
    if status == KERNEL_OK and s.sink == SINK_MATRIX and s.symmetric >= 0:
        status = runtime.parallel_for(mirror_scores_task, &job, ceil_div(s.m, BLOCK), runtime.threads, 0)
    if job.lists != NULL:
        s.found = job.lists[0].items
        s.found_count = job.lists[0].count
        for part in range(1, runtime.threads):
            for i in range(job.lists[part].count if status == KERNEL_OK else 0):
                note(&job, job.lists, job.lists[part].items[i].query, job.lists[part].items[i].id, job.lists[part].items[i].score)
            runtime.resize(job.lists[part].items, 0)
        s.found = job.lists[0].items
        s.found_count = job.lists[0].count
        if status == KERNEL_OK:
            status = job.error
        runtime.give(job.lists)
    if items != NULL:
        runtime.give(items)
    if job.best != NULL:
        runtime.give(job.best)
    if job.query_squares != NULL:
        runtime.give(job.query_squares)
    if job.turned_queries != NULL:
        runtime.give(job.turned_queries)
    return status


cdef double squares_of(Py_ssize_t n, const output* x) noexcept nogil:
    cdef double sum = 0
    cdef Py_ssize_t i
    for i in range(n):
        sum += <double>x[i] * x[i]
    return sum


table.norms = norms
table.weigh = weigh
table.search = search
