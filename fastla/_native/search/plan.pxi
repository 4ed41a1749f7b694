# What is decided about a search before it begins: its route, its sizes and its tasks.

cdef enum:
    QUERY_BLOCK = 48        # queries at most whose scores with a block of the corpus are a tile in L1
    TILE = QUERY_BLOCK * BLOCK_ROWS
    CHUNK_BYTES = 524288    # of a chunk: docs/measurements.md, "Chunks of a corpus"
    CHUNK_ROWS = 2016       # of one at most: of a sorted corpus each chunk replaces the best of the last
    GROUP_BYTES = 1 << 18   # of what is kept of a group's queries: docs/measurements.md, "Batches of queries"


cdef extern from *:
    """
    /* Queries that a task makes ready: whole blocks, and whole micro-panels. */
    enum { QUERIES_TOGETHER = BLOCK_ROWS % NR == 0 ? BLOCK_ROWS : 2 * BLOCK_ROWS };
    _Static_assert(QUERIES_TOGETHER % NR == 0, "tasks must not share a micro-panel of queries");
    """
    enum:
        QUERIES_TOGETHER


cdef struct Workspace


cdef struct Plan:
    Job job
    Search* search
    Workspace* work
    int route, source
    Py_ssize_t m, n, d, depth       # queries; rows of the corpus; numbers and elements of a row
    Py_ssize_t k                    # that a query may find at most
    double ns                       # of one thread
    Py_ssize_t query_block          # queries of a tile
    Py_ssize_t chunk_blocks         # blocks of a chunk at most
    Py_ssize_t chunks, stride       # how many there are, and which comes after which (jump)
    Py_ssize_t groups, group        # groups that threads take, and the queries of one; 1: they take chunks instead
    bint whole                      # a task does all for its group: makes it ready, scores it, finishes its results
    Py_ssize_t span                 # chunks that a task scores
    Py_ssize_t begin, end           # the chunks of the tasks that run


cdef inline bint prefilters(const Plan* plan) noexcept nogil:
    return plan.route == ROUTE_RAW_PREFILTER or plan.route == ROUTE_STORED_PREFILTER


# Is what is scored a micro-panel of queries?
cdef inline bint packs_queries(const Plan* plan) noexcept nogil:
    return plan.route == ROUTE_RAW or plan.route == ROUTE_NEAREST or plan.route == ROUTE_RAW_PREFILTER


# Tiles that are scored before their rows are taken, where first thresholds are sought (topk/seed.pxi).
cdef inline Py_ssize_t tiles_together(const Plan* plan) noexcept nogil:
    return SEED_TILES if plan.route == ROUTE_RAW and plan.search.result == RESULT_TOPK and plan.k <= SEED_MOST else 1


# Reservoirs of each query: one a thread, but where a query belongs to one task at a time.
cdef inline Py_ssize_t reservoirs_of(const Plan* plan) noexcept nogil:
    return plan.job.runtime.threads if plan.groups == 1 else 1


# A stride through `count` things, about their golden section and without a common divisor: each comes once, the first
# first. In such an order a corpus that is sorted by its scores replaces the best k rarely: docs/measurements.md,
# "Sorted corpora".
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


# Rows are cut into chunks, each ready for as long as all queries are scored against it, and among threads.
cdef void plan_chunks(Plan* plan, Py_ssize_t rows, Py_ssize_t block_bytes, Py_ssize_t tasks) noexcept nogil:
    plan.chunk_blocks = CHUNK_ROWS // BLOCK_ROWS
    if plan.route != ROUTE_COLUMNS:      # where no row is held, but long columns are read fastest
        plan.chunk_blocks = smaller(CHUNK_BYTES // block_bytes, plan.chunk_blocks)
    plan.chunk_blocks = larger(1, smaller(plan.chunk_blocks, ceil_div(rows, BLOCK_ROWS * tasks)))
    plan.chunks = ceil_div(rows, plan.chunk_blocks * BLOCK_ROWS)
    plan.stride = jump(plan.chunks) if plan.search.result == RESULT_TOPK else 1


# Many queries are cut into groups, at least `count`, whose numbers stay in L2.
cdef void plan_groups(Plan* plan, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t query_bytes = 3 * plan.depth * <Py_ssize_t>sizeof(real) + \
        room_for(plan.k) * <Py_ssize_t>sizeof(Candidate) + <Py_ssize_t>sizeof(Reservoir)
    plan.group = smaller(ceil_div(plan.m, count), larger(1, GROUP_BYTES // query_bytes))
    plan.group = ceil_div(plan.group, QUERIES_TOGETHER) * QUERIES_TOGETHER


cdef void make_plan(Plan* plan, Search* s, const Runtime* runtime) noexcept nogil:
    cdef Py_ssize_t rows, block_bytes, threads = runtime.threads
    cdef bint many
    memset(plan, 0, sizeof(Plan))
    plan.job.runtime = runtime
    plan.search = s
    plan.m = s.queries.n
    plan.n = s.rows.n if is_raw(s) else s.blocks.n
    plan.d = s.queries.d
    plan.depth = ceil_div(plan.d, ELEMENT_WIDTH)
    plan.source = choose_source(s)
    rows = scored_rows(s, plan.source)
    plan.k = smaller(s.k, rows)
    plan.route = choose_route(s, rows)
    plan.ns = cost(1.0 * plan.m * rows * plan.d, 1.0 * rows * plan.d, sizeof(real))
    plan.query_block = NR if packs_queries(plan) else QUERY_BLOCK
    plan.group = plan.m
    plan.span = 1
    block_bytes = BLOCK_ROWS * larger(1, plan.depth) * \
        <Py_ssize_t>(sizeof(real) if prefilters(plan) else sizeof(stored))
    many = plan.m >= 4 * threads * QUERY_BLOCK
    if plan.route == ROUTE_NEAREST or many and ceil_div(rows, BLOCK_ROWS) * block_bytes <= GROUPED_BYTES:
        plan_chunks(plan, rows, block_bytes, 1)
        plan_groups(plan, 4 * threads if many else threads)
    else:
        plan_chunks(plan, rows, block_bytes, tasks_for(plan.ns, threads))
        if plan.chunks < threads:
            plan.group = ceil_div(ceil_div(plan.m, threads), plan.query_block) * plan.query_block
    plan.groups = ceil_div(plan.m, plan.group)
    if plan.groups > 1:     # no task takes longer than an interrupt may wait
        plan.span = ceil_div(plan.chunks, <Py_ssize_t>(plan.ns / plan.groups / TASK_NS) + 1)
    plan.whole = plan.route == ROUTE_NEAREST or \
        plan.groups > 1 and plan.span >= plan.chunks and plan.group % QUERIES_TOGETHER == 0
