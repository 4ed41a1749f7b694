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


# The next rows, from `row` on and before `end`, become a panel; returns the row after them. A panel of which no row may be found
# has valid 0.
cdef Py_ssize_t prepare_panel(const Job* job, const Memory* memory, Py_ssize_t index, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    cdef const Search* s = job.search
    cdef Panel* panel = memory.panels + index
    cdef Py_ssize_t i, lane, d = s.rows.d
    cdef real* copy = NULL
    panel.gathered = job.gather
    if job.gather:
        panel.count = 0
        row = next_allowed(s.mask, row, end)
        while row < end and panel.count < WIDTH:
            panel.ids[panel.count] = row
            panel.count += 1
            row = next_allowed(s.mask, row + 1, end)
        panel.first = panel.ids[0]
    else:
        panel.count = smaller(WIDTH, end - row)
        panel.first = row
        row += panel.count
    panel.valid = (<uint64_t>1 << panel.count) - 1
    if panel.count == 0:
        return row
    if s.panels.data != NULL:
        i = panel.first
        panel.rows = NULL
        panel.data = <const stored*>s.panels.data + i * job.depth
        panel.weight = <const output*>s.panels.weight + i
        panel.bias = <const output*>s.panels.bias + i
        for lane from 0 <= lane < WIDTH by LINE // sizeof(output):      # else half of the sink's time is waiting for them
            prefetch(panel.weight + lane)
            prefetch(panel.bias + lane)
        panel.step = s.panels.step + i
        panel.always = unweighed(panel.bias) if s.metric == METRIC_EUCLIDEAN else 0
        if s.mask != NULL and s.mask_row == 0:
            panel.valid = mask_bits(s.mask + i, panel.count)
        return row
    panel.rows = <const real*>(s.rows.data + panel.first * s.rows.row)
    panel.rows_row = s.rows.row // <Py_ssize_t>sizeof(real)
    if memory.copies != NULL:
        copy = memory.copies + index * WIDTH * d
        for i in range(panel.count):
            read_row(<output*>copy + i * d, s.rows.data + id_of(panel, i) * s.rows.row, s.rows.column, d, s.rows.type)
        panel.rows = copy
        panel.rows_row = d
    panel.dots = memory.dots + index * FEW * WIDTH if job.few else NULL
    prepare_rows(panel, s.metric, d, memory.mended + index * WIDTH * d, <const real*>s.queries, s.m)
    return row


# Where the scores of a matrix will go is asked for before the products.
cdef inline void await_scores(const Search* s, const Panel* panel, Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    cdef const output* c = <const output*>s.c + panel.first
    cdef Py_ssize_t query, i
    for query in range(first, first + rows):
        for i from 0 <= i < panel.count + LINE // <Py_ssize_t>sizeof(output) - 1 by LINE // <Py_ssize_t>sizeof(output):
            prefetch(c + query * s.c_row + smaller(i, panel.count - 1))


# A block of queries and a panel meet; then they will the one with the index `next`.
cdef void meet(Job* job, Py_ssize_t index, Py_ssize_t next, Py_ssize_t first, Py_ssize_t rows, const Memory* memory, Bars* bars) noexcept nogil:
    cdef const Panel* panel = memory.panels + index
    cdef int vectors = <int>ceil_div(rows, LANES)
    if memory.screens != NULL and not bars.dense:
        if screen_panel(job, panel, memory.screens + index, memory.aside, first, rows, bars):
            return
        bars.dense = True
    if job.search.sink == SINK_MATRIX:
        await_scores(job.search, panel, first, rows)
    if job.few or panel.data != NULL:
        sink_tile(job, panel, first, rows, multiply_panel(job, panel, memory.panels + next, first, rows, memory.tile), bars)
        return
    multiply_rows(job, panel, first, vectors, memory.tile)
    if job.search.sink == SINK_MATRIX:
        turn(memory.turned, WIDTH, memory.tile, vectors * LANES, panel.count)
        sink_tile(job, panel, first, rows, memory.turned, bars)
    else:
        sink_turned(job, panel, first, vectors, memory.tile, bars)


# The panels of a region, from row[0] on, of which rows may be found: returns how many, job.room at most, and moves row[0] on.
cdef Py_ssize_t prepare_panels(const Job* job, const Memory* memory, Py_ssize_t* row, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t count = 0
    while row[0] < end and count < job.room:
        row[0] = prepare_panel(job, memory, count, row[0], end)
        if memory.panels[count].valid:
            if memory.screens != NULL:
                make_screen(memory.screens + count, memory.panels + count, job.depth, memory.space,
                            memory.rows + count * WIDTH * job.depth if memory.rows != NULL else NULL)
            count += 1
    return count


# A block of queries and `count` panels meet, in an order in which the best are soon found (search.pxi).
cdef void meet_panels(Job* job, const Memory* memory, Py_ssize_t count, Py_ssize_t first, Py_ssize_t rows,
                      Bars* bars) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t start = 0, step = 1, panel, i
    if s.sink == SINK_BEST:
        start = count - 1
        step = count - jump(count)
    if job.scans:
        scan_panels(memory.panels, count, rows, job.depth, <const real*>s.queries + first * job.depth, memory.tile)
    for i in range(count):
        panel = (start + i * step) % count
        if job.scans:
            sink_tile(job, memory.panels + panel, first, rows, memory.tile + panel * rows * WIDTH, bars)
        elif s.symmetric < 0 or memory.panels[panel].first <= s.symmetric + first + rows - 1:
            meet(job, panel, (start + (i + 1) * step) % count, first, rows, memory, bars)


cdef void scan_region(Job* job, const Memory* memory, Py_ssize_t region, Py_ssize_t first, Py_ssize_t last, int slot) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t n = s.rows.n if s.panels.data == NULL else s.panels.n
    cdef Py_ssize_t row = region * job.region, end = smaller(row + job.region, n), count, query, rows
    cdef Bars bars
    while row < end:
        count = prepare_panels(job, memory, &row, end)
        for query from first <= query < (last if count else first) by job.block:
            rows = smaller(job.block, last - query)
            set_bars(job, &bars, memory.panels[0].first, query, rows, slot)
            meet_panels(job, memory, count, query, rows, &bars)
        if memory.screens != NULL and memory.aside.count:
            measure_aside(job, memory.aside, &bars)


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
