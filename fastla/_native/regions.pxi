# A region of the corpus: made ready panel by panel, then met by the queries.

# The first row from `row` on and before `end` that the mask allows; `end` if there is none. Eight that it does not at a time: of a mask that
# allows 1 % of 100,000 rows, one at a time took as long as a query against them.
cdef inline Py_ssize_t next_allowed(const uint8_t* mask, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    cdef uint64_t eight
    while row + 8 <= end:
        memcpy(&eight, mask + row, 8)
        if eight:
            break
        row += 8
    while row < end and mask[row] == 0:
        row += 1
    return row


# How many of up to 255 rows a mask allows.
cdef inline Py_ssize_t count_allowed(const uint8_t* mask, Py_ssize_t count) noexcept nogil:
    cdef uint8_t allowed = 0        # so that many are counted at once
    cdef Py_ssize_t i
    for i in range(count):
        allowed += mask[i] != 0
    return allowed


# Does gathering the rows of stored panels that a mask allows take less than meeting all panels that hold one?
cdef bint gathering_pays(const Search* s) noexcept nogil:
    cdef Py_ssize_t first, occupied = 0, allowed = 0, here
    for first from 0 <= first < s.panels.n by WIDTH:
        here = count_allowed(s.mask + first, smaller(WIDTH, s.panels.n - first))
        allowed += here
        occupied += here > 0
    return 1.0 * allowed * (s.m + GATHER_COST) < 1.0 * occupied * WIDTH * s.m


# Regions of as many rows that the mask allows as job.room panels hold.
cdef void bound_regions(const Job* job, Py_ssize_t n) noexcept nogil:
    cdef const uint8_t* mask = job.search.mask
    cdef Py_ssize_t region = 0, room = job.room * WIDTH, row = 0, here
    job.bounds[0] = 0
    while row < n and region < job.regions - 1:
        here = count_allowed(mask + row, smaller(5 * WIDTH, n - row))
        if here < room:
            room -= here
            row = smaller(row + 5 * WIDTH, n)
            continue
        while room > 0 and row < n:         # a mask may be written meanwhile
            room -= mask[row] != 0
            row += 1
        region += 1
        job.bounds[region] = row
        room = job.room * WIDTH
    while region < job.regions:
        region += 1
        job.bounds[region] = n


cdef inline Py_ssize_t region_begin(const Job* job, Py_ssize_t region) noexcept nogil:
    cdef Py_ssize_t n = job.search.rows.n if job.search.panels.data == NULL else job.search.panels.n
    return job.bounds[region] if job.gather else smaller(region * job.region, n)


# The ids of the next rows that the mask allows, from `row` on and before `end`; returns the row after them.
cdef Py_ssize_t gather_ids(const Search* s, Panel* panel, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    panel.count = 0
    row = next_allowed(s.mask, row, end)
    while row < end and panel.count < WIDTH:
        panel.ids[panel.count] = row
        panel.count += 1
        row = next_allowed(s.mask, row + 1, end)
    panel.first = panel.ids[0]
    return row


# Stored rows, where they lie.
cdef void prepare_stored(const Search* s, Panel* panel, Py_ssize_t depth) noexcept nogil:
    cdef Py_ssize_t lane
    panel.data = <const stored*>s.panels.data + panel.first * depth
    panel.weight = <const output*>s.panels.weight + panel.first
    panel.bias = <const output*>s.panels.bias + panel.first
    for lane from 0 <= lane < WIDTH by LINE // sizeof(output):      # else half of the sink's time is waiting for them
        prefetch(panel.weight + lane)
        prefetch(panel.bias + lane)
    panel.step = s.panels.step + panel.first
    if s.mask != NULL and s.mask_row == 0:
        panel.valid = mask_bits(s.mask + panel.first, panel.count)


# Raw rows, where they lie or copied.
cdef void prepare_raw(const Job* job, Prepared* prepared, Py_ssize_t index) noexcept nogil:
    cdef const Search* s = job.search
    cdef Panel* panel = prepared.panels + index
    cdef Py_ssize_t i, d = s.rows.d
    cdef real* copy
    panel.rows = <const real*>(s.rows.data + panel.first * s.rows.row)
    panel.rows_row = s.rows.row // <Py_ssize_t>sizeof(real)
    if prepared.copies != NULL:
        copy = prepared.copies + index * WIDTH * d
        for i in range(panel.count):
            read_row(<output*>copy + i * d, s.rows.data + id_of(panel, i) * s.rows.row, s.rows.column, d, s.rows.type)
        panel.rows = copy
        panel.rows_row = d
    panel.dots = prepared.dots + index * FEW * WIDTH if job.few else NULL
    prepare_rows(panel, s.metric, d, prepared.mended + index * WIDTH * d, <const real*>s.queries, s.m)


# The next rows, from `row` on and before `end`, become a panel; returns the row after them. A panel of which no row may be found
# has valid 0.
cdef Py_ssize_t prepare_panel(const Job* job, Prepared* prepared, Py_ssize_t index, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    cdef const Search* s = job.search
    cdef Panel* panel = prepared.panels + index
    panel.gathered = job.gather
    if job.gather:
        row = gather_ids(s, panel, row, end)
    else:
        panel.count = smaller(WIDTH, end - row)
        panel.first = row
        row += panel.count
    panel.valid = (<uint64_t>1 << panel.count) - 1
    if panel.count == 0:
        return row
    if s.panels.data == NULL:
        prepare_raw(job, prepared, index)
        return row
    panel.rows = NULL
    if job.gather:
        gather_lanes(panel, &s.panels, job.depth, prepared.lanes + index * WIDTH * job.depth)
    else:
        prepare_stored(s, panel, job.depth)
    panel.always = unweighed(panel.bias) if s.metric == METRIC_EUCLIDEAN else 0
    return row


# Where the scores of a matrix will go is asked for before the products.
cdef inline void await_scores(const Search* s, const Panel* panel, Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    cdef const output* c = <const output*>s.c + panel.first
    cdef Py_ssize_t query, i
    for query in range(first, first + rows):
        for i from 0 <= i < panel.count + LINE // <Py_ssize_t>sizeof(output) - 1 by LINE // <Py_ssize_t>sizeof(output):
            prefetch(c + query * s.c_row + smaller(i, panel.count - 1))


# A block of queries and a panel meet; then they will the one with the index `next`.
cdef void meet(Job* job, const Prepared* prepared, const Scratch* scratch, Py_ssize_t index, Py_ssize_t next, Py_ssize_t first, Py_ssize_t rows,
               Bars* bars) noexcept nogil:
    cdef const Panel* panel = prepared.panels + index
    cdef int vectors = <int>ceil_div(rows, LANES)
    if job.screens and not bars.dense:
        if screen_panel(job, panel, prepared.screens + index, scratch.aside, first, rows, bars):
            return
        bars.dense = True
    if job.search.sink == SINK_MATRIX:
        await_scores(job.search, panel, first, rows)
    if job.few or panel.data != NULL:
        sink_tile(job, panel, first, rows, multiply_panel(job, panel, prepared.panels + next, first, rows, scratch.tile), bars)
        return
    multiply_rows(job, panel, first, vectors, scratch.tile)
    if job.search.sink == SINK_MATRIX:
        turn(scratch.turned, WIDTH, scratch.tile, vectors * LANES, panel.count)
        sink_tile(job, panel, first, rows, scratch.turned, bars)
    else:
        sink_turned(job, panel, first, vectors, scratch.tile, bars)


# A block of queries and a region's panels meet.
cdef void meet_panels(Job* job, const Prepared* prepared, const Scratch* scratch, Py_ssize_t first, Py_ssize_t rows, Bars* bars) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t panel, next = prepared.order[0], i
    if job.scans:
        scan_panels(prepared.panels, prepared.count, rows, job.depth, <const real*>s.queries + first * job.depth, scratch.tile)
    for i in range(prepared.count):
        panel = next
        next = prepared.order[(i + 1) % prepared.count]
        if job.scans:
            sink_tile(job, prepared.panels + panel, first, rows, scratch.tile + panel * rows * WIDTH, bars)
        elif s.symmetric < 0 or prepared.panels[panel].first <= s.symmetric + first + rows - 1:
            meet(job, prepared, scratch, panel, next, first, rows, bars)


# The order in which a region's panels are met. If the k best are sought: in jumps, from the last on, by as many panels as hold k rows (search.pxi).
cdef void order_panels(const Search* s, Prepared* prepared) noexcept nogil:
    cdef Py_ssize_t count = prepared.count, together = larger(1, smaller(ceil_div(s.k, WIDTH), count)), groups = ceil_div(count, together)
    cdef Py_ssize_t group, first, panel, i = 0
    if s.sink != SINK_BEST:
        for i in range(count):
            prepared.order[i] = i
        return
    for group in range(groups):
        first = (groups - 1 - group * jump(groups) % groups) * together
        for panel in range(smaller(first + together, count) - 1, first - 1, -1):
            prepared.order[i] = panel
            i += 1


# The panels from row[0] on of which rows may be found, job.room at most; row[0] moves on.
cdef void prepare_panels(const Job* job, Prepared* prepared, Py_ssize_t* row, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t count = 0
    while row[0] < end and count < job.room:
        row[0] = prepare_panel(job, prepared, count, row[0], end)
        if prepared.panels[count].valid:
            if job.screens:
                make_screen(prepared.screens + count, prepared.panels + count, job.depth, prepared.space,
                            prepared.rows + count * WIDTH * job.depth if prepared.rows != NULL else NULL)
            count += 1
    prepared.count = count
    order_panels(job.search, prepared)


# Queries [first, last) and panels that are prepared.
cdef void meet_queries(Job* job, const Prepared* prepared, const Scratch* scratch, Py_ssize_t first, Py_ssize_t last, int slot) noexcept nogil:
    cdef Py_ssize_t query, rows
    cdef Bars bars
    if prepared.count == 0:
        return
    for query from first <= query < last by job.block:
        rows = smaller(job.block, last - query)
        set_bars(job, &bars, prepared.panels[0].first, query, rows, slot)
        meet_panels(job, prepared, scratch, query, rows, &bars)
    if job.screens and scratch.aside.count:
        measure_aside(job, scratch.aside, &bars)


cdef void scan_region(Job* job, Prepared* prepared, const Scratch* scratch, Py_ssize_t region, Py_ssize_t first, Py_ssize_t last,
                      int slot) noexcept nogil:
    cdef Py_ssize_t row = region_begin(job, region), end = region_begin(job, region + 1)
    if job.prepared != NULL:
        meet_queries(job, job.prepared + region, scratch, first, last, slot)
        return
    while row < end:
        prepare_panels(job, prepared, &row, end)
        meet_queries(job, prepared, scratch, first, last, slot)


cdef void prepare_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Job* job = <Job*>arg
    cdef Py_ssize_t row = region_begin(job, index)
    prepare_panels(job, job.prepared + index, &row, region_begin(job, index + 1))


cdef void search_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Job* job = <Job*>arg
    cdef Py_ssize_t first = index % job.groups * job.group, i = job.begin + index // job.groups * job.span, end
    cdef Prepared prepared
    cdef Scratch scratch
    cdef bint there = job.prepared != NULL or take_prepared(job, &prepared)
    end = smaller(i + job.span, job.end)
    if there and take_scratch(job, &scratch):
        while i < end and job.error == KERNEL_OK:
            scan_region(job, &prepared, &scratch, i * job.stride % job.regions, first, smaller(first + job.group, job.search.m), slot)
            i += 1
        give_scratch(job, &scratch)
    else:
        job.error = KERNEL_NO_MEMORY
    if there and job.prepared == NULL:
        give_prepared(job, &prepared)
