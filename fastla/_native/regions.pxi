# A region meets the queries, and the tasks that see to it.

# Where the scores of a matrix will go is asked for before the products.
cdef inline void await_scores(const Search* s, const Panel* panel, Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    cdef const output* c = <const output*>s.c + panel.first
    cdef Py_ssize_t query, i
    for query in range(first, first + rows):
        for i from 0 <= i < panel.count + LINE // <Py_ssize_t>sizeof(output) - 1 by LINE // <Py_ssize_t>sizeof(output):
            prefetch(c + query * s.c_row + smaller(i, panel.count - 1))


# A block of queries and a panel meet. The one with the index `next` comes after it, and is asked for.
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


# All products of a region, then all scores. What lies between two panels else (a tile's beginning and end, its scores, their bars) is some 300
# instructions without a load from memory, as many as a CPU looks ahead; and panels are read as they lie, though they are met in another
# order (400,000 x 48 float32, 9 to 23 queries, ms: 3.8 to 6.1 so, 5.0 to 6.7 in that order).
cdef void multiply_region(const Job* job, const Prepared* prepared, Py_ssize_t first, Py_ssize_t rows, real* tiles) noexcept nogil:
    cdef Py_ssize_t i
    if rows <= SCAN:
        scan_panels(prepared.panels, prepared.count, rows, job.depth, <const real*>job.search.queries + first * job.depth, tiles)
        return
    for i in range(prepared.count):
        multiply_panel(job, prepared.panels + i, prepared.panels + smaller(i + 1, prepared.count - 1), first, rows, tiles + i * rows * WIDTH)


# A block of queries and a region's panels meet.
cdef void meet_panels(Job* job, const Prepared* prepared, const Scratch* scratch, Py_ssize_t first, Py_ssize_t rows, Bars* bars) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t panel, next = prepared.order[0], i
    if job.scans:
        multiply_region(job, prepared, first, rows, scratch.tile)
    for i in range(prepared.count):
        panel = next
        next = prepared.order[i + 1 if i + 1 < prepared.count else 0]
        if job.scans:
            sink_tile(job, prepared.panels + panel, first, rows, scratch.tile + panel * rows * WIDTH, bars)
        elif s.symmetric < 0 or prepared.panels[panel].first <= s.symmetric + first + rows - 1:
            meet(job, prepared, scratch, panel, next, first, rows, bars)


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
