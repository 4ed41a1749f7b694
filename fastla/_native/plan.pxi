# How a search is cut into tasks: regions of the corpus, or groups of queries too.

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
