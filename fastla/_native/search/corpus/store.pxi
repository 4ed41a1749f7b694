# Rows of any type and layout become rows of stored blocks: transposed, scaled, narrowed and weighed, a block at a time.

cdef extern from "write.h":
    void lane_max(float* most, const output* x, Py_ssize_t d) noexcept nogil
    float scale_of(float most, int levels, double low, double high) noexcept nogil
    void write_block(stored* to, const output* x, Py_ssize_t d, const float* divisor, int first, int end) noexcept nogil

cdef enum:
    STRIP = 64              # numbers of a row that are transposed at a time: those of all 48 rows stay in L1
    COLUMNS_AHEAD = 16      # columns ahead of which numbers adjacent across are asked for, each in pages of its own
    PREFETCH_ROWS = 16      # in a cache line of float32


cdef struct StoreJob:
    Job job
    const Rows* rows
    const Blocks* blocks
    const Encoding* encoding
    int metric
    Py_ssize_t first, chunk         # the first row's position; blocks in a task


# Rows [row, row + count) as lanes from `lane` on of a block [d][BLOCK_ROWS], read along the shorter stride.
cdef void fill_lanes(output* block, const Rows* rows, Py_ssize_t row, int lane, int count) noexcept nogil:
    cdef const char* source = rows.data + row * rows.row
    cdef output strip[STRIP]
    cdef const output* x
    cdef Py_ssize_t p, i, length
    cdef int j
    if count > 1 and (-rows.column < rows.row < rows.column or rows.column < rows.row < -rows.column):
        for p in range(rows.d):
            i = 0
            while i < count and p + COLUMNS_AHEAD < rows.d:
                prefetch(source + (p + COLUMNS_AHEAD) * rows.column + i * rows.row)
                i += PREFETCH_ROWS
            read_row(block + p * BLOCK_ROWS + lane, source + p * rows.column, rows.row, count, rows.type)
        return
    for p from 0 <= p < rows.d by STRIP:
        length = smaller(STRIP, rows.d - p)
        for j in range(count):
            x = <const output*>(source + j * rows.row + p * rows.column)
            if not in_place(rows):
                read_row(strip, <const char*>x, rows.column, length, rows.type)
                x = strip
            for i in range(length):
                block[(p + i) * BLOCK_ROWS + lane + j] = x[i]


cdef void store_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef StoreJob* job = <StoreJob*>arg
    cdef const Blocks* blocks = job.blocks
    cdef Py_ssize_t d = job.rows.d, depth = ceil_div(d, ELEMENT_WIDTH), end = job.first + job.rows.n
    cdef Py_ssize_t i = job.first // BLOCK_ROWS + index * job.chunk
    cdef Py_ssize_t last = smaller(i + job.chunk, ceil_div(end, BLOCK_ROWS)), begin
    cdef output* block = <output*>job.job.runtime.take(larger(1, d) * BLOCK_ROWS * sizeof(output))
    cdef float most[BLOCK_ROWS]
    cdef int lane, first_lane, end_lane, written
    if block == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    while i < last:
        begin = larger(job.first, i * BLOCK_ROWS)
        first_lane = <int>(begin - i * BLOCK_ROWS)
        end_lane = <int>(smaller(end, (i + 1) * BLOCK_ROWS) - i * BLOCK_ROWS)
        if end_lane - first_lane < BLOCK_ROWS:
            memset(block, 0, d * BLOCK_ROWS * sizeof(output))
        fill_lanes(block, job.rows, begin - job.first, first_lane, end_lane - first_lane)
        lane_max(most, block, d)
        for lane in range(first_lane, end_lane):
            most[lane] = scale_of(most[lane], job.encoding.levels, job.encoding.low, job.encoding.high)
            blocks.scale[i * BLOCK_ROWS + lane] = most[lane]
        for lane in range(BLOCK_ROWS):
            if not most[lane] > 0:          # rows of zeros, or with a NaN; lanes without a row
                most[lane] = 1
        # A block that these rows begin gets zeros in its other lanes; one that has rows already may be read meanwhile.
        written = BLOCK_ROWS if first_lane == 0 else end_lane
        write_block(<stored*>blocks.data + i * depth * BLOCK_ROWS, block, d, most, first_lane, written)
        weigh_lanes(blocks, job.metric, i, first_lane, written)
        i += 1
    job.job.runtime.give(block)


cdef int store_rows(const Rows* rows, const Blocks* blocks, Py_ssize_t first, int metric, const Encoding* encoding,
                    const Runtime* runtime) noexcept nogil:
    cdef StoreJob job
    cdef double ns = cost(0, 4.0 * rows.n * rows.d, sizeof(output)) + 500
    cdef Py_ssize_t count = ceil_div(first + rows.n, BLOCK_ROWS) - first // BLOCK_ROWS, tasks
    if rows.n == 0:
        return KERNEL_OK
    job.job.runtime = runtime
    job.job.error = KERNEL_OK
    job.rows = rows
    job.blocks = blocks
    job.encoding = encoding
    job.metric = metric
    job.first = first
    tasks = smaller(count, tasks_for(ns, runtime.threads))
    job.chunk = ceil_div(count, tasks)
    return run_tasks(store_task, &job, ceil_div(count, job.chunk), ns)
