# The prefilter: most rows are dropped by products of 8 bits, at four times the speed of float32's:
# docs/measurements.md, "When to prefilter".
#
# Rows and queries are quantized (quantize.pxi): x' is x rounded to levels times a scale of its own. By Cauchy and
# Schwarz
#     |x.y - x'.y'| <= |x| |y - y'| + |x - x'| |y'|,
# where all four norms are known, as measured. A row that cannot reach its query's threshold by as much is dropped; the
# others are few, and scored by exactly the products that they would have had without: no result depends on the
# prefilter, only its time. Where many would be left (the thresholds are still low, or rows as good as equal) the block
# is scored as a whole.

# A block of the corpus as 8 bits.
cdef struct Prefilter:
    Quantized quantized
    bint usable
    const real* rows            # the rows themselves, for the re-rank; NULL: they are the block's, side by side
    Py_ssize_t rows_row
    output weight[BLOCK_ROWS]   # a score is about: products of levels * the query's scale * weight + bias
    output norm, rest, bias     # the largest, of |x|, |x - x'| and the bias, as they count in scores


# A block of queries, [depth][BLOCK_ROWS]; and how far off a score of theirs may be: norm * far + rest * size, of a
# block's norm and rest.
cdef void quantize_queries(const Plan* plan, Py_ssize_t first, Py_ssize_t rows, const real* block) noexcept nogil:
    cdef const Queries* queries = &plan.work.queries
    cdef Quantized* quantized = queries.quantized + first // BLOCK_ROWS
    cdef double rest, size, loose = 1 + slack(plan.depth)
    cdef Py_ssize_t i
    quantized.quads = queries.quads + first // BLOCK_ROWS * quads_of(plan)
    quantize(quantized, plan.depth, block, False, False)
    for i in range(BLOCK_ROWS):
        rest = root(quantized.rest[i]) * loose
        size = (root(quantized.squares[i]) * loose + rest) * loose
        queries.size[first + i] = <output>size
        queries.far[first + i] = <output>((rest + size * slack(plan.depth)) * loose)
        if i < rows and queries.unit[first + i] != 1:       # its scores are multiplied by more than the bound knows of
            queries.far[first + i] = <output>infinity()


# A block of the chunk. Where a row cannot be quantized, or thresholds mean nothing to it, the prefilter is not usable.
cdef void make_prefilter(const Plan* plan, Chunk* chunk, Py_ssize_t index) noexcept nogil:
    cdef const Block* block = chunk.blocks + index
    cdef Prefilter* prefilter = chunk.prefilters + index
    cdef Quantized* quantized = &prefilter.quantized
    cdef Py_ssize_t d = plan.depth, i
    cdef double squares = 0, rest = 0, bias = 0, weight
    cdef bint usable = block.always == 0
    cdef real* rows = NULL
    quantized.quads = chunk.quads + index * quads_of(plan)
    if block.data == NULL:
        prefilter.rows = block.x
        prefilter.rows_row = block.x_row
        pack_panel(chunk.space, BLOCK_ROWS, block.count, d, block.x, block.x_row, 1)
        quantize(quantized, d, chunk.space, False, True)
    else:
        quantize(quantized, d, block.data, True, True)
        if chunk.rows != NULL:
            rows = chunk.rows + index * BLOCK_ROWS * d
            for i from 0 <= i < d * BLOCK_ROWS by LANES:
                store(chunk.space + i, load_stored(block.data + i))
            transpose(rows, d, chunk.space, BLOCK_ROWS, d)
        prefilter.rows = rows
        prefilter.rows_row = d
    for i in range(BLOCK_ROWS):
        prefilter.weight[i] = quantized.scale[i] * block.weight[i]
        if i < block.count:
            weight = <double>block.weight[i] * block.weight[i]
            # Else products are denormal, or infinite.
            usable = usable and (1e-20 < prefilter.weight[i] < 1e20 or quantized.scale[i] == 0)
            usable = usable and weight * quantized.squares[i] < infinity() and -infinity() < block.bias[i] < infinity()
            squares = max(squares, weight * quantized.squares[i])
            rest = max(rest, weight * quantized.rest[i])
            bias = max(bias, -<double>block.bias[i])
    prefilter.usable = usable
    prefilter.norm = <output>(root(squares) * (1 + slack(d)))
    prefilter.rest = <output>(root(rest) * (1 + slack(d)))
    prefilter.bias = <output>bias


