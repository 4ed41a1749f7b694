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


cdef void plan(Job* job, Py_ssize_t n, double ns) noexcept nogil:
    cdef Search* s = job.search
    cdef int threads = job.runtime.threads
    cdef Py_ssize_t panel_bytes = WIDTH * larger(1, job.depth) * <Py_ssize_t>(sizeof(real) if job.screens else sizeof(stored))
    cdef Py_ssize_t most = REGION_BYTES // 2 if FEW < s.m <= BLOCK else REGION_BYTES      # the fewer tiles, the more a survivor costs
    cdef Py_ssize_t room = smaller(most // panel_bytes, REGION_ROWS // WIDTH), met = s.allowed if job.gather else n
    job.block = NR if s.panels.data == NULL and not job.few else BLOCK
    job.room = larger(1, smaller(room, ceil_div(met, WIDTH * tasks_for(ns, threads))))
    job.region = WIDTH * job.room
    job.regions = ceil_div(met, job.region)
    job.stride = 1 if s.sink != SINK_BEST else jump(job.regions)
    job.group = s.m
    if s.m >= 4 * threads * BLOCK and ceil_div(met, WIDTH) * panel_bytes <= GROUPED_BYTES:
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
