# Cosine similarity: a product, and the norms of a long operand on its way.

# The epilogue: dot products times the inverse norms of both their rows, clamped to [-1, 1].

cdef int scale_and_clamp(const Epilogue* self, void* block, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t c_row,
                         Py_ssize_t first_row, Py_ssize_t first_column, Py_ssize_t item) noexcept nogil:
    cdef const CosineEpilogue* cosine = <const CosineEpilogue*>self
    cdef Py_ssize_t at[5]
    cdef Py_ssize_t i, j, diagonal
    cdef const output* row_scale = <const output*>cosine.row_scale
    cdef const output* column_scale = <const output*>cosine.column_scale + first_column
    cdef output* c = <output*>block
    cdef output scale
    if cosine.batch.dims:
        batch_offsets(cosine.batch, item, 5, at)
        row_scale += at[3]
        column_scale += at[4]
    for i in range(rows):
        # Of equal numbers in either order: the product of the scales is the same, so the matrix is symmetric.
        scale = row_scale[first_row + i]
        for j from 0 <= j <= columns - LANES by LANES:
            store_out(c + j, vec_clamp(load_out(c + j) * (load_out(column_scale + j) * scale)))
        for j in range(columns - columns % LANES, columns):
            c[j] = c[j] * (column_scale[j] * scale)
            c[j] = 1 if c[j] > 1 else -1 if c[j] < -1 else c[j]
        diagonal = first_row + i - first_column
        if cosine.own and 0 <= diagonal < columns and scale > 0:
            c[diagonal] = 1
        c += c_row
    return KERNEL_OK


# --- a long operand ---
# Where one side has few vectors, the other's are read from memory once: a piece of them gets its norms and is
# multiplied while it is in L2.

cdef enum:
    COSINE_BYTES = 524288       # of the long side, in a piece: "Cosines of a long operand"

cdef struct CosinePieces:
    Job job
    const Product* product
    const Reduction* norms
    Py_ssize_t piece            # vectors of the long side


cdef void cosine_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef CosinePieces* w = <CosinePieces*>job
    cdef Product g = w.product[0]
    cdef Reduction norms = w.norms[0]
    cdef Runtime alone = one_thread(w.job.runtime)
    cdef Batch batch
    cdef Py_ssize_t first = index * w.piece, count, one = 1, none = 0
    cdef int status, unsafe = False
    batch.dims = 1
    batch.count = count = smaller(w.piece, larger(g.m, g.n) - first)
    batch.shape = &count
    batch.strides[1] = &none
    batch.strides[2] = &one
    if g.m >= g.n:
        batch.strides[0] = &w.product.a_row
        g.a = norms.x = <const real*>g.a + first * g.a_row
        g.c = <output*>g.c + first * g.c_row
        g.m = count
        g.first_row = first
    else:
        batch.strides[0] = &w.product.b_col
        g.b = norms.x = <const real*>g.b + first * g.b_col
        g.c = <output*>g.c + first
        g.n = count
        g.first_column = first
    norms.to = <output*>norms.to + first
    norms.unsafe = &unsafe
    status = reduce(&norms, &batch, &alone)
    if unsafe:
        store_int(w.norms.unsafe, True)
    if status == KERNEL_OK and not load_int(w.norms.unsafe):
        status = multiply(&g, &alone)
    if status != KERNEL_OK:
        fail(job, status)


# g with a CosineEpilogue that lacks the scales of the longer side: `norms`, of all its vectors, is where they go. Sets
# norms.unsafe where a row is out of range: then c's elements mean nothing.
cdef int cosine_of_long(const Product* g, const Reduction* norms, const Runtime* runtime) noexcept nogil:
    cdef CosinePieces w
    w.job = start_job(runtime)
    w.product = g
    w.norms = norms
    w.piece = larger(NR, COSINE_BYTES // (g.k * <Py_ssize_t>sizeof(real)) // NR * NR)
    return run_tasks(cosine_task, &w, ceil_div(larger(g.m, g.n), w.piece), duration(g))


table.scale_and_clamp = scale_and_clamp
table.cosine_of_long = cosine_of_long
