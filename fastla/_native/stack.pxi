# Stacks of products: threads over the stack.


# `count` products of a few tiles each, *_step apart: one strip goes through the same tile of all of them, so that what a
# product costs beyond its arithmetic is a few instructions. In groups that stay in L1, since every group is read once
# for each of its tiles.
cdef void small_products(const Product* g, Py_ssize_t count, Py_ssize_t a_step, Py_ssize_t b_step, Py_ssize_t c_step) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(g.n, LANES), panels = ceil_div(vectors, NV), panel, row, done = 0, group
    cdef Strip s
    group = 1 + 4 * STACK_BYTES // ((g.m * g.k + g.k * g.n + g.m * g.n) * <Py_ssize_t>sizeof(real))
    s.k = g.k
    s.a_row = g.a_row
    s.a_col = g.a_col
    s.b_row = g.b_row
    s.c_row = g.c_row
    s.a_next = a_step
    s.b_next = b_step
    s.c_next = c_step
    s.add = False
    s.ahead = 0
    while done < count:
        s.tiles = smaller(group, count - done)
        for panel in range(panels):
            for row from 0 <= row < g.m by MR:
                s.a = <const real*>g.a + done * a_step + row * g.a_row
                s.b = <const stored*>g.b + done * b_step
                s.c = <real*>g.c + done * c_step + row * g.c_row
                any_strip(<int>smaller(MR, g.m - row), place_panel(&s, g.n, panel, panels, True), &s)
        done += s.tiles


cdef bint is_small(const Product* g) noexcept nogil:
    return choose(g) == IN_PLACE and not g.own_transpose and \
        (g.m * g.k + g.k * g.n + g.m * g.n) * <Py_ssize_t>sizeof(real) <= STACK_BYTES


cdef struct StackJob:
    const Stack* stack
    Runtime runtime     # of each product
    Py_ssize_t chunk    # products in a task
    bint small
    int error


cdef void stack_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef StackJob* job = <StackJob*>arg
    cdef const Stack* stack = job.stack
    cdef Product g = stack.first
    cdef Py_ssize_t i = index * job.chunk, end = smaller((index + 1) * job.chunk, stack.count)
    cdef Py_ssize_t inner = stack.shape[stack.depth - 1], run, rest, a, b, c
    cdef int d, status
    while i < end:
        a = b = c = 0
        rest = i
        for d from stack.depth > d >= 0:
            a += rest % stack.shape[d] * stack.a_step[d]
            b += rest % stack.shape[d] * stack.b_step[d]
            c += rest % stack.shape[d] * stack.c_step[d]
            rest //= stack.shape[d]
        run = smaller(end, i + inner - i % inner)       # to the end of this run along the innermost leading dimension
        if job.small:
            g.a = <const real*>stack.first.a + a
            g.b = <const real*>stack.first.b + b
            g.c = <real*>stack.first.c + c
            small_products(&g, run - i, stack.a_step[stack.depth - 1], stack.b_step[stack.depth - 1],
                           stack.c_step[stack.depth - 1])
            i = run
        while i < run:
            g.a = <const real*>stack.first.a + a
            g.b = <const real*>stack.first.b + b
            g.c = <real*>stack.first.c + c
            status = one(&g, &job.runtime)
            if status != KERNEL_OK:
                job.error = status
                return
            a += stack.a_step[stack.depth - 1]
            b += stack.b_step[stack.depth - 1]
            c += stack.c_step[stack.depth - 1]
            i += 1


cdef int matmul(const Stack* stack, const Runtime* runtime) noexcept nogil:
    cdef StackJob job
    cdef double ns = duration(&stack.first)
    cdef Py_ssize_t tasks
    if stack.depth == 0:
        return one(&stack.first, runtime)
    job.stack = stack
    job.runtime = runtime[0]
    job.error = KERNEL_OK
    job.small = is_small(&stack.first)
    if ns > STACK_NS:
        # Each is worth all threads.
        job.chunk = stack.count
        stack_task(&job, 0, 0)
        return job.error
    job.runtime.threads = 1
    tasks = smaller(stack.count, tasks_for(ns * stack.count, runtime.threads))
    job.chunk = ceil_div(stack.count, tasks)
    cdef int status = runtime.parallel_for(stack_task, &job, ceil_div(stack.count, job.chunk), runtime.threads,
                                           worth_waking(ns * stack.count))
    return status if status != KERNEL_OK else job.error
