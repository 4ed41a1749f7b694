# Screening: most rows are told from 8 bits a number that they reach no query's bar, at four times the speed of float32 products.
#
# Rows and queries are rounded to levels, whole numbers from -127 to 127 times a step of their own: x' = level * step. By Cauchy and Schwarz
#     |x.y - x'.y'| <= |x| |y - y'| + |x - x'| |y'|,
# where all four norms are known, as measured. Who cannot reach its query's bar by as much is dropped, the others
# are few and put aside to be measured by exactly the products that they would have met unscreened: no result depends on the screen, only its time.
# Where many would be put aside (the bars are still low, or rows as good as equal) the panel is measured as a whole.
#
# Measured (Zen 4, two threads, 100,000 rows, k 10, ms unscreened and screened): 1000 queries of 128 numbers 127 and 52, of 384 371 and 137; 32 of 384
# 12.8 and 11.3; k 100, 1000 of 384 405 and 283. Where nothing can be dropped (20 tight clusters, all rows equal) it takes 1.05 to 1.15 times as long.

cdef enum:
    LEVELS = 127
    QUAD = 4                    # levels in a lane of 32 bits
    VECTORS = WIDTH // LANES
    SCREEN_QUERIES = 24         # from which rounding the corpus pays
    SCREEN_DEPTH = 16           # numbers of a row from which it does
    # Rows for each of the k best from which it does: of fewer, too many reach the bar. Unscreened over screened with 280, 600, 1200, 2500, 5000,
    # k 10, 384 numbers: 0.94, 1.07, 1.33, 1.62, 1.93 (raw); 0.80, 0.86, 1.06, 1.32, 1.65 (an index).
    SCREEN_ROWS = 800
    SCREEN_DEPTH_MOST = 8192    # to which memory and 32 bits suffice
    TURN_ROWS = 4096            # queries times k
    ASIDE_COST = 128            # what measuring a pair that is put aside costs, in steps of a float product, beside a step a number


# Rows as levels, WIDTH side by side: [ceil(d / QUAD)][WIDTH] quads. Lanes without a row are zeros.
cdef struct Levels:
    int32_t* quads
    output step[WIDTH]
    int32_t start[WIDTH]        # of a sum of products with unsigned bytes, that are 128 more than levels: -128 times the sum of a row's levels
    output squares[WIDTH]       # of a row's numbers, their sum; NaN or infinity: they are out of range
    output rest[WIDTH]          # the same of what rounding leaves


# What a panel's levels take to be scores.
cdef struct Screen:
    Levels levels
    bint usable
    const real* rows            # NULL: they are the panel's, side by side
    Py_ssize_t rows_row
    output weight[WIDTH]        # a score is about: products of levels * the query's step * weight + bias
    output norm, rest, bias     # the largest, of |x|, |x - x'| and the bias, as they count in scores


# What is put aside: pairs of a row and a query whose score may reach the query's bar, LANES of them.
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


# Gathering a row of a panel from 48 lines apart takes as long as six queries meet the panel. Where many will be put aside the panel is turned.
cdef inline bint rows_to_be_turned(const Search* s) noexcept nogil:
    return s.panels.data != NULL and s.m * larger(s.k, 16) >= TURN_ROWS


# Can this search be screened, and does it pay?
cdef inline bint to_be_screened(const Search* s, Py_ssize_t n, Py_ssize_t d) noexcept nogil:
    return SCREENS and s.sink != SINK_MATRIX and s.m >= SCREEN_QUERIES and SCREEN_DEPTH <= d <= SCREEN_DEPTH_MOST and \
        (s.sink != SINK_BEST or s.k * SCREEN_ROWS <= n)


cdef inline scores numbers_at(const void* x, const bint as_stored, Py_ssize_t i) noexcept nogil:
    return to_scores(load_stored(<const stored*>x + i)) if as_stored else to_scores(load(<const real*>x + i))


