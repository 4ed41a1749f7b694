# Queries against a corpus: every dot product becomes a score while its tile is in L1, and goes to a sink at once: the best k of each
# query, those that reach a threshold, or a matrix. The score matrix of a search never reaches memory.
#
# The corpus is cut into regions of a few panels, and threads take regions, each with a `Best` of its own per query, merged at the end. Where
# there are too few regions they take groups of queries, each of which meets the whole corpus. (So did many queries of an index once: reading it from
# memory for every group cost 9 to 13 %.) Scores do not depend on which, and what is best is a total order (score, then id): so neither do the
# results.
#
# Regions, and the panels of raw rows in one, come in an order that jumps about. A corpus sorted by rising score would else replace its best
# all the time (it takes 1.0 to 1.5 times as long as a shuffled one, for k from 1 to 1000 and 1 to 1000 queries). Every other search the
# other way round, to find in L3 what the last one read at its end: -5 to 13 %, by what other tenants leave of it; not kept.
include "norms.pxi"
include "panels.pxi"
include "best.pxi"

# What is held by rows, and what by lanes of a tile: stored panels have the corpus in the lanes, so that a query has the same bits alone
# as among many, and few are fast. Raw rows of the corpus are read where they lie, as a gemm reads its a, and
# the queries are turned round and lie in the lanes. Turning the corpus instead costs it as much as 20 queries.
cdef enum:
    BLOCK = 48              # queries at most whose scores with a panel are a tile in L1. A d beyond PART (raw rows: KC) is summed in it too, part by part.
    REGION_BYTES = 524288   # at a time: a block of queries comes from L3 once a region; 64 KiB reads 30 % slower, the prefetchers starting anew
    REGION_ROWS = 2016      # at most: a sorted corpus replaces its best by regions
    # That stored panels are prefetched ahead. One query, ms at 2, 6, 15, 37 KiB: Zen 5, float16 3.7, 3.5, 3.5, 4.9; int8 2.0, 1.8, 1.6, 2.4;
    # Zen 4, at 2, 6, 15: float32 4.9, 4.4, 4.7; float16 2.35, 2.15, 2.2; int8 1.16, 1.0, 1.1.
    AHEAD_BYTES = 8192


cdef struct List:
    Found* items
    Py_ssize_t count, room


cdef struct Levels


cdef struct Job:
    Search* search
    const Runtime* runtime
    Py_ssize_t depth            # elements of a row
    Py_ssize_t region, regions, stride      # rows, how many, and which comes next
    Py_ssize_t room                         # panels prepared at a time
    Py_ssize_t group, groups, span          # queries in a group; regions in a task
    Py_ssize_t begin, end                   # the job's regions
    bint few, scans, gather, per_slot      # few: raw rows meet few queries; scans: stored panels do
    Py_ssize_t block            # queries in a tile
    real* turned_queries        # for raw rows: panels of NR queries, [depth][NR]; the last may be narrower
    double* query_squares       # euclidean: |y|^2
    bint screens
    Levels* levels              # of the queries, [ceil(m / WIDTH)], if the search is screened; ...
    int32_t* quads              # theirs; ...
    output* far                 # |y - y'|, and what products of floats may be off by; ...
    output* size                # |y'|: how far off screened scores may be (screen.pxi)
    Best* best                  # [slots or 1][m]
    output* shared_bars         # [m]
    List* lists                 # [slots]
    int error


include "meeting.pxi"
include "scan.pxi"
include "sinks.pxi"
include "screen.pxi"
include "regions.pxi"


# --- the whole -----------------------------------------------------------------------------------------------------------
cdef void finish_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Job* job = <Job*>arg
    cdef Search* s = job.search
    cdef Py_ssize_t query, i, n
    cdef int part
    cdef Best* best
    cdef Best* other
    for query in range(index * BLOCK, smaller((index + 1) * BLOCK, s.m)):
        best = job.best + query
        for part in range(1, job.runtime.threads if job.per_slot else 1):
            other = best + part * s.m
            for i in range(other.count):
                offer(best, s.k, other.items[i].score, other.items[i].id)
        n = smaller(best.count, s.k)
        if n:
            select(best.items, best.count, n)
        sort(best.items, n)
        s.counts[query] = n
        for i in range(n):
            (<output*>s.scores)[query * s.k + i] = -best.items[i].score if s.metric == METRIC_EUCLIDEAN else best.items[i].score
            s.ids[query * s.k + i] = best.items[i].id


