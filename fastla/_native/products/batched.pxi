# Batches of products: threads over the batch.

# How the products of a batch are done.
cdef enum Way:
    ONE_BY_ONE      # each by its route
    TILE_BY_TILE    # small ones: the same tile of many, then the next
    ROW_BY_ROW      # small ones of a single row
    DOTS_ALONG_K    # small ones whose operands are adjacent along k
    AS_DOTS         # single dot products


cdef struct Batched:
    Job job
    const Product* first
    const Batch* batch
    Py_ssize_t chunk        # products in a task
    Way way
    bint alone              # each by one thread


# Products of one shape, their operands a stride apart.
cdef struct Run:
    Product g
    Py_ssize_t count, a_stride, b_stride, c_stride


cdef inline Py_ssize_t bytes_of(const Product* g) noexcept nogil:
    return (g.m * g.k + g.k * g.n + g.m * g.n) * <Py_ssize_t>sizeof(real)


# A few tiles each: one strip goes through the same tile of all of them, so that what a product costs beyond its
# arithmetic is a few instructions.
cdef void tiles_of_run(const Run* run) noexcept nogil:
    cdef const Product* g = &run.g
    cdef Py_ssize_t vectors = ceil_div(g.n, LANES), panels = ceil_div(vectors, NV), panel, row, first, nv
    cdef Strip s
    s.k = g.k
    s.a_row = g.a_row
    s.a_col = g.a_col
    s.b_row = g.b_row
    s.c_row = g.c_row
    s.a_next = run.a_stride
    s.b_next = run.b_stride
    s.c_next = run.c_stride
    s.accumulate = False
    s.ahead = 0
    s.tiles = run.count
    for panel in range(panels):
        first = panel_start(vectors, panels, panel)
        nv = panel_start(vectors, panels, panel + 1) - first
        for row from 0 <= row < g.m by MR:
            s.a = <const real*>g.a + row * g.a_row
            s.b = <const stored*>g.b
            s.c = <real*>g.c + row * g.c_row
            place_strip(&s, g.n, first * LANES, nv, True)
            micro_kernel_any(<int>smaller(MR, g.m - row), <int>nv, &s)


cdef void rows_of_run(const Run* run) noexcept nogil:
    cdef const Product* g = &run.g
    cdef Py_ssize_t i
    for i in range(run.count):
        row_piece(g.n, g.n, g.k, True, <const real*>g.a + i * run.a_stride, g.a_col,
                  <const real*>g.b + i * run.b_stride, g.b_row, <real*>g.c + i * run.c_stride)


# The larger of a and b is read where it lies, the other from `packed` where it is not adjacent along k.
cdef void dots_of_run(const Run* run, bint transposed, real* packed) noexcept nogil:
    cdef const Product* g = &run.g
    cdef Py_ssize_t y_row = g.a_row if transposed else g.b_col, y_col = g.a_col if transposed else g.b_row, i
    cdef Py_ssize_t count = g.m if transposed else g.n
    cdef const real* a
    cdef const real* b
    cdef const real* y
    cdef real* c
    for i in range(run.count):
        a = <const real*>g.a + i * run.a_stride
        b = <const real*>g.b + i * run.b_stride
        c = <real*>g.c + i * run.c_stride
        y = a if transposed else b
        if y_col != 1:
            transpose_into(packed, g.k, g.k, count, y, y_col, y_row)
            y = packed
        if transposed:
            dots(g.n, g.n, g.m, g.k, b, g.b_col, y, g.k if y_col != 1 else y_row, c, 1, g.c_row)
        else:
            dots(g.m, g.m, g.n, g.k, a, g.a_row, y, g.k if y_col != 1 else y_row, c, g.c_row, 1)


# b's columns made adjacent; one b for all products is packed once.
cdef void pack_run(Run* run, real* packed) noexcept nogil:
    cdef Product* g = &run.g
    cdef Py_ssize_t each = g.k * g.n, i
    for i in range(run.count if run.b_stride else 1):
        transpose_into(packed + i * each, g.n, g.n, g.k, <const real*>g.b + i * run.b_stride, g.b_col, g.b_row)
    run.b_stride = each if run.b_stride else 0
    g.b = packed
    g.b_row = g.n
    g.b_col = 1


# In groups that stay in L1, since a group may be packed, and is read once for each of its tiles. `packed` has room for
# five times BATCH_BYTES.
cdef int multiply_small(Way way, const Run* run, real* packed) noexcept nogil:
    cdef Product one = run.g
    cdef Run group
    cdef Py_ssize_t most = 1 + 4 * BATCH_BYTES // bytes_of(&one), done = 0, i
    cdef int status = KERNEL_OK
    while done < run.count:
        group = run[0]
        group.count = smaller(most, run.count - done)
        group.g.a = <const real*>one.a + done * run.a_stride
        group.g.b = <const real*>one.b + done * run.b_stride
        group.g.c = <real*>one.c + done * run.c_stride
        if way != DOTS_ALONG_K and one.b_col != 1:
            pack_run(&group, packed)
        if way == TILE_BY_TILE:
            tiles_of_run(&group)
        elif way == ROW_BY_ROW:
            rows_of_run(&group)
        else:
            dots_of_run(&group, inner_route(&one) == ROUTE_TRANSPOSED, packed)
        for i in range(group.count if one.epilogue != NULL else 0):
            group.g.c = <real*>one.c + (done + i) * run.c_stride
            group.g.item = one.item + done + i
            status = finish(&group.g, 0, one.m, 0, one.n)
            if status != KERNEL_OK:
                return status
        done += group.count
    return status


