# The memory of a search, each piece taken whole or not at all: a workspace for the search itself, and a scratch for
# each of its tasks.

# The queries, as they are multiplied and as scores are made of them.
cdef struct Queries:
    real* elements          # [m][depth]: cosine: normalized; int8: levels of 16 bits, two in an element
    output* scale           # of each: a score is dot * scale * weight * unit + bias
    output* unit
    output* plain           # euclidean: [m][d], the numbers of which distances are measured
    double* squares         # euclidean: |y|^2
    real* transposed        # raw rows: micro-panels, [depth][NR]; the last may be narrower
    Quantized* quantized    # prefilter: [ceil(m / BLOCK_ROWS)]
    int32_t* quads          # theirs
    output* size            # prefilter: |y'| and ...
    output* far             # ... |y - y'|: how far off a score of 8 bits may be


# A chunk of the corpus made ready: up to plan.chunk_blocks blocks. What a route has no use for is NULL.
cdef struct Chunk:
    Py_ssize_t count
    Block* blocks
    Py_ssize_t* order       # in which they are scored
    real* copies            # raw rows that are not used where they lie
    real* rescaled          # raw rows: room for those that must be rescaled, and their neighbours
    stored* gathered        # gathered stored rows, [chunk_blocks][depth][BLOCK_ROWS]
    real* dots              # ROUTE_RAW_FEW: [chunk_blocks][FEW][BLOCK_ROWS]
    real* sums              # ROUTE_COLUMNS: [chunk_blocks][m + 1][BLOCK_ROWS],
    real* part              # and those of a part of the columns
    Prefilter* prefilters   # of the blocks
    int32_t* quads          # theirs
    real* rows              # stored rows one behind the other, for the re-rank
    real* space             # for one block, ROUTE_COLUMNS: and two rows


cdef struct Workspace:
    char* block
    Queries queries
    Py_ssize_t* bounds      # SOURCE_GATHERED: where chunks of as many allowed rows begin, and the last one ends
    Chunk* chunks           # made ready once, where tasks take groups of queries; else NULL
    Reservoir* reservoirs   # RESULT_TOPK: [reservoirs_of(plan)][m]
    Candidate* candidates   # theirs
    output* thresholds      # [m], shared by the threads


# What a task uses.
cdef struct Scratch:
    char* block
    Chunk chunk             # which it makes ready itself, unless chunks are shared
    real* tile              # of scores; ROUTE_RAW: several tiles; ROUTE_SCAN: those of a chunk
    Rerank* rerank


cdef void lay_queries(const Plan* plan, Queries* queries, char** at) noexcept nogil:
    cdef Py_ssize_t blocks = ceil_div(plan.m, BLOCK_ROWS)
    queries.elements = <real*>carve(at, plan.m * plan.depth * sizeof(real))
    queries.scale = <output*>carve(at, plan.m * sizeof(output))
    queries.unit = <output*>carve(at, plan.m * sizeof(output))
    if plan.search.metric == METRIC_EUCLIDEAN:
        queries.plain = <output*>carve(at, plan.m * plan.d * sizeof(output))
        queries.squares = <double*>carve(at, plan.m * sizeof(double))
    if packs_queries(plan):
        queries.transposed = <real*>carve(at, ceil_div(plan.m, LANES) * LANES * plan.depth * sizeof(real))
    if prefilters(plan):
        queries.quantized = <Quantized*>carve(at, blocks * sizeof(Quantized))
        queries.quads = <int32_t*>carve(at, blocks * quads_of(plan) * sizeof(int32_t))
        # The last block of queries may begin late.
        queries.size = <output*>carve(at, (blocks * BLOCK_ROWS + QUERY_BLOCK) * sizeof(output))
        queries.far = <output*>carve(at, (blocks * BLOCK_ROWS + QUERY_BLOCK) * sizeof(output))


# Quads of a block of quantized rows.
cdef inline Py_ssize_t quads_of(const Plan* plan) noexcept nogil:
    return ceil_div(plan.depth, QUAD) * BLOCK_ROWS