# c[j, i] = c[i, j] for the queries' rows i and j < i, and a diagonal of ones but where there is no norm.
cdef void mirror_scores_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Search* s = (<Job*>arg).search
    cdef output* c = <output*>s.c           # of the row s.symmetric
    cdef Py_ssize_t first = index * BLOCK, last = smaller(first + BLOCK, s.m), column, i, j
    for column from 0 <= column <= s.symmetric + last - 1 by BLOCK:
        for i in range(first, last):
            for j in range(column, smaller(column + BLOCK, s.symmetric + i)):
                c[(j - s.symmetric) * s.c_row + s.symmetric + i] = c[i * s.c_row + j]
    for i in range(first, last):
        if c[i * s.c_row + s.symmetric + i] != 0 and c[i * s.c_row + s.symmetric + i] == c[i * s.c_row + s.symmetric + i]:
            c[i * s.c_row + s.symmetric + i] = 1


# A panel of queries turned round: [depth][width], its rows as many whole vectors.
cdef void turn_queries_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Job* job = <Job*>arg
    cdef Py_ssize_t first = index * NR, rows = smaller(NR, job.search.m - first)
    pack_panel(job.turned_queries + first * job.depth, ceil_div(rows, LANES) * LANES, rows, job.depth,
               <const real*>job.search.queries + first * job.depth, job.depth, 1)


