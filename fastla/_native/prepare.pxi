# A region of the corpus made ready, panel by panel.

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


# The order in which a region's panels are met. If the k best are sought, from the last on: in jumps, by as many panels as hold k rows (search.pxi);
# but one by one where products come first, for their tiles lie in L2 (jumps took up to 15 % longer).
cdef void order_panels(const Job* job, Prepared* prepared) noexcept nogil:
    cdef Py_ssize_t count = prepared.count, together = count if job.scans else smaller(ceil_div(job.search.k, WIDTH), count)
    cdef Py_ssize_t groups = ceil_div(count, larger(1, together)), step = jump(larger(1, groups)), group = groups - 1, first, panel, i = 0
    if job.search.sink != SINK_BEST:
        for i in range(count):
            prepared.order[i] = i
        return
    while i < count:
        first = group * together
        for panel in range(smaller(first + together, count) - 1, first - 1, -1):
            prepared.order[i] = panel
            i += 1
        group += groups - step if group < step else -step


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
    order_panels(job, prepared)