cdef void lay_chunk(const Plan* plan, Chunk* chunk, char** at) noexcept nogil:
    cdef Py_ssize_t blocks = plan.chunk_blocks, numbers = blocks * BLOCK_ROWS * plan.depth
    memset(chunk, 0, sizeof(Chunk))
    chunk.blocks = <Block*>carve(at, blocks * sizeof(Block))
    chunk.order = <Py_ssize_t*>carve(at, blocks * sizeof(Py_ssize_t))
    if plan.route == ROUTE_COLUMNS:
        chunk.sums = <real*>carve(at, blocks * sums_of(plan.m) * sizeof(real))
        chunk.part = <real*>carve(at, blocks * sums_of(plan.m) * sizeof(real))
        chunk.space = <real*>carve(at, (BLOCK_ROWS + 2) * plan.d * sizeof(real))
    elif is_raw(plan.search):
        chunk.rescaled = <real*>carve(at, numbers * sizeof(real))
        if plan.source != SOURCE_IN_PLACE:
            chunk.copies = <real*>carve(at, numbers * sizeof(real))
        if plan.route == ROUTE_RAW_FEW:
            chunk.dots = <real*>carve(at, blocks * FEW * BLOCK_ROWS * sizeof(real))
    elif plan.source == SOURCE_GATHERED:
        chunk.gathered = <stored*>carve(at, numbers * sizeof(stored))
    if prefilters(plan):
        chunk.prefilters = <Prefilter*>carve(at, blocks * sizeof(Prefilter))
        chunk.quads = <int32_t*>carve(at, blocks * quads_of(plan) * sizeof(int32_t))
        chunk.space = <real*>carve(at, BLOCK_ROWS * plan.depth * sizeof(real))
        if transposes_rows(plan):
            chunk.rows = <real*>carve(at, numbers * sizeof(real))


cdef Py_ssize_t lay_workspace(const Plan* plan, Workspace* work, char* block) noexcept nogil:
    cdef Py_ssize_t candidates = reservoirs_of(plan) * plan.m, i
    cdef char* at = block
    cdef Chunk unused
    memset(work, 0, sizeof(Workspace))
    work.block = block
    lay_queries(plan, &work.queries, &at)
    if plan.source == SOURCE_GATHERED:
        work.bounds = <Py_ssize_t*>carve(&at, (plan.chunks + 1) * sizeof(Py_ssize_t))
    if plan.search.result == RESULT_TOPK:
        work.thresholds = <output*>carve(&at, plan.m * sizeof(output))
        work.reservoirs = <Reservoir*>carve(&at, candidates * sizeof(Reservoir))
        work.candidates = <Candidate*>carve(&at, candidates * room_for(plan.k) * sizeof(Candidate))
    if plan.groups > 1:
        work.chunks = <Chunk*>carve(&at, plan.chunks * sizeof(Chunk))
        for i in range(plan.chunks):
            lay_chunk(plan, &unused if block == NULL else work.chunks + i, &at)
    return at - block


cdef Py_ssize_t lay_scratch(const Plan* plan, Scratch* scratch, char* block) noexcept nogil:
    cdef char* at = block
    memset(scratch, 0, sizeof(Scratch))
    scratch.block = block
    if plan.groups == 1:
        lay_chunk(plan, &scratch.chunk, &at)
    if plan.route == ROUTE_SCAN:
        scratch.tile = <real*>carve(&at, plan.chunk_blocks * plan.m * BLOCK_ROWS * sizeof(real))
    else:
        scratch.tile = <real*>carve(&at, tiles_together(plan) * TILE * sizeof(real))
    if prefilters(plan):
        scratch.rerank = <Rerank*>carve(&at, sizeof(Rerank))
        lay_rerank(plan, scratch.rerank if block != NULL else NULL, &at)
    return at - block


cdef bint take_workspace(Plan* plan, Workspace* work) noexcept nogil:
    cdef char* block = <char*>plan.job.runtime.take(lay_workspace(plan, work, NULL))
    plan.work = work
    if block != NULL:
        lay_workspace(plan, work, block)
    return block != NULL


cdef bint take_scratch(const Plan* plan, Scratch* scratch) noexcept nogil:
    cdef char* block = <char*>plan.job.runtime.take(lay_scratch(plan, scratch, NULL))
    if block != NULL:
        lay_scratch(plan, scratch, block)
    return block != NULL
