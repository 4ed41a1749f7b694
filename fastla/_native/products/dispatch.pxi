# The choice of a path for one product, and stacks of products. It looks at shape and strides only, so equal products
# have equal bits wherever they stand and however many threads there are.

cdef enum Path:
    IN_PLACE        # tile by tile, b read where it lies
    PACKED          # tile by tile, b packed
    DOTS            # few columns, a adjacent along k
    TRANSPOSED      # better as c.T = b.T @ a.T


cdef Product transposed_product(const Product* g, real* c) noexcept nogil:
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
    t.c_row = g.m
    t.syrk = False
    return t


# Along k a dot product fills its vectors, but ends in DOT_SUM operations that add up the lanes. Its rival, where it may read
# b in place, has `columns` of LANES lanes full; where not, it must first turn the large operand, at PACK_COST an element. A lone column
# is always better off (k from 2 on, m from 80 to 2600: 1.2 to 5 times as fast).
cdef inline bint dots_pay(Py_ssize_t columns, Py_ssize_t k, bint rival_in_place) noexcept nogil:
    if columns == 1:
        return k > 1
    if rival_in_place:
        return k * (LANES - columns) > DOT_SUM * columns * LANES
    return k >= LANES and k * PACK_COST > columns * DOT_SUM


# Of a long k, where both operands are adjacent along it, dot products need no packing. That is worth more than the L2 they
# wait for where c is small, or where few rows meet a large b (measured: 12 x 12 to 128 x 128, 10 x 3000, k 128 to 3500).
cdef bint long_dots_pay(const Product* g) noexcept nogil:
    cdef Py_ssize_t side = larger(g.m, g.n)
    if g.k < 8 * LANES:
        return False
    if side <= DOT_SIDE and (g.syrk or g.k >= 32 * LANES):
        return True
    return g.m <= DOT_ROWS and (g.n <= DOT_ROWS or g.n > g.m and not g.syrk)


cdef Path choose(const Product* g) noexcept nogil:
    cdef bint adjacent = g.b_col == 1       # b's columns
    cdef Py_ssize_t side = smaller(g.m, g.n)
    if g.a_col == 1 and g.b_row == 1 and not adjacent and long_dots_pay(g):
        return DOTS if g.m >= g.n else TRANSPOSED
    if not g.syrk:
        if g.n <= DOT_COLUMNS and g.a_col == 1 and (g.n <= g.m or not adjacent) and dots_pay(g.n, g.k, adjacent):
            return DOTS
        if g.m <= DOT_COLUMNS and g.b_row == 1 and not adjacent and dots_pay(g.m, g.k, False):
            return TRANSPOSED
    if g.a_row == 1 and (g.m >= 2 * LANES or g.n == 1 and g.m > 1) and \
            (g.n < LANES or g.n <= SKINNY and g.m > g.n and g.k >= TRANSPOSE_DEPTH and not g.syrk):
        return TRANSPOSED       # a.T is read where it lies; m > n, so that the transposed product is not turned back
    if g.a_row == 1 and g.b_row == 1 and not adjacent and g.m > 1 and side <= TRANSPOSE_SIDE and \
            (g.k > SHALLOW or g.k >= (PACK_A_DEPTH if g.m < g.n else side)):
        return TRANSPOSED       # where both operands would have to be turned neither has to
    if adjacent and (g.m <= SKINNY or g.k <= SHALLOW or 1.0 * g.n * g.k <= IN_PLACE_ELEMENTS):
        return IN_PLACE
    return PACKED


