# How a search is cut into tasks: regions of the corpus, or groups of queries too.

cdef enum:
    # A corpus up to which threads take groups of many queries, so that a query's best stay in L2. Groups over regions, 400 to 5000 queries, 16 to
    # 512 float32 a row: up to 0.6 MB 0.63 to 0.9 of the time, 2 MB 0.8 to 1.0 (1.17 once), 5 MB 0.97 to 1.15, 15 to 20 MB 1.1 to 1.4.
    GROUPED_BYTES = 1 << 21


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


cdef void plan(Plan* job, Py_ssize_t n, double ns) noexcept nogil:
    cdef Search* s = job.search
    cdef int threads = job.runtime.threads
    cdef Py_ssize_t block_bytes = BLOCK_ROWS * larger(1, job.depth) * <Py_ssize_t>(sizeof(real) if job.prefilters else sizeof(stored))
    cdef Py_ssize_t most = CHUNK_BYTES // 2 if FEW < s.m <= QUERY_BLOCK else CHUNK_BYTES      # the fewer tiles, the more a survivor costs
    cdef Py_ssize_t room = smaller(most // block_bytes, CHUNK_ROWS // BLOCK_ROWS), met = s.allowed if job.gather else n
    job.query_block = NR if s.blocks.data == NULL and not job.few else QUERY_BLOCK
    job.room = larger(1, smaller(room, ceil_div(met, BLOCK_ROWS * tasks_for(ns, threads))))
    job.chunk_rows = BLOCK_ROWS * job.room
    job.chunks = ceil_div(met, job.chunk_rows)
    job.stride = 1 if s.result != RESULT_TOPK else jump(job.chunks)
    job.group = s.m
    if s.m >= 4 * threads * QUERY_BLOCK and ceil_div(met, BLOCK_ROWS) * block_bytes <= GROUPED_BYTES:
        job.group = ceil_div(ceil_div(s.m, 4 * threads), job.query_block) * job.query_block
    elif job.chunks < threads:
        job.group = ceil_div(ceil_div(s.m, threads), job.query_block) * job.query_block
    job.groups = ceil_div(s.m, job.group)
    job.per_slot = job.groups == 1
    job.span = 1
    if job.groups > 1:
        # Each task meets a part of the corpus that takes it no longer than an interrupt may wait.
        job.span = larger(1, <Py_ssize_t>(job.chunks / (ns / job.groups / TASK_NS + 1)))


cdef int run_jobs(Plan* job, double ns) noexcept nogil:
    cdef int status = KERNEL_OK, threads = job.runtime.threads if ns >= OFFER_NS else 1
    while job.begin < job.chunks and status == KERNEL_OK:
        job.end = job.chunks if job.groups == 1 or job.search.result == RESULT_MATRIX else smaller(job.begin + job.span, job.chunks)
        status = job.runtime.parallel_for(search_task, job, job.groups * ceil_div(job.end - job.begin, job.span), threads,
                                          ns >= WAKE_NS)
        if status == KERNEL_OK:
            status = job.error
        job.begin = job.end
    return status