# The levels of WIDTH rows side by side, [d][WIDTH] as they are stored or reals (a literal at every call); flip turns signed bytes into unsigned
# ones that are 128 more.
cdef inline void make_levels(Levels* levels, Py_ssize_t d, const void* x, const bint as_stored, const bint flip) noexcept nogil:
    cdef scores most[WIDTH]
    cdef scores squares[WIDTH]
    cdef scores rest[WIDTH]
    cdef scores sums[WIDTH]
    cdef quads quad[WIDTH]
    cdef scores v, level
    cdef output inverse[WIDTH]
    cdef output largest[WIDTH]
    cdef output sum[WIDTH]
    cdef output low = <output>1e-10, high = <output>1e10        # within which no square overflows, or loses what counts
    cdef Py_ssize_t p, q
    cdef int i, j
    for j in range(VECTORS):
        most[j] = squares[j] = rest[j] = sums[j] = splat_scores(0)
    for p in range(d):
        for j in range(VECTORS):
            v = numbers_at(x, as_stored, p * WIDTH + j * LANES)
            most[j] = greater(magnitudes(v), most[j])
            squares[j] = squares[j] + v * v
    for j in range(VECTORS):
        store_scores(largest + j * LANES, most[j])
        store_scores(levels.squares + j * LANES, squares[j])
    for i in range(WIDTH):
        levels.step[i] = inverse[i] = 0
        if low < largest[i] < high:
            levels.step[i] = largest[i] / LEVELS
            inverse[i] = LEVELS / largest[i]
        elif largest[i] != 0:
            levels.squares[i] = <output>infinity()
    for q in range(ceil_div(d, QUAD)):
        for j in range(VECTORS):
            quad[j] = splat_quads(0)
        for i in range(smaller(QUAD, d - q * QUAD)):
            for j in range(VECTORS):
                v = numbers_at(x, as_stored, (q * QUAD + i) * WIDTH + j * LANES)
                level = nearest(v * load_scores(inverse + j * LANES))
                v = v - level * load_scores(levels.step + j * LANES)
                rest[j] = rest[j] + v * v
                sums[j] = sums[j] + level
                quad[j] = quad[j] + to_byte(level, i)
        for j in range(VECTORS):
            store_quads(levels.quads + q * WIDTH + j * LANES, flipped(quad[j]) if flip else quad[j])
    for j in range(VECTORS):
        store_scores(levels.rest + j * LANES, rest[j])
        store_scores(sum + j * LANES, sums[j])
    for i in range(WIDTH):
        levels.start[i] = <int32_t>(-128 * sum[i]) if sum[i] == sum[i] else 0       # an infinity times 0 is NaN: such rows have no levels


# --- queries ------------------------------------------------------------------------------------------------------------
# The levels of a panel of queries, and how far off their screened scores may be: norm * far + rest * size, of a panel's norm and rest.
cdef void screen_queries_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Job* job = <Job*>arg
    cdef Levels* levels = job.levels + index
    cdef Py_ssize_t first = index * WIDTH, rows = smaller(WIDTH, job.search.m - first), i
    cdef double rest, size, loose = 1 + slack(job.depth)
    cdef real* panel = <real*>job.runtime.take(job.depth * WIDTH * sizeof(real))
    if panel == NULL:
        job.error = KERNEL_NO_MEMORY
        return
    pack_panel(panel, WIDTH, rows, job.depth, <const real*>job.search.queries + first * job.depth, job.depth, 1)
    make_levels(levels, job.depth, panel, False, False)
    for i in range(WIDTH):
        rest = root(levels.rest[i]) * loose
        size = (root(levels.squares[i]) * loose + rest) * loose
        job.size[first + i] = <output>size
        job.far[first + i] = <output>((rest + size * slack(job.depth)) * loose)
    job.runtime.give(panel)


cdef int screen_queries(Job* job) noexcept nogil:
    cdef Py_ssize_t panels = ceil_div(job.search.m, WIDTH), quads = ceil_div(job.depth, QUAD) * WIDTH, i
    job.levels = <Levels*>job.runtime.take(panels * sizeof(Levels))
    if job.levels != NULL:
        job.quads = <int32_t*>job.runtime.take(panels * quads * sizeof(int32_t))
    if job.quads != NULL:
        job.far = <output*>job.runtime.take((panels * WIDTH + BLOCK) * sizeof(output))      # the last block may begin late
    if job.far != NULL:
        job.size = <output*>job.runtime.take((panels * WIDTH + BLOCK) * sizeof(output))
    if job.size == NULL:
        return KERNEL_NO_MEMORY
    for i in range(panels):
        job.levels[i].quads = job.quads + i * quads
    i = job.runtime.parallel_for(screen_queries_task, job, panels, job.runtime.threads, 0)
    return <int>i if i != KERNEL_OK else job.error


# --- a panel of the corpus ----------------------------------------------------------------------------------------------
# Where a row has no levels, or bars mean nothing to it, the panel is not screened. `space` has room for a panel, and so has `rows`, if stored
# rows are to lie one behind the other.
cdef void make_screen(Screen* screen, const Panel* panel, Py_ssize_t d, real* space, real* rows) noexcept nogil:
    cdef double squares = 0, rest = 0, bias = 0, weight
    cdef Py_ssize_t i
    cdef bint usable = panel.always == 0
    screen.rows = rows
    screen.rows_row = d
    if panel.data == NULL:
        screen.rows = panel.factors
        screen.rows_row = panel.factors_row
        pack_panel(space, WIDTH, panel.count, d, panel.factors, panel.factors_row, 1)
        make_levels(&screen.levels, d, space, False, True)
    else:
        make_levels(&screen.levels, d, panel.data, True, True)
        if rows != NULL:
            for i from 0 <= i < d * WIDTH by LANES:
                store(space + i, load_stored(panel.data + i))
            turn(rows, d, space, WIDTH, d)
    for i in range(WIDTH):
        screen.weight[i] = screen.levels.step[i] * panel.weight[i]
        if i < panel.count:
            weight = <double>panel.weight[i] * panel.weight[i]
            usable = usable and (1e-20 < screen.weight[i] < 1e20 or screen.levels.step[i] == 0)      # else products are denormal, or infinite
            usable = usable and weight * screen.levels.squares[i] < infinity() and -infinity() < panel.bias[i] < infinity()
            squares = max(squares, weight * screen.levels.squares[i])
            rest = max(rest, weight * screen.levels.rest[i])
            bias = max(bias, -<double>panel.bias[i])
    screen.usable = usable
    screen.norm = <output>(root(squares) * (1 + slack(d)))
    screen.rest = <output>(root(rest) * (1 + slack(d)))
    screen.bias = <output>bias


