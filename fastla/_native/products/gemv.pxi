# A row times a matrix whose rows are adjacent: elements of the row wait in registers while rows of b stream past.
# Figures: docs/measurements.md, "One row times a matrix".

cdef enum:
    LONG_ROW = 8192             # bytes of a row of b from which eight are combined at once, not four
    NARROW = 4 * LANES          # elements of a row up to which c waits in registers over the whole of k
    TINY = 4                    # elements of a row up to which vectors do not pay
    PART_BYTES = 256 * 1024     # of b in a part of k, ...
    PART_ROWS = 64              # ... of at least so many rows: each part writes a c of its own, ...
    LONG_PART_ROWS = 512        # ... which costs where rows are long: these are cut into pieces for the threads as well
                                # ...
    PART_MOST_ROWS = 8192       # ... and at most so many: float32 sums
    PIECE_BYTES = 4096          # of a row in a task, at least: each piece of a row must be found by the prefetcher anew
    PIECE = 8192                # columns of a task at most: c's part of them stays in L1

# a[depth] @ b[depth, one vector or its first `part` lanes]. The rows are added up before they are added to c: a float32
# sum of thousands one by one would lose two more bits. depth, ahead and cut are literals at every call, here and below.
cdef inline vec combined(const int depth, const int ahead, const bint cut, Py_ssize_t part, const vec* x, const real* b,
                         Py_ssize_t b_row) noexcept nogil:
    cdef vec sum = zero()
    cdef int i
    for i in range(depth):
        if ahead:
            prefetch(b + i * b_row + ahead)
        sum = sum + x[i] * (load_part(b + i * b_row, part) if cut else load(b + i * b_row))
    return sum


# c[n] (+)= a[depth] @ b[depth, n] but for the last n % LANES elements, which are added to `rest`: a cut vector stored
# and loaded again at every step would wait for itself.
cdef inline vec combine(const int depth, const int ahead, Py_ssize_t n, const real* a, Py_ssize_t a_col, const real* b,
                        Py_ssize_t b_row, real* c, bint add, vec rest) noexcept nogil:
    cdef vec x[8]
    cdef vec sum
    cdef Py_ssize_t j = 0
    cdef int i
    for i in range(depth):
        x[i] = splat(a[i * a_col])
    while j + LANES <= n:
        sum = combined(depth, ahead, False, 0, x, b + j, b_row)
        store(c + j, load(c + j) + sum if add else sum)
        j += LANES
    return rest + combined(depth, 0, True, n - j, x, b + j, b_row) if j < n else rest


# Rows of a few vectors: c stays in registers, in `sums` sums that hide the FMA's latency. The last vector overlaps its
# neighbour, whose elements it computes to the same bits, or is cut if it has none.
cdef inline void combine_narrow(const int nv, const int sums, Py_ssize_t n, Py_ssize_t k, const real* a,
                                Py_ssize_t a_col,
                                const real* b, Py_ssize_t b_row, real* c) noexcept nogil:
    cdef vec acc[4][4]
    cdef vec x
    cdef Py_ssize_t p = 0, last = n - LANES
    cdef int i, j
    for i in range(sums):
        for j in range(nv):
            acc[i][j] = zero()
    while p < k:
        for i in range(sums):
            if p + i < k:
                x = splat(a[(p + i) * a_col])
                for j in range(nv - 1):
                    acc[i][j] = acc[i][j] + x * load(b + (p + i) * b_row + j * LANES)
                acc[i][nv - 1] = acc[i][nv - 1] + x * (load_part(b + (p + i) * b_row, n) if nv == 1 else
                                                       load(b + (p + i) * b_row + last))
        p += sums
    for j in range(nv):
        for i in range(1, sums):
            acc[0][j] = acc[0][j] + acc[i][j]
    for j in range(nv - 1):
        store(c + j * LANES, acc[0][j])
    if nv == 1:
        store_part(c, acc[0][0], n)
    else:
        store(c + last, acc[0][nv - 1])


# Rows of two to four elements, one number at a time.
cdef inline void combine_tiny(const int n, Py_ssize_t k, const real* a, Py_ssize_t a_col, const real* b,
                              Py_ssize_t b_row,
                              real* c) noexcept nogil:
    cdef real sums[4][4]
    cdef Py_ssize_t p = 0
    cdef int i, j
    for i in range(4):
        for j in range(n):
            sums[i][j] = 0
    while p + 4 <= k:
        for i in range(4):
            for j in range(n):
                sums[i][j] = sums[i][j] + a[(p + i) * a_col] * b[(p + i) * b_row + j]
        p += 4
    while p < k:
        for j in range(n):
            sums[0][j] = sums[0][j] + a[p * a_col] * b[p * b_row + j]
        p += 1
    for j in range(n):
        c[j] = (sums[0][j] + sums[1][j]) + (sums[2][j] + sums[3][j])


