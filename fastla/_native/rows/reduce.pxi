# Vectors reduced to norms or cosines, or divided by their norms: each block by one task, or in parts that are then
# added in order.

# A vector's sums within one task.
cdef void whole_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Reducer* w = <Reducer*>job
    cdef const Reduction* r = w.r
    cdef RowsSpace s
    cdef Py_ssize_t block, first, count = 0
    cdef real* scales
    if not take_rows_space(w, &s):
        return
    for block in range(index * w.tasks_units, smaller((index + 1) * w.tasks_units, w.blocks)):
        first = first_of(w, block, &count)
        sum_block(w, &s, first, count, 0, r.length, NULL, s.sums)
        scales = NULL
        if needs_scales(w, count, s.sums, s.scales):
            scales = s.scales
            sum_block(w, &s, first, count, 0, r.length, scales, s.again)
            replace_sums(w, count, s.sums, s.again, scales)
        finish_sums(w, count, s.sums, scales, s.results)
        if r.result == REDUCE_NORMALIZE:
            divide_block(w, first, count, 0, r.length, s.results, scales, s.x_tile)
        else:
            write_results(w, first, count, s.results)
    w.job.runtime.give(s.block)


cdef bint take_rows_space(Reducer* w, RowsSpace* s) noexcept nogil:
    cdef char* block = <char*>w.job.runtime.take(lay_rows_space(w, s, NULL))
    if block == NULL:
        fail(w, KERNEL_NO_MEMORY)
        return False
    lay_rows_space(w, s, block)
    return True


# --- long vectors: a group of blocks at a time, each in parts
# -----------------------------------------------------------
cdef void part_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Reducer* w = <Reducer*>job
    cdef RowsSpace s
    cdef Py_ssize_t unit, block, part, first, count = 0, each = w.sums * w.room
    if not take_rows_space(w, &s):
        return
    for unit in range(index * w.tasks_units, smaller((index + 1) * w.tasks_units, w.group * w.parts)):
        block = unit // w.parts
        part = unit % w.parts
        if not w.scaled or w.again[block]:
            first = first_of(w, w.first_block + block, &count)
            sum_block(w, &s, first, count, part * w.part, smaller(w.part, w.r.length - part * w.part),
                      w.group_scales + 2 * block * w.room if w.scaled else NULL, w.partial + unit * each)
    w.job.runtime.give(s.block)


cdef void divide_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Reducer* w = <Reducer*>job
    cdef RowsSpace s
    cdef Py_ssize_t unit, block, part, first, count = 0
    if not take_rows_space(w, &s):
        return
    for unit in range(index * w.tasks_units, smaller((index + 1) * w.tasks_units, w.group * w.parts)):
        block = unit // w.parts
        part = unit % w.parts
        first = first_of(w, w.first_block + block, &count)
        divide_block(w, first, count, part * w.part, smaller(w.part, w.r.length - part * w.part),
                     w.group_results + block * w.room,
                     w.group_scales + 2 * block * w.room if w.again[block] else NULL, s.x_tile)
    w.job.runtime.give(s.block)


# The parts of a block's sums, added in order.
cdef void join_parts(const Reducer* w, Py_ssize_t block, Py_ssize_t count, real* sums) noexcept nogil:
    cdef Py_ssize_t each = w.sums * w.room, part, j
    cdef const real* parts = w.partial + block * w.parts * each
    cdef double sum
    cdef int s
    for s in range(w.sums):
        for j in range(s * w.room, s * w.room + count):
            sum = parts[j]
            for part in range(1, w.parts):
                sum = join_numbers(w.r.order, sum, parts[part * each + j])
            sums[j] = <real>sum


# What the parts of a group's blocks come to. True: some must be summed again.
cdef bint join_group(Reducer* w, RowsSpace* s) noexcept nogil:
    cdef Py_ssize_t block, first, count = 0
    cdef real* sums
    cdef real* scales
    cdef bint again = False
    for block in range(w.group):
        if w.scaled and not w.again[block]:
            continue
        first = first_of(w, w.first_block + block, &count)
        sums = w.group_sums + block * w.sums * w.room
        scales = w.group_scales + 2 * block * w.room
        if w.scaled:
            join_parts(w, block, count, s.again)
            replace_sums(w, count, sums, s.again, scales)
        else:
            join_parts(w, block, count, sums)
            w.again[block] = needs_scales(w, count, sums, scales)
            if w.again[block]:
                again = True
                continue
        finish_sums(w, count, sums, scales if w.scaled else NULL, w.group_results + block * w.room)
        if w.r.result != REDUCE_NORMALIZE:
            write_results(w, first, count, w.group_results + block * w.room)
    return again


cdef int run_units(Reducer* w, Task task, Py_ssize_t units, double ns) noexcept nogil:
    w.tasks_units = ceil_div(units, smaller(units, tasks_for(ns, w.job.runtime.threads)))
    return run_tasks(task, w, ceil_div(units, w.tasks_units), ns)


cdef int reduce_group(Reducer* w, RowsSpace* s, double ns) noexcept nogil:
    cdef Py_ssize_t units = w.group * w.parts
    cdef int status
    w.scaled = False
    status = run_units(w, part_task, units, ns)
    if status == KERNEL_OK and join_group(w, s):
        w.scaled = True
        status = run_units(w, part_task, units, ns)
        if status == KERNEL_OK:
            join_group(w, s)
    if status == KERNEL_OK and w.r.result == REDUCE_NORMALIZE:
        status = run_units(w, divide_task, units, 2 * ns)
    return status


cdef Py_ssize_t lay_group(Reducer* w, char* block) noexcept nogil:
    cdef char* at = block
    cdef Py_ssize_t bytes = w.group * w.room * sizeof(real)
    w.partial = <real*>carve(&at, w.parts * w.sums * bytes)
    w.group_sums = <real*>carve(&at, w.sums * bytes)
    w.group_scales = <real*>carve(&at, 2 * bytes)
    w.group_results = <real*>carve(&at, bytes)
    w.again = <uint8_t*>carve(&at, w.group)
    return at - block


cdef int reduce_in_parts(Reducer* w, double ns_of_block) noexcept nogil:
    cdef char* block = <char*>w.job.runtime.take(lay_group(w, NULL))
    cdef RowsSpace s
    cdef int status = KERNEL_NO_MEMORY
    if block == NULL:
        return status
    lay_group(w, block)
    if take_rows_space(w, &s):
        status = KERNEL_OK
        w.first_block = 0
        while status == KERNEL_OK and w.first_block < w.blocks:
            w.group = smaller(w.group, w.blocks - w.first_block)
            status = reduce_group(w, &s, ns_of_block * w.group)
            w.first_block += w.group
        w.job.runtime.give(s.block)
    w.job.runtime.give(block)
    return status


cdef int reduce(const Reduction* r, const Batch* batch, const Runtime* runtime) noexcept nogil:
    cdef Reducer w
    cdef double numbers = 1.0 * batch.count * r.length
    cdef double ns = cost(0, numbers * (2 if pair(r) or r.result == REDUCE_NORMALIZE else 1), sizeof(real))
    w.job = start_job(runtime)
    plan_reduction(&w, r, batch)
    if w.parts > 1:
        return reduce_in_parts(&w, ns / w.blocks)
    return run_units(&w, whole_task, w.blocks, ns)


table.reduce = reduce
