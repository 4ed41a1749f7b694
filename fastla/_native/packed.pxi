# Large products: both operands packed, block by block.
#
# For each block of NC columns and KC deep, two jobs: pack b's block, shared by all threads; then every task
# packs its own rows of a and multiplies. a's block (MC x KC) and b's panel (KC x NR) live in L2,
# b's block in L3. The first block of k writes c, later ones add.

cdef struct Packed:
    Product product
    Py_ssize_t column, n, p, k      # the block of b
    Py_ssize_t rows                 # of a in a task
    real* b
    const Runtime* runtime
    int error


cdef void pack_b_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Packed* job = <Packed*>arg
    cdef Product* g = &job.product
    pack_b_panel(job.b, index, job.n, job.k, <const stored*>g.b + job.column * g.b_col + job.p * g.b_row, g.b_row, g.b_col)


cdef void multiply_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Packed* job = <Packed*>arg
    cdef Product* g = &job.product
    cdef Py_ssize_t row = index * job.rows, m = smaller(job.rows, g.m - row), i, valid
    cdef Side a, b
    cdef real* packed
    if g.own_transpose and row + m <= job.column:
        return
    packed = <real*>job.runtime.take(ceil_div(m, MR) * MR * job.k * sizeof(real))
    if packed == NULL:
        job.error = KERNEL_NO_MEMORY
        return
    for i from 0 <= i < m by MR:
        pack_panel(packed + i * job.k, MR, smaller(MR, m - i), job.k,
                   <const stored*>g.a + (row + i) * g.a_row + job.p * g.a_col, g.a_row, g.a_col)
    a.data = packed
    a.unit = job.k
    a.row = 1
    a.col = MR
    b.data = job.b
    b.unit = job.k
    b.row = 0
    b.col = 1
    block(m, job.n, job.k, a, b, <real*>g.c + row * g.c_row + job.column, g.c_row, job.p > 0,
          g.own_transpose, row - job.column)
    job.runtime.give(packed)


cdef void mirror_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Product* g = &(<Packed*>arg).product
    mirror(<real*>g.c, g.c_row, index * MIRROR, smaller((index + 1) * MIRROR, g.n))


cdef int packed(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Packed job
    cdef double flops = 2.0 * g.m * g.n * g.k
    cdef int threads = 1 if flops < OFFER_FLOPS else runtime.threads, wake = worth_waking(flops)
    cdef Py_ssize_t n_blocks = ceil_div(g.n, NC), k_blocks = ceil_div(g.k, KC), m_blocks, i, j, width
    cdef int status
    job.product = g[0]
    job.runtime = runtime
    job.error = KERNEL_OK
    # Blocks of equal size, and as many tasks as the threads divide.
    m_blocks = ceil_div(ceil_div(g.m, MC), threads) * threads
    job.rows = ceil_div(ceil_div(g.m, m_blocks), MR) * MR
    width = ceil_div(ceil_div(g.n, n_blocks), NR) * NR
    job.k = ceil_div(g.k, k_blocks)
    job.b = <real*>runtime.take(width * job.k * sizeof(real))
    if job.b == NULL:
        return KERNEL_NO_MEMORY
    status = KERNEL_OK
    for j from 0 <= j < g.n by width:
        job.column = j
        job.n = smaller(width, g.n - j)
        for i in range(k_blocks):
            job.p = g.k * i // k_blocks
            job.k = g.k * (i + 1) // k_blocks - job.p
            status = runtime.parallel_for(pack_b_task, &job, ceil_div(ceil_div(job.n, LANES), NV), threads, wake)
            if status == KERNEL_OK:
                status = runtime.parallel_for(multiply_task, &job, ceil_div(g.m, job.rows), threads, wake)
            if status == KERNEL_OK:
                status = job.error
            if status != KERNEL_OK:
                break
        if status != KERNEL_OK:
            break
    if g.own_transpose and status == KERNEL_OK:
        status = runtime.parallel_for(mirror_task, &job, ceil_div(g.n, MIRROR), threads, wake)
    runtime.give(job.b)
    return status
