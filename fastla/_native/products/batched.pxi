# Stacks of products: threads over the stack.


# `count` products of a few tiles each, *_step apart: one strip goes through the same tile of all of them, so that what a
# product costs beyond its arithmetic is a few instructions. In groups that stay in L1, since every group is read once
# for each of its tiles.
cdef void small_products(const Product* g, Py_ssize_t count, Py_ssize_t a_stride, Py_ssize_t b_stride, Py_ssize_t c_stride) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(g.n, LANES), panels = ceil_div(vectors, NV), panel, row, done = 0, group
    cdef Strip s
    group = 1 + 4 * STACK_BYTES // ((g.m * g.k + g.k * g.n + g.m * g.n) * <Py_ssize_t>sizeof(real))
    s.k = g.k
    s.a_row = g.a_row
    s.a_col = g.a_col
    s.b_row = g.b_row
    s.c_row = g.c_row
    s.a_next = a_stride
    s.b_next = b_stride
    s.c_next = c_stride
    s.add = False
    s.ahead = 0
    while done < count:
        s.tiles = smaller(group, count - done)
        for panel in range(panels):
            for row from 0 <= row < g.m by MR:
                s.a = <const real*>g.a + done * a_stride + row * g.a_row
                s.b = <const stored*>g.b + done * b_stride
                s.c = <real*>g.c + done * c_stride + row * g.c_row
                micro_kernel_any(<int>smaller(MR, g.m - row), place_panel(&s, g.n, panel, panels, True), &s)
        done += s.tiles


cdef bint is_small(const Product* g) noexcept nogil:
    return choose(g) == IN_PLACE and not g.syrk and \
        (g.m * g.k + g.k * g.n + g.m * g.n) * <Py_ssize_t>sizeof(real) <= STACK_BYTES


cdef struct BatchJob:
    const Batch* batch
    Runtime runtime     # of each product
    Py_ssize_t chunk    # products in a task
    bint small
    int error


cdef void batch_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef BatchJob* job = <BatchJob*>arg
    cdef const Batch* batch = job.batch
    cdef Product g = batch.first
    cdef Py_ssize_t i = index * job.chunk, end = smaller((index + 1) * job.chunk, batch.count)
    cdef Py_ssize_t inner = batch.shape[batch.dims - 1], run, rest, a, b, c
    cdef int d, status
    while i < end:
        a = b = c = 0
        rest = i
        for d from batch.dims > d >= 0:
            a += rest % batch.shape[d] * batch.a_stride[d]
            b += rest % batch.shape[d] * batch.b_stride[d]
            c += rest % batch.shape[d] * batch.c_stride[d]
            rest //= batch.shape[d]
        run = smaller(end, i + inner - i % inner)       # to the end of this run along the innermost leading dimension
        if job.small:
            g.a = <const real*>batch.first.a + a
            g.b = <const real*>batch.first.b + b
            g.c = <real*>batch.first.c + c
            small_products(&g, run - i, batch.a_stride[batch.dims - 1], batch.b_stride[batch.dims - 1],
                           batch.c_stride[batch.dims - 1])
            i = run
        while i < run:
            g.a = <const real*>batch.first.a + a
            g.b = <const real*>batch.first.b + b
            g.c = <real*>batch.first.c + c
            status = one(&g, &job.runtime)
            if status != KERNEL_OK:
                job.error = status
                return
            a += batch.a_stride[batch.dims - 1]
            b += batch.b_stride[batch.dims - 1]
            c += batch.c_stride[batch.dims - 1]
            i += 1


cdef int matmul(const Batch* batch, const Runtime* runtime) noexcept nogil:
    cdef BatchJob job
    cdef double ns = duration(&batch.first)
    cdef Py_ssize_t tasks
    if batch.dims == 0:
        return one(&batch.first, runtime)
    job.batch = batch
    job.runtime = runtime[0]
    job.error = KERNEL_OK
    job.small = is_small(&batch.first)
    if ns > STACK_NS:
        # Each is worth all threads.
        job.chunk = batch.count
        batch_task(&job, 0, 0)
        return job.error
    job.runtime.threads = 1
    tasks = smaller(batch.count, tasks_for(ns * batch.count, runtime.threads))
    job.chunk = ceil_div(batch.count, tasks)
    cdef int status = runtime.parallel_for(batch_task, &job, ceil_div(batch.count, job.chunk), runtime.threads,
                                           worth_waking(ns * batch.count))
    return status if status != KERNEL_OK else job.error