cdef Way choose_way(const Product* g) noexcept nogil:
    if g.k == 0:
        return ONE_BY_ONE
    if g.m == 1 and g.n == 1 and g.epilogue == NULL:
        return AS_DOTS
    if bytes_of(g) > BATCH_BYTES:
        return ONE_BY_ONE
    if g.n == 1 and g.m <= MR and g.k <= FEW_NUMBERS:
        return TILE_BY_TILE
    if inner_route(g) >= 0:
        return DOTS_ALONG_K
    return ROW_BY_ROW if g.m == 1 and g.n > 1 and g.k > ROW_DEPTH else TILE_BY_TILE


cdef void batched_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Batched* w = <Batched*>job
    cdef const Batch* batch = w.batch
    cdef Runtime runtime = one_thread(w.job.runtime) if w.alone else w.job.runtime[0]
    cdef Py_ssize_t i = index * w.chunk, end = smaller((index + 1) * w.chunk, batch.count), last = batch.dims - 1, j
    cdef Py_ssize_t at[3]
    cdef Run run
    cdef real* packed = NULL
    cdef int status = KERNEL_OK
    if w.way != ONE_BY_ONE and w.way != AS_DOTS:
        packed = <real*>w.job.runtime.take(5 * BATCH_BYTES)
        if packed == NULL:
            fail(job, KERNEL_NO_MEMORY)
            return
    run.g = w.first[0]
    run.a_stride = batch.strides[0][last]
    run.b_stride = batch.strides[1][last]
    run.c_stride = batch.strides[2][last]
    while i < end and status == KERNEL_OK:
        batch_offsets(batch, i, 3, at)
        run.count = smaller(end - i, batch_run(batch, i))
        run.g.a = <const real*>w.first.a + at[0]
        run.g.b = <const real*>w.first.b + at[1]
        run.g.c = <real*>w.first.c + at[2]
        run.g.item = i
        if w.way == AS_DOTS:
            multiply_dots(&run.g, run.count, run.a_stride, run.b_stride, run.c_stride)
        elif w.way != ONE_BY_ONE:
            status = multiply_small(w.way, &run, packed)
        else:
            for j in range(run.count):
                status = multiply(&run.g, &runtime)
                if status != KERNEL_OK:
                    break
                run.g.a = <const real*>run.g.a + run.a_stride
                run.g.b = <const real*>run.g.b + run.b_stride
                run.g.c = <real*>run.g.c + run.c_stride
                run.g.item += 1
        i += run.count
    if packed != NULL:
        w.job.runtime.give(packed)
    if status != KERNEL_OK:
        fail(job, status)


cdef int run_batch(const Product* first, const Batch* batch, const Runtime* runtime) noexcept nogil:
    cdef Batched w
    cdef double ns = duration(first)
    w.job = start_job(runtime)
    w.first = first
    w.batch = batch
    w.way = choose_way(first)
    w.alone = ns <= BATCH_NS
    if not w.alone:
        # Each is worth all threads.
        w.chunk = batch.count
        batched_task(&w, 0, 0)
        return w.job.error
    w.chunk = ceil_div(batch.count, smaller(batch.count, tasks_for(ns * batch.count, runtime.threads)))
    return run_tasks(batched_task, &w, ceil_div(batch.count, w.chunk), ns * batch.count)


# Whether small products with a column, whose numbers along k are not adjacent, are better off with a row.
cdef inline bint column_turns(const Product* g) noexcept nogil:
    return g.n == 1 and g.m > 1 and g.c_row == 1 and g.k > 0 and g.epilogue == NULL and bytes_of(g) <= BATCH_BYTES and \
        (g.m > MR or g.k > FEW_NUMBERS) and inner_route(g) < 0


cdef int matmul(const Product* first, const Batch* batch, const Runtime* runtime) noexcept nogil:
    cdef Product transposed
    cdef Batch exchanged
    if batch.dims == 0:
        return multiply(first, runtime)
    if not column_turns(first):
        return run_batch(first, batch, runtime)
    transposed = transposed_product(first, <real*>first.c, first.m)
    exchanged = batch[0]
    exchanged.strides[0] = batch.strides[1]
    exchanged.strides[1] = batch.strides[0]
    return run_batch(&transposed, &exchanged, runtime)
