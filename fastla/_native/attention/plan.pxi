# From first to last: how an item is cut into tasks, the mask's table, the tasks, and the merging of parts.

# The tasks of an item.
cdef Py_ssize_t tasks_of(const AttentionJob* job, const Item* item) noexcept nogil:
    cdef Py_ssize_t groups = ceil_div(panels_of(item.rows), job.panels) if item.route == ROUTE_FORWARD else 1
    return 0 if item.queries == 0 else job.attention.heads // item.heads * item.parts * groups


# The numbers of an item's records.
cdef Py_ssize_t records_of(const Attention* a, const Item* item) noexcept nogil:
    return a.heads * item.queries * item.parts * record_size(a) if item.parts > 1 else 0


# How long an item takes one thread, in nanoseconds.
cdef double item_cost(const Attention* a, const Item* item) noexcept nogil:
    cdef double queries = item.queries, keys = item.length, seen = keys
    if a.left >= 0 and a.right >= 0 or a.left >= 0 and a.causal:
        seen = a.left + (a.right if a.right >= 0 and not a.causal else 0) + KEYS
        seen = seen if seen < keys else keys
    elif a.causal and queries > 1:
        seen = keys / 2
    return cost(a.heads * queries * seen * (a.width + a.value_width + 40.0),
                (a.kv_heads * seen + a.heads * queries) * (a.width + a.value_width), sizeof(real)) + 100


# The item of a task.
cdef Py_ssize_t item_of(const AttentionJob* job, Py_ssize_t task) noexcept nogil:
    cdef Py_ssize_t low = 0, high = job.attention.batch, middle
    while high - low > 1:
        middle = (low + high) // 2
        if job.starts[middle] <= task:
            low = middle
        else:
            high = middle
    return low


cdef union AttentionScratch:
    ForwardScratch forward
    DecodeScratch decode
    ShortScratch short


cdef Py_ssize_t lay_route(int route, const AttentionJob* job, AttentionScratch* scratch, char* block) noexcept nogil:
    if route == ROUTE_FORWARD:
        return lay_forward(job, &scratch.forward, block)
    if route == ROUTE_DECODE:
        return lay_decode(job, &scratch.decode, block)
    return lay_short(job, &scratch.short, block)


cdef void attention_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef AttentionJob* job = <AttentionJob*>arg
    cdef const Attention* a = job.attention
    cdef Py_ssize_t task, b = item_of(job, index * job.chunk), found = -1, bytes = 0
    cdef int route, laid = ATTENTION_ROUTES
    cdef Item item
    cdef AttentionScratch scratch
    cdef char* block
    for route in range(ATTENTION_ROUTES):
        if job.takes[route]:
            bytes = larger(bytes, lay_route(route, job, &scratch, NULL))
    block = <char*>job.job.runtime.take(bytes)
    if block == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    for task in range(index * job.chunk, smaller((index + 1) * job.chunk, job.tasks)):
        while job.starts[b + 1] <= task:
            b += 1
        if b != found:
            find_item(a, b, &item)
            found = b
        if item.route != laid:
            if laid == ROUTE_SHORT:
                finish_group(a, &scratch.short)
            lay_route(item.route, job, &scratch, block)
            laid = item.route
        if laid == ROUTE_FORWARD:
            forward_task(job, &item, b, task - job.starts[b], &scratch.forward)
        elif laid == ROUTE_DECODE:
            decode_task(job, &item, b, task - job.starts[b], &scratch.decode)
        else:
            short_task(a, &item, task - job.starts[b], &scratch.short)
    if laid == ROUTE_SHORT:
        finish_group(a, &scratch.short)
    job.job.runtime.give(block)


