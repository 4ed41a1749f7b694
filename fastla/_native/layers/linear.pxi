# A layer by blocks of outputs: a task makes the sums of some blocks for some rows of x, in a tile, finishes them and
# writes them out in the type of the result.

cdef enum:
    LAYER_ROWS = 240        # of x in a task: a multiple of MR; their tile stays in L2, and pieces repay making them


cdef struct LinearJob:
    Job job
    const Linear* linear
    const real* x               # rows of adjacent reals, x_row apart; NULL: every weight is int8
    Py_ssize_t x_row
    uint8_t* levels             # the same as levels; NULL: no weight is int8
    Py_ssize_t levels_row
    float* x_scale
    real* widened               # x's rows where they are not reals that lie side by side
    Py_ssize_t rows, row_tasks, blocks, chunk       # a task's rows of x and blocks; rows that a task prepares


# The memory of a task; see run_linear.
cdef struct LinearSpace:
    real* tile
    real* up
    real* residual
    real* panel
    real* strip


cdef inline bint is_int8(const LayerWeight* w) noexcept nogil:
    return w.rows.type == TYPE_int8 and w.blocks != NULL


cdef Py_ssize_t lay_linear(const LinearJob* job, LinearSpace* space, char* block) noexcept nogil:
    cdef Py_ssize_t tile = job.rows * BLOCK_ROWS * sizeof(real), piece = PIECE_DEPTH * BLOCK_ROWS * sizeof(real)
    cdef char* at = block
    space.tile = <real*>carve(&at, tile)
    space.up = <real*>carve(&at, tile if job.linear.gated else 0)
    space.residual = <real*>carve(&at, 0 if job.linear.residual.data == NULL else tile)
    space.panel = <real*>carve(&at, piece)
    space.strip = <real*>carve(&at, piece)
    return at - block


cdef void prepare_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef LinearJob* job = <LinearJob*>arg
    cdef const Rows* x = &job.linear.x
    cdef Py_ssize_t i
    for i in range(index * job.chunk, smaller((index + 1) * job.chunk, x.n)):
        if job.widened != NULL:
            read_row(<output*>job.widened + i * x.d, x.data + i * x.row, x.column, x.d, x.type)
        if job.levels != NULL:
            job.x_scale[i] = write_levels(job.levels + i * job.levels_row, <const output*>job.x + i * job.x_row, x.d)