# c.T, which is turned into c.
cdef int compute_transposed(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef real* c_transposed = <real*>runtime.take(g.m * g.n * sizeof(real))
    cdef Product t
    cdef int status
    if c_transposed == NULL:
        return KERNEL_NO_MEMORY
    t = transposed_product(g, c_transposed)
    status = one(&t, runtime)
    if status == KERNEL_OK:
        transpose(<real*>g.c, g.c_row, c_transposed, g.m, g.n)
    runtime.give(c_transposed)
    return status


# Pieces of it that stay in L2 until they are turned, along c's long side; at least eight, for the threads.
cdef inline Py_ssize_t transposed_piece(const Product* g) noexcept nogil:
    return NR * smaller(TRANSPOSE_PIECE // NR, ceil_div(ceil_div(larger(g.m, g.n), 8), NR))


cdef struct Transposed:
    const Product* product
    const Runtime* runtime
    int error


cdef void transposed_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Transposed* job = <Transposed*>arg
    cdef Product piece = job.product[0]
    cdef Runtime alone = job.runtime[0]
    cdef Py_ssize_t length = transposed_piece(job.product), first = index * length
    cdef int status
    alone.threads = 1
    if piece.m >= piece.n:
        piece.a = <const real*>piece.a + first * piece.a_row
        piece.c = <real*>piece.c + first * piece.c_row
        piece.m = smaller(length, piece.m - first)
    else:
        piece.b = <const real*>piece.b + first * piece.b_col
        piece.c = <real*>piece.c + first
        piece.n = smaller(length, piece.n - first)
    status = compute_transposed(&piece, &alone)
    if status != KERNEL_OK:
        job.error = status


cdef int transposed(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Transposed job
    cdef Product t
    cdef double ns = duration(g)
    cdef Py_ssize_t pieces = ceil_div(larger(g.m, g.n), transposed_piece(g))
    cdef int status
    if g.n == 1 and g.c_row == 1 or g.m == 1:       # c.T lies as c does
        t = transposed_product(g, <real*>g.c)
        if g.m == 1:
            t.c_row = 1
        return one(&t, runtime)
    if ns / pieces > TASK_NS:       # k is so long that turning c costs nothing, but an interrupt would wait for a piece
        return compute_transposed(g, runtime)
    job.product = g
    job.runtime = runtime
    job.error = KERNEL_OK
    status = runtime.parallel_for(transposed_task, &job, pieces, runtime.threads if ns >= OFFER_NS else 1, worth_waking(ns))
    return status if status != KERNEL_OK else job.error


cdef int unsplit(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Path path
    cdef Product whole
    if g.m == 1 and g.n == 1:
        lone_dot(g)
        return KERNEL_OK
    if g.syrk and g.k <= OWN_DEPTH:    # every element is summed in the same order: it is symmetric anyway
        whole = g[0]
        whole.syrk = False
        return unsplit(&whole, runtime)
    path = choose(g)
    if path == DOTS:
        return dots(g, runtime)
    if path == TRANSPOSED:
        return transposed(g, runtime)
    if path == PACKED and g.k <= SHALLOW and g.n >= 2 * NR and not g.syrk and g.b_col != 1:
        return transpose_b(g, runtime)
    return gemm(g, path == PACKED, runtime)


# --- long k ---------------------------------------------------------------------------------------------------------
cdef struct SplitK:
    const Product* product
    const Runtime* runtime
    real* parts
    Py_ssize_t part         # elements of one of them: whole cache lines, lest two threads write to the same
    Py_ssize_t chunk
    int error


cdef void split_k_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef SplitK* job = <SplitK*>arg
    cdef Product part = job.product[0]
    cdef Runtime alone = job.runtime[0]
    cdef Py_ssize_t p = index * job.chunk
    cdef int status
    alone.threads = 1
    part.a = <const real*>part.a + p * part.a_col
    part.b = <const real*>part.b + p * part.b_row
    part.k = smaller(job.chunk, part.k - p)
    part.c = job.parts + index * job.part
    part.c_row = part.n
    status = unsplit(&part, &alone)
    if status != KERNEL_OK:
        job.error = status


# k in chunks whose bounds depend on the shape alone, their products added in order: the bits do not depend on the threads.
cdef int split_k(const Product* g, Py_ssize_t chunk, const Runtime* runtime) noexcept nogil:
    cdef SplitK job
    cdef Py_ssize_t count = ceil_div(g.k, chunk), i, j, s
    cdef real* c
    cdef const real* part
    job.product = g
    job.runtime = runtime
    job.chunk = chunk
    job.error = KERNEL_OK
    job.part = ceil_div(g.m * g.n * <Py_ssize_t>sizeof(real), LINE) * (LINE // <Py_ssize_t>sizeof(real))
    job.parts = <real*>runtime.take(count * job.part * sizeof(real))
    if job.parts == NULL:
        return KERNEL_NO_MEMORY
    cdef int status = runtime.parallel_for(split_k_task, &job, count, runtime.threads, worth_waking(duration(g)))
    if status == KERNEL_OK:
        status = job.error
    for i in range(g.m if status == KERNEL_OK else 0):
        c = <real*>g.c + i * g.c_row
        for s in range(count):
            part = job.parts + s * job.part + i * g.n
            for j in range(g.n):
                c[j] = c[j] + part[j] if s else part[j]
    runtime.give(job.parts)
    return status


# The depth of a part; k or more: it is not split.
cdef Py_ssize_t split_depth(const Product* g) noexcept nogil:
    # A column of dot products has its rows to divide among threads, if there are enough of them.
    if g.k < 2 * SPLIT_K or g.m * g.n > (SPLIT_COLUMN if g.n == 1 and g.a_col == 1 or g.m == 1 else SPLIT_ELEMENTS):
        return g.k
    return ceil_div(ceil_div(g.k, smaller(g.k // SPLIT_K, SPLIT_PARTS)), 8) * 8


cdef int one(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Py_ssize_t chunk
    if g.m == 1 and g.n > 1 and g.b_col == 1:
        return row_times(g, runtime)
    chunk = split_depth(g)
    return split_k(g, chunk, runtime) if chunk < g.k else unsplit(g, runtime)
