# Pairs of a row and a query that a screen could not drop (screen.pxi), measured a vector of them at a time.

cdef enum:
    ASIDE_COST = 128            # what measuring a pair takes, in steps of a float product, beside a step a number
    TURN_ROWS = 4096            # queries times k from which a panel's rows are turned, to be copied rather than gathered


# LANES of them at most.
cdef struct Aside:
    Py_ssize_t count
    const Panel* panel[LANES]
    int row[LANES]
    Py_ssize_t query[LANES]
    output weight[LANES]
    output bias[LANES]
    real* x                     # [LANES][depth]: the rows,
    real* y                     # and the queries
    real* x_turned              # [part][LANES]
    real* y_turned


# Its four fields of `numbers` each, from `at` on, zeros at first; returns how many bytes they take. aside NULL: no more than that.
cdef Py_ssize_t lay_aside(Aside* aside, real* at, Py_ssize_t numbers) noexcept nogil:
    if aside != NULL:
        memset(aside, 0, sizeof(Aside))
        memset(at, 0, 4 * numbers * sizeof(real))
        aside.x = at
        aside.y = at + numbers
        aside.x_turned = at + 2 * numbers
        aside.y_turned = at + 3 * numbers
    return 4 * numbers * sizeof(real)


# Gathering a row of a panel from 48 lines apart takes as long as six queries meet the panel. Where many will be put aside the panel is turned.
cdef inline bint rows_to_be_turned(const Search* s) noexcept nogil:
    return s.panels.data != NULL and s.m * larger(s.k, 16) >= TURN_ROWS


# Their scores, number by number and part by part as in a tile (multiply_tile), into the sink.
cdef void measure_aside(Job* job, Aside* aside, Bars* bars) noexcept nogil:
    cdef Py_ssize_t depth = job.depth, part = part_of(depth, most_at_once(job)), p, k, i, query
    cdef vec acc, sum = zero()
    cdef output values[LANES]
    for p from 0 <= p < depth by part:
        k = smaller(part, depth - p)
        turned(aside.x_turned, LANES, aside.count, k, aside.x + p, depth, 1)
        turned(aside.y_turned, LANES, aside.count, k, aside.y + p, depth, 1)
        acc = zero()
        for i in range(k):
            acc = multiply_add(acc, load(aside.x_turned + i * LANES), load(aside.y_turned + i * LANES))
        sum = acc + sum if p else acc
    store_scores(values, to_scores(sum) * load_scores(aside.weight) + load_scores(aside.bias))
    for i in range(aside.count):
        query = aside.query[i]
        if values[i] >= bar_of(job, bars.id, query, bars.slot):
            sink_score(job, aside.panel[i], aside.row[i], query, values[i], bars.slot)
            if bars.first <= query < bars.first + bars.rows:
                bars.bar[query - bars.first] = bar_of(job, bars.id, query, bars.slot)
    aside.count = 0


cdef void put_aside(Job* job, Aside* aside, const Panel* panel, const Screen* screen, int row, Py_ssize_t query,
                    Bars* bars) noexcept nogil:
    cdef Py_ssize_t depth = job.depth, i = aside.count
    if not may_find(job.search, query, id_of(panel, row)):
        return
    aside.panel[i] = panel
    aside.row[i] = row
    aside.query[i] = query
    aside.weight[i] = panel.weight[row]
    aside.bias[i] = panel.bias[row]
    if screen.rows != NULL:
        memcpy(aside.x + i * depth, screen.rows + row * screen.rows_row, depth * sizeof(real))
    else:
        read_row(<output*>aside.x + i * depth, <const char*>(panel.data + row), WIDTH * sizeof(stored), depth, ROW_STORED)
    memcpy(aside.y + i * depth, <const real*>job.search.queries + query * depth, depth * sizeof(real))
    aside.count += 1
    if aside.count == LANES:
        measure_aside(job, aside, bars)