cdef void plan(Job* job, Py_ssize_t n, Py_ssize_t d, double ns) noexcept nogil:
    cdef Search* s = job.search
    cdef int threads = job.runtime.threads
    cdef Py_ssize_t panel_bytes = WIDTH * larger(1, job.depth) * <Py_ssize_t>(sizeof(real) if job.screens else sizeof(stored))
    cdef Py_ssize_t most = REGION_BYTES // 2 if FEW < s.m <= BLOCK else REGION_BYTES      # the fewer tiles, the more a survivor costs
    cdef Py_ssize_t room = smaller(most // panel_bytes, REGION_ROWS // WIDTH)
    job.block = NR if s.panels.data == NULL and not job.few else BLOCK
    job.room = larger(1, smaller(room, ceil_div(n, WIDTH * tasks_for(ns, threads))))
    job.region = WIDTH * job.room
    if job.gather:
        # So large that the rows allowed fill panels.
        job.region = <Py_ssize_t>(job.region * (1.0 * n / larger(1, s.allowed)))
        job.region = larger(1, smaller(job.region, ceil_div(n, 2 * threads)))
    job.regions = ceil_div(n, job.region)
    job.stride = 1 if s.sink != SINK_BEST else jump(job.regions)
    job.group = s.m
    if s.m >= 4 * threads * BLOCK and job.regions < 4 * threads:
        job.group = ceil_div(ceil_div(s.m, 4 * threads), job.block) * job.block
    elif job.regions < threads:
        job.group = ceil_div(ceil_div(s.m, threads), job.block) * job.block
    job.groups = ceil_div(s.m, job.group)
    job.per_slot = job.groups == 1
    job.span = 1
    if job.groups > 1:
        # Each task meets a part of the corpus that takes it no longer than an interrupt may wait.
        job.span = larger(1, <Py_ssize_t>(job.regions / (ns / job.groups / TASK_NS + 1)))


cdef int run_jobs(Job* job, double ns) noexcept nogil:
    cdef int status = KERNEL_OK, threads = job.runtime.threads if ns >= OFFER_NS else 1
    while job.begin < job.regions and status == KERNEL_OK:
        job.end = job.regions if job.groups == 1 or job.search.sink == SINK_MATRIX else smaller(job.begin + job.span, job.regions)
        status = job.runtime.parallel_for(search_task, job, job.groups * ceil_div(job.end - job.begin, job.span), threads,
                                          worth_waking(ns))
        if status == KERNEL_OK:
            status = job.error
        job.begin = job.end
    return status


cdef double squares_of(Py_ssize_t n, const output* x) noexcept nogil:
    cdef double sum = 0
    cdef Py_ssize_t i
    for i in range(n):
        sum += <double>x[i] * x[i]
    return sum


cdef int search(Search* s, const Runtime* runtime) noexcept nogil:
    cdef Job job
    cdef bint raw = s.panels.data == NULL
    cdef Py_ssize_t n = s.rows.n if raw else s.panels.n, d = s.rows.d if raw else s.panels.d, i, parts
    cdef bint gather = raw and s.mask != NULL and s.mask_row == 0
    cdef double met = 1.0 * d * (s.allowed if gather else n), arithmetic = 2.0 * s.m * met / 400, memory = met / 40, ns
    cdef Candidate* items = NULL
    cdef int status = KERNEL_OK, part
    ns = (arithmetic if arithmetic > memory else memory) * sizeof(real) + 10
    memset(&job, 0, sizeof(job))
    s.found = NULL
    s.found_count = 0
    job.search = s
    job.runtime = runtime
    job.depth = ceil_div(d, STEP)
    job.gather = gather
    job.few = raw and s.m <= FEW
    job.scans = not raw and s.m <= SCAN
    job.screens = to_be_screened(s, <Py_ssize_t>(met / larger(1, d)), d)
    if n == 0 or s.m == 0:
        for i in range(s.m if s.sink == SINK_BEST else 0):
            s.counts[i] = 0
        return KERNEL_OK
    plan(&job, n, d, ns)
    if raw and not job.few:
        job.turned_queries = <real*>runtime.take(ceil_div(s.m, LANES) * LANES * larger(1, job.depth) * sizeof(real))
        if job.turned_queries == NULL:
            return KERNEL_NO_MEMORY
        status = runtime.parallel_for(turn_queries_task, &job, ceil_div(s.m, NR), runtime.threads, 0)
    if status == KERNEL_OK and job.screens:
        status = screen_queries(&job)
    parts = runtime.threads if job.per_slot else 1
    if status == KERNEL_OK and s.metric == METRIC_EUCLIDEAN:
        job.query_squares = <double*>runtime.take(s.m * sizeof(double))
        if job.query_squares == NULL:
            status = KERNEL_NO_MEMORY
        for i in range(s.m if status == KERNEL_OK else 0):
            job.query_squares[i] = squares_of(d, <const output*>s.plain + i * d)
    if status == KERNEL_OK and s.sink == SINK_BEST:
        job.shared_bars = <output*>runtime.take(s.m * sizeof(output))
        if job.shared_bars != NULL:
            job.best = <Best*>runtime.take(parts * s.m * sizeof(Best))
        if job.best != NULL:
            items = <Candidate*>runtime.take(parts * s.m * room_for(s.k) * sizeof(Candidate))
        if items == NULL:
            status = KERNEL_NO_MEMORY
        for i in range(parts * s.m if status == KERNEL_OK else 0):
            start_best(job.best + i, items + i * room_for(s.k))
            job.shared_bars[i % s.m] = <output>-infinity()
    elif status == KERNEL_OK and s.sink == SINK_REACHING:
        job.lists = <List*>runtime.take(runtime.threads * sizeof(List))
        if job.lists == NULL:
            status = KERNEL_NO_MEMORY
        else:
            memset(job.lists, 0, runtime.threads * sizeof(List))
    if status == KERNEL_OK:
        status = run_jobs(&job, ns)
    if status == KERNEL_OK and s.sink == SINK_BEST:
        status = runtime.parallel_for(finish_task, &job, ceil_div(s.m, BLOCK), runtime.threads, 0)
    if status == KERNEL_OK and s.sink == SINK_MATRIX and s.symmetric >= 0:
        status = runtime.parallel_for(mirror_scores_task, &job, ceil_div(s.m, BLOCK), runtime.threads, 0)
    if job.lists != NULL:
        s.found = job.lists[0].items
        s.found_count = job.lists[0].count
        for part in range(1, runtime.threads):
            for i in range(job.lists[part].count if status == KERNEL_OK else 0):
                note(&job, job.lists, job.lists[part].items[i].query, job.lists[part].items[i].id, job.lists[part].items[i].score)
            runtime.resize(job.lists[part].items, 0)
        s.found = job.lists[0].items
        s.found_count = job.lists[0].count
        if status == KERNEL_OK:
            status = job.error
        runtime.give(job.lists)
    if items != NULL:
        runtime.give(items)
    if job.best != NULL:
        runtime.give(job.best)
    if job.shared_bars != NULL:
        runtime.give(job.shared_bars)
    if job.query_squares != NULL:
        runtime.give(job.query_squares)
    if job.size != NULL:
        runtime.give(job.size)
    if job.far != NULL:
        runtime.give(job.far)
    if job.quads != NULL:
        runtime.give(job.quads)
    if job.levels != NULL:
        runtime.give(job.levels)
    if job.turned_queries != NULL:
        runtime.give(job.turned_queries)
    return status


table.norms = norms
table.weigh = weigh
table.search = search