# tile[rows, BLOCK_ROWS]: the sums of a block's outputs for rows of x from `row` on.
cdef void block_sums(const LinearJob* job, const LayerWeight* w, Py_ssize_t block, Py_ssize_t row, Py_ssize_t rows,
                     const LinearSpace* space, real* tile) noexcept nogil:
    cdef Py_ssize_t d = w.rows.d, part = depth_of(w), p = 0, k, column
    cdef bint wide = <int>NR < BLOCK_ROWS and rows <= WIDE_FEW, there = is_packed(w)
    cdef const real* x = job.x + row * job.x_row
    cdef const real* b
    if is_int8(w):
        level_block(w, block, rows, <const int32_t*>(job.levels + row * job.levels_row), job.levels_row // QUAD,
                    job.x_scale + row, tile)
        return
    if w.blocks == NULL and job.linear.out.n <= DOT_OUTPUT_ROWS:     # not a task's rows: bits hang on no division
        dot_outputs(w, block, rows, x, job.x_row, space.strip, tile)
        return
    while p < d or p == 0:
        k = smaller(part, d - p)
        b = panel_of(w, block, p, k, space.panel, space.strip)
        if wide:
            wide_tiles(rows, k, x + p, job.x_row, <const stored*>b, tile, p > 0)
        for column from 0 <= column < (0 if wide else BLOCK_ROWS) by NR:
            score_tile(rows, <int>smaller(NV, (BLOCK_ROWS - column) // LANES), 0, k, x + p, job.x_row,
                       <const stored*>b + column, BLOCK_ROWS, tile + column, BLOCK_ROWS, p > 0,
                       <const stored*>b + k * BLOCK_ROWS + column if there else NULL)
        p += part


# One block of outputs for some rows of x, from sums to what is written.
cdef void layer_block(LinearJob* job, Py_ssize_t block, Py_ssize_t row, Py_ssize_t rows,
                      const LinearSpace* space) noexcept nogil:
    cdef const Linear* layer = job.linear
    cdef const Rows* r = &layer.residual
    cdef const Rows* out = &layer.out
    cdef Py_ssize_t first = block * BLOCK_ROWS, columns = smaller(BLOCK_ROWS, out.d - first), i
    block_sums(job, &layer.weight, block, row, rows, space, space.tile)
    if layer.gated:
        block_sums(job, &layer.up, block, row, rows, space, space.up)
    for i in range(rows if r.data != NULL else 0):
        read_row(<output*>space.residual + i * BLOCK_ROWS, r.data + (row + i) * r.row + first * r.column, r.column,
                 columns, r.type)
    if finish_rows_by(&layer.function, layer.activation, space.tile, rows, columns, BLOCK_ROWS,
                      rows_at(layer.bias, 0, 0, 0, first), space.up if layer.gated else NULL, BLOCK_ROWS,
                      NULL if r.data == NULL else space.residual, BLOCK_ROWS) != KERNEL_OK:
        fail(job, KERNEL_RAISED)
        return
    for i in range(rows):
        write_row(<char*>out.data + (row + i) * out.row + first * out.column, out.column,
                  <output*>space.tile + i * BLOCK_ROWS, columns, out.type)


cdef void linear_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef LinearJob* job = <LinearJob*>arg
    cdef Py_ssize_t row = index % job.row_tasks * job.rows, block = index // job.row_tasks * job.blocks
    cdef Py_ssize_t end = smaller(block + job.blocks, ceil_div(job.linear.out.d, BLOCK_ROWS))
    cdef LinearSpace space
    cdef char* memory = <char*>job.job.runtime.take(lay_linear(job, &space, NULL))
    if memory == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    lay_linear(job, &space, memory)
    while block < end:
        layer_block(job, block, row, smaller(job.rows, job.linear.out.n - row), &space)
        block += 1
    job.job.runtime.give(memory)


# How rows and blocks are dealt out to tasks; returns how many there are.
cdef Py_ssize_t divide_layer(LinearJob* job, double ns) noexcept nogil:
    cdef Py_ssize_t m = job.linear.out.n, blocks = ceil_div(job.linear.out.d, BLOCK_ROWS)
    cdef Py_ssize_t tasks = tasks_for(ns, job.job.runtime.threads)
    job.row_tasks = larger(ceil_div(m, LAYER_ROWS), smaller(ceil_div(m, MR), ceil_div(tasks, blocks)))
    job.rows = ceil_div(ceil_div(m, job.row_tasks), MR) * MR
    job.row_tasks = ceil_div(m, job.rows)
    job.blocks = ceil_div(blocks, smaller(blocks, ceil_div(tasks, job.row_tasks)))
    return job.row_tasks * ceil_div(blocks, job.blocks)


# The rows of x as reals and as levels, whichever are wanted, in `job` and the memory at `block`.
cdef Py_ssize_t lay_rows(LinearJob* job, char* block) noexcept nogil:
    cdef const Linear* layer = job.linear
    cdef const Rows* x = &layer.x
    cdef char* at = block
    cdef bint there = holds_reals(x) and (x.column == sizeof(real) or x.d == 1)
    cdef bint any_int8 = is_int8(&layer.weight) or layer.gated and is_int8(&layer.up)
    job.widened = NULL if there else <real*>carve(&at, x.n * x.d * sizeof(real))
    job.x = <const real*>x.data if there else job.widened
    job.x_row = x.row // <Py_ssize_t>sizeof(real) if there else x.d
    job.levels_row = ceil_div(x.d, QUAD) * QUAD
    job.levels = NULL
    if any_int8:
        job.levels = <uint8_t*>carve(&at, x.n * job.levels_row)
        job.x_scale = <float*>carve(&at, x.n * sizeof(float))
    return at - block


cdef int linear(const Linear* layer, const Runtime* runtime) noexcept nogil:
    cdef LinearJob job
    cdef Py_ssize_t weights = 2 if layer.gated else 1, bytes
    cdef Py_ssize_t width = 1 if is_int8(&layer.weight) else sizeof(real)       # of what is multiplied and read
    cdef double multiplied = 1.0 * layer.out.n * layer.out.d * layer.x.d * weights
    cdef double read = 1.0 * layer.out.d * layer.x.d * weights + 1.0 * layer.out.n * (layer.out.d + layer.x.d)
    cdef double ns = cost(multiplied, read, width)
    cdef char* memory = NULL
    cdef int status = KERNEL_OK
    if layer.out.n == 0 or layer.out.d == 0:
        return KERNEL_OK
    job.job = start_job(runtime)
    job.linear = layer
    bytes = lay_rows(&job, NULL)
    if bytes:
        memory = <char*>runtime.take(bytes)
        if memory == NULL:
            return KERNEL_NO_MEMORY
        lay_rows(&job, memory)
        job.chunk = ceil_div(layer.x.n, 4 * runtime.threads)
        status = run_tasks(prepare_task, &job, ceil_div(layer.x.n, job.chunk),
                           cost(0, 2.0 * layer.x.n * layer.x.d, sizeof(real)))
    if status == KERNEL_OK:
        status = run_tasks(linear_task, &job, divide_layer(&job, ns), ns)
    if memory != NULL:
        runtime.give(memory)
    return status