# Short rows four at a time, long ones eight. What comes from memory is not prefetched: a CPU's own prefetching is
# faster.
cdef void combine_rows(Py_ssize_t row, Py_ssize_t n, Py_ssize_t k, bint cached, const real* a, Py_ssize_t a_col,
                       const real* b,
                       Py_ssize_t b_row, real* c) noexcept nogil:
    cdef Py_ssize_t p = 0, whole = n - n % LANES
    cdef vec rest = zero()
    while k - p >= 8 and not cached:
        rest = combine(8, 0, n, a + p * a_col, a_col, b + p * b_row, b_row, c, p > 0, rest)
        p += 8
    while k - p >= 8 and row * <Py_ssize_t>sizeof(real) >= LONG_ROW:
        rest = combine(8, 1024 // <int>sizeof(real), n, a + p * a_col, a_col, b + p * b_row, b_row, c, p > 0, rest)
        p += 8
    while k - p >= 4:
        rest = combine(4, 512 // <int>sizeof(real), n, a + p * a_col, a_col, b + p * b_row, b_row, c, p > 0, rest)
        p += 4
    while p < k:
        rest = combine(1, 0, n, a + p * a_col, a_col, b + p * b_row, b_row, c, p > 0, rest)
        p += 1
    if whole < n:
        store_part(c + whole, rest, n - whole)


# c[n] = a[k] @ b[k, n]; `row` is the length of b's whole rows, not of the task's piece: the bits must not tell. Up to
# NARROW there is but one piece.
cdef void row_piece(Py_ssize_t row, Py_ssize_t n, Py_ssize_t k, bint cached, const real* a, Py_ssize_t a_col,
                    const real* b,
                    Py_ssize_t b_row, real* c) noexcept nogil:
    if row > NARROW:
        combine_rows(row, n, k, cached, a, a_col, b, b_row, c)
    elif row > 3 * LANES:
        combine_narrow(4, 2, n, k, a, a_col, b, b_row, c)
    elif row > 2 * LANES:
        combine_narrow(3, 2, n, k, a, a_col, b, b_row, c)
    elif row > LANES:
        combine_narrow(2, 4, n, k, a, a_col, b, b_row, c)
    elif row > TINY:
        combine_narrow(1, 4, n, k, a, a_col, b, b_row, c)
    elif row == 4:
        combine_tiny(4, k, a, a_col, b, b_row, c)
    elif row == 3:
        combine_tiny(3, k, a, a_col, b, b_row, c)
    else:
        combine_tiny(2, k, a, a_col, b, b_row, c)


cdef struct Gemv:
    Job job
    const Product* product
    real* sums                  # of the parts of k but the first, whose sums are c itself
    Py_ssize_t parts, depth, stride
    Py_ssize_t pieces, columns
    bint cached                 # b may be in L3


cdef void gemv_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef Gemv* w = <Gemv*>job
    cdef const Product* g = w.product
    cdef Py_ssize_t part = index // w.pieces, p = part * w.depth, column = index % w.pieces * w.columns
    row_piece(g.n, smaller(w.columns, g.n - column), smaller(w.depth, g.k - p), w.cached,
              <const real*>g.a + p * g.a_col, g.a_col,
              <const real*>g.b + p * g.b_row + column, g.b_row,
              column + (<real*>g.c if part == 0 else w.sums + (part - 1) * w.stride))


# c = a[k] @ b[k, n] in parts of k whose bounds depend on the shape alone, their sums added in order: the bits do not
# depend on the threads, of which pieces of columns make as many as are wanted. A part's pieces are taken one after the
# other: the threads read the same rows.
cdef int gemv(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Gemv w
    cdef Py_ssize_t row = g.n * <Py_ssize_t>sizeof(real), most = ceil_div(row * g.k, PART_BYTES)
    cdef Py_ssize_t least = LONG_PART_ROWS if row >= 2 * PIECE_BYTES else PART_ROWS
    cdef int status
    w.job = start_job(runtime)
    w.product = g
    w.pieces = larger(ceil_div(g.n, PIECE), smaller(runtime.threads, row // PIECE_BYTES))
    w.columns = ceil_div(ceil_div(g.n, larger(w.pieces, 1)), LINE) * LINE
    w.pieces = ceil_div(g.n, w.columns)
    w.parts = larger(smaller(most, g.k // least), ceil_div(g.k, PART_MOST_ROWS))
    w.depth = ceil_div(ceil_div(g.k, larger(w.parts, 1)), 8) * 8
    w.parts = ceil_div(g.k, w.depth)
    w.stride = line_stride(g.n, sizeof(real))
    w.sums = NULL
    w.cached = row * g.k <= CACHED_BYTES
    if w.parts > 1:
        w.sums = <real*>runtime.take((w.parts - 1) * w.stride * sizeof(real))
        if w.sums == NULL:
            return KERNEL_NO_MEMORY
    status = run_tasks(gemv_task, &w, w.parts * w.pieces, duration(g))
    if status == KERNEL_OK:
        sum_parts(1, g.n, w.parts - 1, w.sums, w.stride, <real*>g.c, 0, True)
        status = finish(g, 0, 1, 0, g.n)
    if w.sums != NULL:
        runtime.give(w.sums)
    return status
