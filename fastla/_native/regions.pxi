# A region of the corpus: made ready panel by panel, then met by the queries.

# A task's memory, for `room` panels.
cdef struct Memory:
    Panel* panels
    real* tile          # of a panel; those of all, where they are scanned
    real* turned        # the tile with rows and columns exchanged
    real* mended        # room for the rows of all the panels; NULL: the corpus is stored panels
    real* copies        # of rows that are not used where they lie; NULL: all are
    real* dots          # [room][FEW][WIDTH]; NULL: there are more queries
    Screen* screens     # of the panels; NULL: the search is not screened
    Aside* aside
    int32_t* levels
    real* rows          # room for those of all stored panels
    real* space         # for a panel turned round, and what is put aside


cdef bint take_memory(const Job* job, Memory* memory) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t numbers = job.room * WIDTH * larger(1, job.depth)
    memset(memory, 0, sizeof(Memory))
    memory.panels = <Panel*>job.runtime.take(job.room * sizeof(Panel))
    if memory.panels != NULL:
        memory.tile = <real*>job.runtime.take((job.room * SCAN if job.scans else 2 * BLOCK) * WIDTH * sizeof(real))
    if memory.tile != NULL and s.panels.data != NULL:
        return not job.screens or take_screens(job, memory)
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
        if memory.copies == NULL:
            return False
    return not job.screens or take_screens(job, memory)


cdef bint take_screens(const Job* job, Memory* memory) noexcept nogil:
    cdef Py_ssize_t quads = ceil_div(job.depth, QUAD) * WIDTH, i
    cdef real* numbers
    memory.screens = <Screen*>job.runtime.take(job.room * sizeof(Screen))
    if memory.screens == NULL:
        return False
    memory.aside = <Aside*>job.runtime.take(sizeof(Aside))
    if memory.aside == NULL:
        return False
    memory.space = <real*>job.runtime.take((WIDTH + 4 * LANES) * job.depth * sizeof(real))
    if memory.space == NULL:
        return False
    memory.levels = <int32_t*>job.runtime.take(job.room * quads * sizeof(int32_t))
    if memory.levels == NULL:
        return False
    if rows_to_be_turned(job.search):
        memory.rows = <real*>job.runtime.take(job.room * WIDTH * job.depth * sizeof(real))
        if memory.rows == NULL:
            return False
    for i in range(job.room):
        memory.screens[i].levels.quads = memory.levels + i * quads
    memset(memory.aside, 0, sizeof(Aside))
    numbers = memory.space + WIDTH * job.depth
    memset(numbers, 0, 4 * LANES * job.depth * sizeof(real))
    memory.aside.x = numbers
    memory.aside.y = numbers + LANES * job.depth
    memory.aside.x_turned = numbers + 2 * LANES * job.depth
    memory.aside.y_turned = numbers + 3 * LANES * job.depth
    return True


cdef void give_memory(const Job* job, Memory* memory) noexcept nogil:
    if memory.rows != NULL:
        job.runtime.give(memory.rows)
    if memory.levels != NULL:
        job.runtime.give(memory.levels)
    if memory.space != NULL:
        job.runtime.give(memory.space)
    if memory.aside != NULL:
        job.runtime.give(memory.aside)
    if memory.screens != NULL:
        job.runtime.give(memory.screens)
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


# Where the scores of a matrix will go is asked for before the products.
cdef inline void await_scores(const Search* s, const Panel* panel, Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    cdef const output* c = <const output*>s.c + panel.first
    cdef Py_ssize_t query, i
    for query in range(first, first + rows):
        for i from 0 <= i < panel.count + LINE // <Py_ssize_t>sizeof(output) - 1 by LINE // <Py_ssize_t>sizeof(output):
            prefetch(c + query * s.c_row + smaller(i, panel.count - 1))


# A block of queries and a panel meet.
cdef void meet(Job* job, Py_ssize_t index, Py_ssize_t first, Py_ssize_t rows, const Memory* memory, Bars* bars) noexcept nogil:
    cdef const Panel* panel = memory.panels + index
    cdef int vectors = <int>ceil_div(rows, LANES)
    if memory.screens != NULL and not bars.dense:
        if screen_panel(job, panel, memory.screens + index, memory.aside, first, rows, bars):
            return
        bars.dense = True
    if job.search.sink == SINK_MATRIX:
        await_scores(job.search, panel, first, rows)
    if job.few or panel.data != NULL:
        sink_tile(job, panel, first, rows, multiply_panel(job, panel, first, rows, memory.tile), bars)
        return
    multiply_rows(job, panel, first, vectors, memory.tile)
    if job.search.sink == SINK_MATRIX:
        turn(memory.turned, WIDTH, memory.tile, vectors * LANES, panel.count)
        sink_tile(job, panel, first, rows, memory.turned, bars)
    else:
        sink_turned(job, panel, first, vectors, memory.tile, bars)


cdef void scan_region(Job* job, const Memory* memory, Py_ssize_t region, Py_ssize_t first, Py_ssize_t last, int slot) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t n = s.rows.n if s.panels.data == NULL else s.panels.n
    cdef Py_ssize_t row = region * job.region, end = smaller(row + job.region, n), count, query, rows, stride, i, panel
    cdef Bars bars
    while row < end:
        count = 0
        while row < end and count < job.room:
            row = prepare_panel(job, memory, count, row, end)
            if memory.panels[count].valid:
                if memory.screens != NULL:
                    make_screen(memory.screens + count, memory.panels + count, job.depth, memory.space,
                                memory.rows + count * WIDTH * job.depth if memory.rows != NULL else NULL)
                count += 1
        stride = jump(count) if s.sink == SINK_BEST and job.turned_queries != NULL else 1     # stored panels are read as they come
        query = first if count else last
        while query < last:
            rows = smaller(job.block, last - query)
            set_bars(job, &bars, memory.panels[0].first, query, rows, slot)
            if job.scans:
                scan_panels(memory.panels, count, rows, job.depth, <const real*>s.queries + query * job.depth, memory.tile)
                for i in range(count):
                    sink_tile(job, memory.panels + i, query, rows, memory.tile + i * rows * WIDTH, &bars)
                break
            for i in range(count):
                panel = i * stride % count
                if s.symmetric < 0 or memory.panels[panel].first <= s.symmetric + query + rows - 1:
                    meet(job, panel, query, rows, memory, &bars)
            query += rows
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
