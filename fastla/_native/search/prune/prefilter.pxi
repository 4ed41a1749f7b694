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
    PREFILTER_QUERIES = 24         # from which rounding the corpus pays
    PREFILTER_DEPTH = 16           # numbers of a row from which it does
    # Rows for each of the k best from which it does: of fewer, too many reach the bar. Unscreened over screened with 280, 600, 1200, 2500, 5000,
    # k 10, 384 numbers: 0.94, 1.07, 1.33, 1.62, 1.93 (raw); 0.80, 0.86, 1.06, 1.32, 1.65 (an index).
    PREFILTER_ROWS = 800
    PREFILTER_DEPTH_MOST = 8192    # to which memory and 32 bits suffice


include "quantize.pxi"


# What a panel's levels take to be scores.
cdef struct Prefilter:
    Quantized levels
    bint usable
    const real* rows            # NULL: they are the panel's, side by side
    Py_ssize_t rows_row
    output weight[BLOCK_ROWS]        # a score is about: products of levels * the query's step * weight + bias
    output norm, rest, bias     # the largest, of |x|, |x - x'| and the bias, as they count in scores


include "rerank.pxi"


# Can this search be screened, and does it pay?
cdef inline bint prefilter_pays(const Search* s, Py_ssize_t n, Py_ssize_t d) noexcept nogil:
    return PREFILTERS and s.result != RESULT_MATRIX and s.m >= PREFILTER_QUERIES and PREFILTER_DEPTH <= d <= PREFILTER_DEPTH_MOST and \
        (s.result != RESULT_TOPK or s.k * PREFILTER_ROWS <= n)


# --- queries ------------------------------------------------------------------------------------------------------------
# The levels of a panel of queries, and how far off their screened scores may be: norm * far + rest * size, of a panel's norm and rest.
cdef void quantize_queries_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Plan* job = <Plan*>arg
    cdef Quantized* levels = job.levels + index
    cdef Py_ssize_t first = index * BLOCK_ROWS, rows = smaller(BLOCK_ROWS, job.search.m - first), i
    cdef double rest, size, loose = 1 + slack(job.depth)
    cdef real* block = <real*>job.runtime.take(job.depth * BLOCK_ROWS * sizeof(real))
    if block == NULL:
        job.error = KERNEL_NO_MEMORY
        return
    pack_panel(block, BLOCK_ROWS, rows, job.depth, <const real*>job.search.queries + first * job.depth, job.depth, 1)
    quantize(levels, job.depth, block, False, False)
    for i in range(BLOCK_ROWS):
        rest = root(levels.rest[i]) * loose
        size = (root(levels.squares[i]) * loose + rest) * loose
        job.size[first + i] = <output>size
        job.far[first + i] = <output>((rest + size * slack(job.depth)) * loose)
    job.runtime.give(block)


cdef int quantize_queries(Plan* job) noexcept nogil:
    cdef Py_ssize_t blocks = ceil_div(job.search.m, BLOCK_ROWS), quads = ceil_div(job.depth, QUAD) * BLOCK_ROWS, i
    job.levels = <Quantized*>job.runtime.take(blocks * sizeof(Quantized))
    if job.levels != NULL:
        job.quads = <int32_t*>job.runtime.take(blocks * quads * sizeof(int32_t))
    if job.quads != NULL:
        job.far = <output*>job.runtime.take((blocks * BLOCK_ROWS + QUERY_BLOCK) * sizeof(output))      # the last block may begin late
    if job.far != NULL:
        job.size = <output*>job.runtime.take((blocks * BLOCK_ROWS + QUERY_BLOCK) * sizeof(output))
    if job.size == NULL:
        return KERNEL_NO_MEMORY
    for i in range(blocks):
        job.levels[i].quads = job.quads + i * quads
    i = job.runtime.parallel_for(quantize_queries_task, job, blocks, job.runtime.threads, 0)
    return <int>i if i != KERNEL_OK else job.error


