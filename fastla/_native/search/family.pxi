# Queries against a corpus: every dot product becomes a score while its tile is in L1, and goes to a sink at once: the best k of each
# query, those that reach a threshold, or a matrix. The score matrix of a search never reaches memory.
#
# The corpus is cut into regions of a few panels, and threads take regions, each with a `Best` of its own per query, merged at the end. Where
# the corpus is small or has fewer regions than there are threads, they take groups of queries, each of which meets all regions, prepared once. (Reading
# a large index from memory for every group cost 9 to 13 %.) Scores do not depend on which, and what is best is a total order (score, then id): so
# neither do the results.
#
# Rows that a mask allows are gathered, region by region, into panels of their own: raw rows always, stored ones where that takes less than meeting all
# panels that hold one (gathering_pays). Regions then end where they have as many of them, wherever in the corpus they are.
#
# Of a corpus sorted by its scores each row would else replace one of the best. So regions come in an order that jumps about, from the first on, and
# so do a region's panels, from the last on (order_panels): of rising scores, the best of each region are met first; of falling ones, the best
# region. (Both from the first on, rising scores took up to 1.9 times as long as shuffled ones; panel by panel even where k needs several, 1.6
# times.) benchmarks/search_ratios.py measures it. Every other search the other way round, to find in L3 what the last one read at its end: -5 to
# 13 %, by what other tenants leave of it; not kept.
include "../rows/norms.pxi"
include "corpus/weights.pxi"
include "corpus/store.pxi"
include "corpus/blocks.pxi"
include "topk/reservoir.pxi"
include "plan.pxi"
include "score/score_tile.pxi"
include "score/scan.pxi"
include "topk/thresholds.pxi"
include "topk/result_handlers.pxi"
include "prune/prefilter.pxi"
include "corpus/workspace.pxi"
include "corpus/masks.pxi"
include "corpus/chunks.pxi"
include "score/tasks.pxi"
include "routes.pxi"
include "topk/results.pxi"


# A panel of queries turned round: [depth][width], its rows as many whole vectors.
cdef void transpose_queries_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Plan* job = <Plan*>arg
    cdef Py_ssize_t first = index * NR, rows = smaller(NR, job.search.m - first)
    pack_panel(job.transposed_queries + first * job.depth, ceil_div(rows, LANES) * LANES, rows, job.depth,
               <const real*>job.search.queries + first * job.depth, job.depth, 1)


cdef double squares_of(Py_ssize_t n, const output* x) noexcept nogil:
    cdef double sum = 0
    cdef Py_ssize_t i
    for i in range(n):
        sum += <double>x[i] * x[i]
    return sum


# What the queries are met as, besides themselves.
cdef int prepare_queries(Plan* job, Py_ssize_t d) noexcept nogil:
    cdef const Search* s = job.search
    cdef const Runtime* runtime = job.runtime
    cdef int status = KERNEL_OK
    cdef Py_ssize_t i
    if s.blocks.data == NULL and not job.few:
        job.transposed_queries = <real*>runtime.take(ceil_div(s.m, LANES) * LANES * larger(1, job.depth) * sizeof(real))
        if job.transposed_queries == NULL:
            return KERNEL_NO_MEMORY
        status = runtime.parallel_for(transpose_queries_task, job, ceil_div(s.m, NR), runtime.threads, 0)
    if status == KERNEL_OK and job.prefilters:
        status = quantize_queries(job)
    if status == KERNEL_OK and s.metric == METRIC_EUCLIDEAN:
        job.query_squares = <double*>runtime.take(s.m * sizeof(double))
        if job.query_squares == NULL:
            return KERNEL_NO_MEMORY
        for i in range(s.m):
            job.query_squares[i] = squares_of(d, <const output*>s.plain + i * d)
    return status


cdef void give_queries(Plan* job) noexcept nogil:
    if job.query_squares != NULL:
        job.runtime.give(job.query_squares)
    if job.size != NULL:
        job.runtime.give(job.size)
    if job.far != NULL:
        job.runtime.give(job.far)
    if job.quads != NULL:
        job.runtime.give(job.quads)
    if job.levels != NULL:
        job.runtime.give(job.levels)
    if job.transposed_queries != NULL:
        job.runtime.give(job.transposed_queries)


# What regions are to have: where they begin, if that is not their rows' number; and their panels, if groups share them.
cdef int start_chunks(Plan* job, Py_ssize_t n) noexcept nogil:
    if job.gather:
        job.bounds = <Py_ssize_t*>job.runtime.take((job.chunks + 1) * sizeof(Py_ssize_t))
        if job.bounds == NULL:
            return KERNEL_NO_MEMORY
        bound_chunks(job, n)
    return KERNEL_OK if job.groups == 1 else prepare_chunks(job)


cdef void end_chunks(Plan* job) noexcept nogil:
    if job.chunk != NULL:
        give_chunks(job)
    if job.bounds != NULL:
        job.runtime.give(job.bounds)


cdef int search(Search* s, const Runtime* runtime) noexcept nogil:
    cdef Plan job
    cdef bint raw = s.blocks.data == NULL
    cdef Py_ssize_t n = s.rows.n if raw else s.blocks.n, d = s.rows.d if raw else s.blocks.d, i
    cdef double met, arithmetic, memory, ns
    cdef int status
    s.found = NULL
    s.found_count = 0
    if n == 0 or s.m == 0 or s.allowed == 0:
        for i in range(s.m if s.result == RESULT_TOPK else 0):
            s.counts[i] = 0
        return KERNEL_OK
    memset(&job, 0, sizeof(job))
    job.search = s
    job.runtime = runtime
    job.depth = ceil_div(d, ELEMENT_WIDTH)
    job.gather = s.mask != NULL and s.mask_row == 0 and (raw or gathering_pays(s))
    job.few = raw and s.m <= FEW
    met = 1.0 * d * (s.allowed if job.gather else n)
    arithmetic = 2.0 * s.m * met / 400
    memory = met / 40
    ns = (arithmetic if arithmetic > memory else memory) * sizeof(real) + 10
    job.prefilters = prefilter_pays(s, <Py_ssize_t>(met / larger(1, d)), d)
    job.scans = not raw and not job.prefilters and s.m < larger(SCAN + 1, SPREAD * MR)
    plan(&job, n, ns)
    status = prepare_queries(&job, d)
    if status == KERNEL_OK:
        status = start_results(&job)
    if status == KERNEL_OK:
        status = start_chunks(&job, n)
    if status == KERNEL_OK:
        status = run_jobs(&job, ns)
    end_chunks(&job)
    status = finish_results(&job, status)
    give_results(&job)
    give_queries(&job)
    return status


table.norms = norms
table.weigh = weigh
table.store_rows = store_rows
table.search = search
