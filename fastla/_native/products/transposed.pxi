# Products by way of a transposed matrix: c.T = b.T @ a.T, or b transposed whole.

cdef struct Transposed:
    Job job
    const Product* product
    Py_ssize_t piece            # of c's longer side
    real* b                     # transposed


cdef Product transposed_product(const Product* g, real* c, Py_ssize_t c_row) noexcept nogil:
    cdef Product t
    t.a = g.b
    t.b = g.a
    t.c = c
    t.m = g.n
    t.n = g.m
    t.k = g.k
    t.a_row = g.b_col
    t.a_col = g.b_row
    t.b_row = g.a_col
    t.b_col = g.a_row
    t.c_row = c_row
    t.syrk = False
    t.epilogue = NULL           # c's own: it waits until c is in place
    t.first_row = t.first_column = t.item = 0
    return t


# c.T in scratch, then transposed into c.
cdef int multiply_transposed(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef real* c_transposed = <real*>runtime.take(g.m * g.n * sizeof(real))
    cdef Product t
    cdef int status
    if c_transposed == NULL:
        return KERNEL_NO_MEMORY
    t = transposed_product(g, c_transposed, g.m)
    status = multiply(&t, runtime)
    if status == KERNEL_OK:
        transpose(<real*>g.c, g.c_row, c_transposed, g.m, g.n)
        status = finish(g, 0, g.m, 0, g.n)
    runtime.give(c_transposed)
    return status


cdef void transposed_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Transposed* w = <Transposed*>job
    cdef Product piece = w.product[0]
    cdef Runtime alone = one_thread(w.job.runtime)
    cdef Py_ssize_t first = index * w.piece
    cdef int status
    if piece.m >= piece.n:
        piece.a = <const real*>piece.a + first * piece.a_row
        piece.c = <real*>piece.c + first * piece.c_row
        piece.m = smaller(w.piece, piece.m - first)
        piece.first_row += first
    else:
        piece.b = <const real*>piece.b + first * piece.b_col
        piece.c = <real*>piece.c + first
        piece.n = smaller(w.piece, piece.n - first)
        piece.first_column += first
    status = multiply_transposed(&piece, &alone)
    if status != KERNEL_OK:
        fail(job, status)


# In pieces along c's longer side, which stay in L2 until they are transposed back; at least eight, for the threads.
cdef int transposed(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Transposed w
    cdef Product t
    cdef double ns = duration(g)
    cdef Py_ssize_t side = larger(g.m, g.n), pieces
    cdef int status
    if g.n == 1 and g.c_row == 1 or g.m == 1:       # c.T lies as c does
        t = transposed_product(g, <real*>g.c, 1 if g.m == 1 else g.m)
        status = multiply(&t, runtime)
        return status if status != KERNEL_OK else finish(g, 0, g.m, 0, g.n)
    w.job = start_job(runtime)
    w.product = g
    w.piece = NR * smaller(TRANSPOSE_PIECE // NR, ceil_div(ceil_div(side, 8), NR))
    pieces = ceil_div(side, w.piece)
    if ns / pieces > TASK_NS:       # k is so long that transposing c costs nothing, but an interrupt would wait for a
                                    # piece
        return multiply_transposed(g, runtime)
    return run_tasks(transposed_task, &w, pieces, ns)


cdef void transpose_b_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Transposed* w = <Transposed*>job
    cdef const Product* g = w.product
    cdef Py_ssize_t column = index * TRANSPOSE_COLUMNS
    transpose_into(w.b + column, g.n, smaller(TRANSPOSE_COLUMNS, g.n - column), g.k,
                   <const real*>g.b + column * g.b_col, g.b_col, g.b_row)


# Of a short k b is small beside c: it is transposed whole, and c's rows are written from end to end.
cdef int transpose_b(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Transposed w
    cdef Product t = g[0]
    cdef int status
    w.job = start_job(runtime)
    w.product = g
    w.b = <real*>runtime.take(g.k * g.n * sizeof(real))
    if w.b == NULL:
        return KERNEL_NO_MEMORY
    t.b = w.b
    t.b_row = g.n
    t.b_col = 1
    status = run_tasks(transpose_b_task, &w, ceil_div(g.n, TRANSPOSE_COLUMNS), duration(g))
    if status == KERNEL_OK:
        status = blocked(&t, ROUTE_ROWS, runtime)
    runtime.give(w.b)
    return status
