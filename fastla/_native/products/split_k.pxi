# A long k where c is too small to be divided: k in parts whose bounds depend on the shape alone, their products added
# in order.

cdef struct SplitK:
    Job job
    const Product* product
    real* parts
    Py_ssize_t stride           # elements from one part to the next
    Py_ssize_t depth            # of a part


cdef void split_k_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef SplitK* w = <SplitK*>job
    cdef Product part = w.product[0]
    cdef Runtime alone = one_thread(w.job.runtime)
    cdef Py_ssize_t p = index * w.depth
    cdef int status
    part.a = <const real*>part.a + p * part.a_col
    part.b = <const real*>part.b + p * part.b_row
    part.k = smaller(w.depth, part.k - p)
    part.c = w.parts + index * w.stride
    part.c_row = part.n
    part.epilogue = NULL
    status = multiply_part(&part, part_route(&part), &alone)
    if status != KERNEL_OK:
        fail(job, status)


cdef int split_k(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef SplitK w
    cdef Py_ssize_t count
    cdef int status
    w.job = start_job(runtime)
    w.product = g
    w.depth = split_depth(g)
    w.stride = line_stride(g.m * g.n, sizeof(real))
    count = ceil_div(g.k, w.depth)
    w.parts = <real*>runtime.take(count * w.stride * sizeof(real))
    if w.parts == NULL:
        return KERNEL_NO_MEMORY
    status = run_tasks(split_k_task, &w, count, duration(g))
    if status == KERNEL_OK:
        sum_parts(g.m, g.n, count, w.parts, w.stride, <real*>g.c, g.c_row, False)
        status = finish(g, 0, g.m, 0, g.n)
    runtime.give(w.parts)
    return status