# --- a panel of the corpus ----------------------------------------------------------------------------------------------
# Where a row has no levels, or bars mean nothing to it, the panel is not screened. `space` has room for a panel, and so has `rows`, if stored
# rows are to lie one behind the other.
cdef void make_prefilter(Prefilter* screen, const Block* block, Py_ssize_t d, real* space, real* rows) noexcept nogil:
    cdef double squares = 0, rest = 0, bias = 0, weight
    cdef Py_ssize_t i
    cdef bint usable = block.always == 0
    screen.rows = rows
    screen.rows_row = d
    if block.data == NULL:
        screen.rows = block.factors
        screen.rows_row = block.factors_row
        pack_panel(space, BLOCK_ROWS, block.count, d, block.factors, block.factors_row, 1)
        quantize(&screen.levels, d, space, False, True)
    else:
        quantize(&screen.levels, d, block.data, True, True)
        if rows != NULL:
            for i from 0 <= i < d * BLOCK_ROWS by LANES:
                store(space + i, load_stored(block.data + i))
            transpose(rows, d, space, BLOCK_ROWS, d)
    for i in range(BLOCK_ROWS):
        screen.weight[i] = screen.levels.scale[i] * block.weight[i]
        if i < block.count:
            weight = <double>block.weight[i] * block.weight[i]
            usable = usable and (1e-20 < screen.weight[i] < 1e20 or screen.levels.scale[i] == 0)      # else products are denormal, or infinite
            usable = usable and weight * screen.levels.squares[i] < infinity() and -infinity() < block.bias[i] < infinity()
            squares = max(squares, weight * screen.levels.squares[i])
            rest = max(rest, weight * screen.levels.rest[i])
            bias = max(bias, -<double>block.bias[i])
    screen.usable = usable
    screen.norm = <output>(root(squares) * (1 + slack(d)))
    screen.rest = <output>(root(rest) * (1 + slack(d)))
    screen.bias = <output>bias


# What a screened score must reach, of each query of a block; NaN where there is no query. False: a query's bar is infinite, or the bound is not
# sound for it, since numbers may leave the range of floats or are none.
cdef inline bint lower_thresholds(const Plan* job, const Prefilter* screen, Py_ssize_t first, const Thresholds* thresholds, output* low) noexcept nogil:
    cdef out_vec bar, size, far, height
    cdef out_vec norm = splat_out(screen.norm), most = splat_out(<output>1e37)
    cdef output rounding = <output>(8 * EPSILON)
    cdef uint64_t there, sound, unsound = 0
    cdef Py_ssize_t i
    for i from 0 <= i < QUERY_BLOCK by LANES:
        bar = load_out(thresholds.value + i)
        size = load_out(job.size + first + i)
        far = load_out(job.far + first + i)
        height = vec_abs(bar) + splat_out(screen.bias)
        there = at_least(bar, splat_out(<output>-infinity()))
        sound = at_least(most, norm * size) & at_least(most, far) & at_least(most, height)
        unsound |= there & ~sound
        store_out(low + i, bar - (norm * far + splat_out(screen.rest) * size) - splat_out(rounding) * height)
    return unsound == 0


# hits[i]: a bit for each of a panel's rows whose screened score reaches low[i], of the MR queries from `query` on. As a tile of products: the
# accumulators stay in registers.
cdef void prefilter_tile(const Prefilter* screen, const output* bias, const Quantized* queries, Py_ssize_t query, Py_ssize_t depth,
                       const output* low, uint64_t* hits) noexcept nogil:
    cdef quads acc[MR][VECTORS]
    cdef quads x[VECTORS]
    cdef const int32_t* a = queries.quads + query
    cdef const int32_t* b = screen.levels.quads
    cdef out_vec v
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
        a += BLOCK_ROWS
        b += BLOCK_ROWS
    for i in range(MR):
        hits[i] = 0
        for j in range(VECTORS):
            v = quads_to_out(acc[i][j]) * splat_out(queries.scale[query + i])
            v = v * load_out(screen.weight + j * LANES) + load_out(bias + j * LANES)
            hits[i] |= at_least(v, splat_out(low[i])) << (j * LANES)


# A block of queries and a panel meet. False: too many may be near, and nothing is done.
cdef bint prefilter_block(Plan* job, const Block* block, const Prefilter* screen, Rerank* rerank, Py_ssize_t first, Py_ssize_t rows,
                       Thresholds* thresholds) noexcept nogil:
    cdef uint64_t hits[QUERY_BLOCK]
    cdef output low[QUERY_BLOCK]
    cdef Py_ssize_t i, near = 0
    if not (screen.usable and lower_thresholds(job, screen, first, thresholds, low)):
        return False
    for i from 0 <= i < rows by MR:
        prefilter_tile(screen, block.bias, job.levels + (first + i) // BLOCK_ROWS, (first + i) % BLOCK_ROWS, ceil_div(job.depth, QUAD),
                     low + i, hits + i)
    for i in range(rows):
        hits[i] &= block.valid
        if hits[i] and job.search.mask != NULL and job.search.mask_row:
            hits[i] &= mask_bits(job.search.mask + (first + i) * job.search.mask_row + block.first, block.count)
        near += bit_count(hits[i])
    if near * (RERANK_COST + job.depth) * LANES > rows * block.count * job.depth:
        return False
    for i in range(rows):
        while hits[i]:
            rerank_later(job, rerank, block, screen, lowest_bit(hits[i]), first + i, thresholds)
            hits[i] &= hits[i] - 1
    return True
