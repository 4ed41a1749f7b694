# Stacks of small symmetric matrices: each task reads a group of them into lanes, and writes their results in order.

cdef enum:
    STACK_GROUPS = 4        # of LANES matrices, in a task


cdef struct StackJob:
    Job job
    const EighStack* stack
    Py_ssize_t groups


# A matrix into a lane, scaled; returns the factor that undoes it, NaN where the matrix holds NaN or infinity (zeros are
# solved then).
cdef double read_lane(const EighStack* stack, Py_ssize_t index, Lanes* g, int lane) noexcept nogil:
    cdef Py_ssize_t row = stack.column if stack.upper else stack.row
    cdef Py_ssize_t column = stack.row if stack.upper else stack.column
    cdef Py_ssize_t n = g.n, i, j
    cdef const real* a = <const real*>stack.a + index * stack.stack
    cdef double most = 0, total = 0, scale, x
    cdef int exponent
    for i in range(n):
        for j in range(i + 1):
            x = a[i * row + j * column]
            most = fabs(x) if fabs(x) > most else most
            total += x * 0
    if total != total:
        most = 0
    frexp(most, &exponent)
    exponent = exponent if most > 0 else 0
    exponent = -1000 if exponent < -1000 else exponent
    scale = ldexp(1, -exponent)
    for i in range(n):
        for j in range(i + 1):
            g.a[(i * n + j) * LANES + lane] = 0 if total != total else \
                <real>(<double>a[i * row + j * column] * scale)
    return total if total != total else ldexp(1, exponent)


# A lane's results, ascending.
cdef void write_lane(const EighStack* stack, Py_ssize_t index, const Lanes* g, int lane, double factor) noexcept nogil:
    cdef Py_ssize_t n = g.n, i, j, k
    cdef Py_ssize_t order[STACK_SIDE]
    cdef real d[STACK_SIDE]
    cdef real lanes[LANES]
    cdef real* values = <real*>stack.values + index * n
    cdef real* vectors = <real*>stack.vectors + index * n * n
    for i in range(n):
        store(lanes, g.d[i])
        j = i
        while j > 0 and d[j - 1] > lanes[lane]:
            d[j] = d[j - 1]
            order[j] = order[j - 1]
            j -= 1
        d[j] = lanes[lane]
        order[j] = i
    for j in range(n):
        values[j] = <real>(d[j] * factor)
        for k in range(n):
            vectors[k * n + j] = g.z[(order[j] * n + k) * LANES + lane] if factor == factor else <real>factor


cdef void stack_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef StackJob* job = <StackJob*>arg
    cdef const EighStack* stack = job.stack
    cdef Py_ssize_t n = stack.n, first, group
    cdef Py_ssize_t bytes = n * n * LANES * sizeof(real)
    cdef double factors[LANES]
    cdef int lane, count
    cdef Lanes g
    cdef bint converged
    cdef char* block = <char*>job.job.runtime.take(2 * bytes)
    if block == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    g.n = n
    g.a = <real*>block
    g.z = <real*>(block + bytes)
    for group in range(index * STACK_GROUPS, smaller((index + 1) * STACK_GROUPS, job.groups)):
        first = group * LANES
        count = <int>smaller(LANES, stack.count - first)
        if count < LANES:
            memset(g.a, 0, bytes)
        for lane in range(count):
            factors[lane] = read_lane(stack, first + lane, &g, lane)
        converged = lanes_solve(&g)
        for lane in range(count):
            write_lane(stack, first + lane, &g, lane, factors[lane])
            if not converged or factors[lane] != factors[lane]:
                fail(job, KERNEL_NOT_CONVERGED)
    job.job.runtime.give(block)


cdef int eigh_stack(const EighStack* stack, const Runtime* runtime) noexcept nogil:
    cdef StackJob job
    job.job.runtime = runtime
    job.job.error = KERNEL_OK
    job.stack = stack
    job.groups = ceil_div(stack.count, LANES)
    return run_tasks(stack_task, &job, ceil_div(job.groups, STACK_GROUPS), 20.0 * stack.count * stack.n * (stack.n + 5))