cdef void merge_task(void* arg, Py_ssize_t b, int slot) noexcept nogil:
    cdef AttentionJob* job = <AttentionJob*>arg
    cdef const Attention* a = job.attention
    cdef Item item
    cdef Py_ssize_t unit, row
    find_item(a, b, &item)
    if item.parts == 1:
        return
    for unit in range(a.heads // item.heads):
        for row in range(item.rows):
            merge_records(a, &item, unit * item.heads, row, item.parts,
                          job.records + job.record_starts[b] + (unit * item.parts * item.rows + row) * record_size(a),
                          item.rows * record_size(a))


# One row of the table: all tiles of a panel's rows.
cdef void classify_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef AttentionJob* job = <AttentionJob*>arg
    cdef const Attention* a = job.attention
    cdef Py_ssize_t panel = index % job.table_panels, head = index // job.table_panels % job.table_heads
    cdef Py_ssize_t vectors = ceil_div(a.queries, LANES), panels = panels_of(a.queries)
    cdef Py_ssize_t first = panel_start(vectors, panels, panel) * LANES
    cdef Py_ssize_t rows = smaller(panel_start(vectors, panels, panel + 1) * LANES, a.queries) - first, block
    cdef Item item
    cdef const char* mask
    cdef real bias[KEYS]
    find_item(a, index // job.table_panels // job.table_heads, &item)
    mask = item.mask + head * a.mask.head + first * a.mask.row
    rows = 1 if a.mask.row == 0 else rows
    if a.mask.type == TYPE_uint8 and a.mask.column == 1:
        classify_booleans(&a.mask, mask, rows, a.keys, job.table + index * job.table_blocks)
        return
    for block in range(job.table_blocks):
        job.table[index * job.table_blocks + block] = <unsigned char>classify(
            &a.mask, mask + block * KEYS * a.mask.column, rows, smaller(KEYS, a.keys - block * KEYS), bias)


# How many items, heads and panels have a mask of their own.
cdef void size_table(AttentionJob* job) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef int d
    job.table_items = 1
    for d in range(a.dims):
        if a.mask.batch[d] != 0:
            job.table_items = a.batch
    job.table_heads = 1 if a.mask.head == 0 else a.heads
    job.table_panels = 1 if a.mask.row == 0 else panels_of(a.queries)
    job.table_blocks = ceil_div(a.keys, KEYS)


cdef inline bint has_table(const AttentionJob* job) noexcept nogil:
    cdef Item item
    size_item(job.attention, 0, &item)
    return job.attention.mask.data != NULL and job.takes[ROUTE_FORWARD] and item.heads == 1


cdef Py_ssize_t lay_call(AttentionJob* job, char* block) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef char* at = block
    job.starts = <Py_ssize_t*>carve(&at, (a.batch + 1) * sizeof(Py_ssize_t))
    job.record_starts = <Py_ssize_t*>carve(&at, (a.batch + 1) * sizeof(Py_ssize_t))
    if has_table(job):
        size_table(job)
        job.table = <unsigned char*>carve(&at, job.table_items * job.table_heads * job.table_panels * job.table_blocks)
    return at - block


cdef int run_attention(AttentionJob* job, double ns) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef const Runtime* runtime = job.job.runtime
    cdef int status = KERNEL_OK
    cdef Py_ssize_t b, count
    cdef Item item
    job.starts[0] = job.record_starts[0] = 0
    for b in range(a.batch):
        size_item(a, b, &item)
        job.starts[b + 1] = job.starts[b] + tasks_of(job, &item)
        job.record_starts[b + 1] = job.record_starts[b] + records_of(a, &item)
    job.tasks = job.starts[a.batch]
    job.chunk = larger(1, job.tasks // larger(16 * runtime.threads, tasks_for(ns, runtime.threads)))
    if job.record_starts[a.batch]:
        job.records = <real*>runtime.take(job.record_starts[a.batch] * sizeof(real))
        if job.records == NULL:
            return KERNEL_NO_MEMORY
    if job.table != NULL:
        count = job.table_items * job.table_heads * job.table_panels
        status = run_tasks(classify_task, job, count,
                           1.0 * count * job.table_blocks * KEYS * (NR if a.mask.row else 1) / 4)
    if status == KERNEL_OK:
        status = run_tasks(attention_task, job, ceil_div(job.tasks, job.chunk), ns)
    if status == KERNEL_OK and job.records != NULL:
        status = run_tasks(merge_task, job, a.batch, job.record_starts[a.batch] / 4.0)
    if job.records != NULL:
        runtime.give(job.records)
    return status


cdef int attention(const Attention* a, const Runtime* runtime) noexcept nogil:
    cdef AttentionJob job
    cdef Item item
    cdef Py_ssize_t b
    cdef double ns = 0
    cdef int status
    cdef char* block
    if a.batch == 0 or a.heads == 0:
        return KERNEL_OK
    memset(&job, 0, sizeof(job))
    job.job.runtime = runtime
    job.attention = a
    job.keys = KEYS if a.width <= WIDE and a.value_width <= WIDE else WIDE_KEYS
    job.panels = STAGED_PANELS if staged(&a.key, a.width) or staged(&a.value, a.value_width) else TASK_PANELS
    if job.keys < KEYS:
        job.panels = 1
    for b in range(a.batch):
        size_item(a, b, &item)
        ns += item_cost(a, &item)
        job.takes[item.route] = True
    block = <char*>runtime.take(lay_call(&job, NULL))
    if block == NULL:
        return KERNEL_NO_MEMORY
    job.table = NULL
    lay_call(&job, block)
    status = run_attention(&job, ns)
    runtime.give(block)
    return status


cdef int attention_route(const Attention* a) noexcept nogil:
    cdef Item item
    size_item(a, 0, &item)
    return item.route