# What a screened score must reach, of each query of a block; NaN where there is no query. False: a query's bar is infinite, or the bound is not
# sound for it, since numbers may leave the range of floats or are none.
cdef inline bint lower_bars(const Job* job, const Screen* screen, Py_ssize_t first, const Bars* bars, output* low) noexcept nogil:
    cdef scores bar, size, far, height
    cdef scores norm = splat_scores(screen.norm), most = splat_scores(<output>1e37)
    cdef output rounding = <output>(8 * EPSILON)
    cdef uint64_t there, sound, unsound = 0
    cdef Py_ssize_t i
    for i from 0 <= i < BLOCK by LANES:
        bar = load_scores(bars.bar + i)
        size = load_scores(job.size + first + i)
        far = load_scores(job.far + first + i)
        height = magnitudes(bar) + splat_scores(screen.bias)
        there = at_least(bar, splat_scores(<output>-infinity()))
        sound = at_least(most, norm * size) & at_least(most, far) & at_least(most, height)
        unsound |= there & ~sound
        store_scores(low + i, bar - (norm * far + splat_scores(screen.rest) * size) - splat_scores(rounding) * height)
    return unsound == 0


# hits[i]: a bit for each of a panel's rows whose screened score reaches low[i], of the MR queries from `query` on. As a tile of products: the
# accumulators stay in registers.
cdef void screen_strip(const Screen* screen, const output* bias, const Levels* queries, Py_ssize_t query, Py_ssize_t depth,
                       const output* low, uint64_t* hits) noexcept nogil:
    cdef quads acc[MR][VECTORS]
    cdef quads x[VECTORS]
    cdef const int32_t* a = queries.quads + query
    cdef const int32_t* b = screen.levels.quads
    cdef scores v
    cdef Py_ssize_t q
    cdef int i, j
    for i in range(MR):
        for j in range(VECTORS):
            acc[i][j] = splat_quads(queries.start[query + i])
    for q in range(depth):
        for j in range(VECTORS):
            x[j] = load_quads(b + j * LANES)
        for i in range(MR):
            for j in range(VECTORS):
                acc[i][j] = dot_quads(acc[i][j], x[j], splat_quads(a[i]))
        a += WIDTH
        b += WIDTH
    for i in range(MR):
        hits[i] = 0
        for j in range(VECTORS):
            v = quads_to_scores(acc[i][j]) * splat_scores(queries.step[query + i])
            v = v * load_scores(screen.weight + j * LANES) + load_scores(bias + j * LANES)
            hits[i] |= at_least(v, splat_scores(low[i])) << (j * LANES)


# --- what is put aside --------------------------------------------------------------------------------------------------
# Their scores, number by number as in a tile whose depth is done in parts of at most `most`, into the sink.
cdef void measure_aside(Job* job, Aside* aside, Py_ssize_t most, Bars* bars) noexcept nogil:
    cdef Py_ssize_t depth = job.depth, part = ceil_div(depth, ceil_div(depth, most)), p, k, i, query
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


cdef void put_aside(Job* job, Aside* aside, const Panel* panel, const Screen* screen, int row, Py_ssize_t query, Py_ssize_t most,
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
        measure_aside(job, aside, most, bars)


# A block of queries and a panel meet. False: too many may be near, and nothing is done.
cdef bint screen_panel(Job* job, const Panel* panel, const Screen* screen, Aside* aside, Py_ssize_t first, Py_ssize_t rows,
                       Py_ssize_t most, Bars* bars) noexcept nogil:
    cdef uint64_t hits[BLOCK]
    cdef output low[BLOCK]
    cdef Py_ssize_t i, near = 0
    if not (screen.usable and lower_bars(job, screen, first, bars, low)):
        return False
    for i from 0 <= i < rows by MR:
        screen_strip(screen, panel.bias, job.levels + (first + i) // WIDTH, (first + i) % WIDTH, ceil_div(job.depth, QUAD),
                     low + i, hits + i)
    for i in range(rows):
        hits[i] &= panel.valid
        if hits[i] and job.search.mask != NULL and job.search.mask_row:
            hits[i] &= mask_bits(job.search.mask + (first + i) * job.search.mask_row + panel.first, panel.count)
        near += bit_count(hits[i])
    if near * (ASIDE_COST + job.depth) * LANES > rows * panel.count * job.depth:
        return False
    for i in range(rows):
        while hits[i]:
            put_aside(job, aside, panel, screen, lowest_bit(hits[i]), first + i, most, bars)
            hits[i] &= hits[i] - 1
    return True