# What a score of 8 bits must reach, of each query of a block; NaN where there is no query. False: a query's threshold
# is infinite, or the bound is not sound for it, since numbers may leave the range of floats or are none.
cdef inline bint lower_thresholds(const Plan* plan, const Prefilter* prefilter, const Thresholds* thresholds,
                                  output* low) noexcept nogil:
    cdef const Queries* queries = &plan.work.queries
    cdef out_vec threshold, size, far, height
    cdef out_vec norm = splat_out(prefilter.norm), most = splat_out(<output>1e37)
    cdef output rounding = <output>(8 * EPSILON)
    cdef uint64_t there, sound, unsound = 0
    cdef Py_ssize_t i
    for i from 0 <= i < QUERY_BLOCK by LANES:
        threshold = load_out(thresholds.value + i)
        size = load_out(queries.size + thresholds.first + i)
        far = load_out(queries.far + thresholds.first + i)
        height = vec_abs(threshold) + splat_out(prefilter.bias)
        there = at_least(threshold, splat_out(<output>-infinity()))
        sound = at_least(most, norm * size) & at_least(most, far) & at_least(most, height)
        unsound |= there & ~sound
        store_out(low + i, threshold - (norm * far + splat_out(prefilter.rest) * size) - splat_out(rounding) * height)
    return unsound == 0


# hits[i]: a bit for each of a block's rows whose score of 8 bits reaches low[i], of the MR queries from `query` on. As
# in a tile of products, the accumulators stay in registers.
cdef void prefilter_tile(const Prefilter* prefilter, const output* bias, const Quantized* queries, Py_ssize_t query,
                         Py_ssize_t depth,
                         const output* low, uint64_t* hits) noexcept nogil:
    cdef quads acc[MR][VECTORS]
    cdef quads x[VECTORS]
    cdef const int32_t* a = queries.quads + query
    cdef const int32_t* b = prefilter.quantized.quads
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
            v = v * load_out(prefilter.weight + j * LANES) + load_out(bias + j * LANES)
            hits[i] |= at_least(v, splat_out(low[i])) << (j * LANES)


# A block of the corpus and a block of queries. False: too many rows may be near, and nothing is done.
cdef bint prefilter_block(Plan* plan, const Block* block, const Prefilter* prefilter, Rerank* pairs,
                          Thresholds* thresholds) noexcept nogil:
    cdef const Search* s = plan.search
    cdef uint64_t hits[QUERY_BLOCK]
    cdef output low[QUERY_BLOCK]
    cdef Py_ssize_t first = thresholds.first, rows = thresholds.rows, i, near = 0
    if not (prefilter.usable and lower_thresholds(plan, prefilter, thresholds, low)):
        return False
    for i from 0 <= i < rows by MR:
        prefilter_tile(prefilter, block.bias, plan.work.queries.quantized + (first + i) // BLOCK_ROWS,
                       (first + i) % BLOCK_ROWS,
                       ceil_div(plan.depth, QUAD), low + i, hits + i)
    for i in range(rows):
        hits[i] &= block.valid
        if hits[i] and s.mask != NULL and s.mask_row:
            hits[i] &= mask_bits(s.mask + (first + i) * s.mask_row + block.first * s.mask_column,
                                 s.mask_column, block.count)
        near += bit_count(hits[i])
    if near * (RERANK_COST + plan.depth) * LANES > rows * block.count * plan.depth:
        return False
    for i in range(rows):
        while hits[i]:
            add_pair(plan, pairs, block, prefilter, lowest_bit(hits[i]), first + i, thresholds)
            hits[i] &= hits[i] - 1
    return True
