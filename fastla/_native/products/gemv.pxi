# A row times a matrix whose rows are adjacent: elements of the row wait in registers while rows of b stream past. A tile of one row
# spends twice the instructions on the same bytes: 65 GB/s where this reaches 90 (16 MB, one thread).

cdef enum:
    LONG_ROW = 8192             # bytes of a row of b from which eight are combined at once, not four (4096: 3 % slower between the two)
    NARROW = 4 * LANES          # elements of a row up to which c waits in registers over the whole of k
    TINY = 4                    # elements of a row up to which vectors do not pay
    PART_BYTES = 256 * 1024     # of b in a part of k, ...
    PART_ROWS = 64              # ... of at least so many rows: each part writes a c of its own, ...
    LONG_PART_ROWS = 512        # ... which costs where rows are long: these are cut into pieces for the threads as well ...
    PART_MOST_ROWS = 8192       # ... and at most so many: float32 sums
    PIECE_BYTES = 4096          # of a row in a task, at least: each piece of a row must be found by the prefetcher anew
    PIECE = 8192                # columns of a task at most: c's part of them stays in L1
    CACHED_BYTES = 32 << 20     # of b: from here on it comes from memory, which a CPU's own prefetching reads faster

# a[depth] @ b[depth, one vector or its first `part` lanes]. The rows are added up before they are added to c: a float32 sum of thousands one
# by one would lose two more bits. depth, ahead and cut are literals at every call, here and below.
cdef inline vec combined(const int depth, const int ahead, const bint cut, Py_ssize_t part, const vec* x, const real* b,
                         Py_ssize_t b_row) noexcept nogil:
    cdef vec sum = zero()
    cdef int i
    for i in range(depth):
        if ahead:
            prefetch(b + i * b_row + ahead)
        sum = sum + x[i] * (load_part(b + i * b_row, part) if cut else load(b + i * b_row))
    return sum


# c[n] (+)= a[depth] @ b[depth, n] but for the last n % LANES elements, which are added to `rest`: a cut vector stored and loaded
# again at every step would wait for itself.
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


# Rows of a few vectors: c stays in registers, in `sums` sums that hide the FMA's latency. The last vector overlaps its neighbour, whose
# elements it computes to the same bits, or is cut if it has none.
cdef inline void combine_narrow(const int nv, const int sums, Py_ssize_t n, Py_ssize_t k, const real* a, Py_ssize_t a_col,
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
cdef inline void combine_tiny(const int n, Py_ssize_t k, const real* a, Py_ssize_t a_col, const real* b, Py_ssize_t b_row,
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


# Short rows four at a time, long ones eight. GB/s, one thread, rows of 640, 1296, 3 224 and 16 000 bytes: 4 107, 106, 111, 80; 8 94, 96, 106, 93; without
# prefetching 4 99, 97, 101, 73; 8 94, 94, 111, 82; prefetching the next 8 rows instead 104, 102, 106, 77. Eight rows are prefetched
# 1 KiB ahead: 64 MB take 1.44 ms so, 1.56 with 256 bytes and 1.45 with 2 KiB. (All that on a Zen 5. From memory a Zen 4 reads
# 64 MB with one thread and two at 22 and 39 GB/s so, at 27 and 44 without prefetching.)
cdef void combine_rows(Py_ssize_t row, Py_ssize_t n, Py_ssize_t k, bint cached, const real* a, Py_ssize_t a_col, const real* b,
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


# c[n] = a[k] @ b[k, n]; `row` is the length of b's whole rows, not of the task's piece: the bits must not tell. Up to NARROW there is
# but one piece.
cdef void row_piece(Py_ssize_t row, Py_ssize_t n, Py_ssize_t k, bint cached, const real* a, Py_ssize_t a_col, const real* b,
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


cdef struct RowTimes:
    const Product* product
    real* sums                  # of the parts of k: the first is c itself, the others lie `stride` apart
    Py_ssize_t parts, depth, stride
    Py_ssize_t pieces, columns
    bint cached                 # b may be in L3


cdef void row_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef RowTimes* job = <RowTimes*>arg
    cdef const Product* g = job.product
    cdef Py_ssize_t part = index // job.pieces, p = part * job.depth, column = index % job.pieces * job.columns
    row_piece(g.n, smaller(job.columns, g.n - column), smaller(job.depth, g.k - p), job.cached, <const real*>g.a + p * g.a_col, g.a_col,
              <const real*>g.b + p * g.b_row + column, g.b_row,
              column + (<real*>g.c if part == 0 else job.sums + (part - 1) * job.stride))


# c = a[k] @ b[k, n] in parts of k whose bounds depend on the shape alone, their sums added in order: the bits do not depend on the threads,
# of which pieces of columns make as many as are wanted. A part's pieces are taken one after the other: the threads read the same rows.
# Parts of 64 long rows took 320 us of 24 MB that take 220 so (256: 250; adding up the sums is the caller's alone), half rows of 7000 x 333
# 46 instead of 79.
cdef int row_times(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef RowTimes job
    cdef Py_ssize_t part, j, row = g.n * <Py_ssize_t>sizeof(real), most = ceil_div(row * g.k, PART_BYTES)
    cdef Py_ssize_t least = LONG_PART_ROWS if row >= 2 * PIECE_BYTES else PART_ROWS
    cdef real* c = <real*>g.c
    cdef const real* sum
    cdef double ns = duration(g)
    cdef int status
    job.product = g
    job.pieces = larger(ceil_div(g.n, PIECE), smaller(runtime.threads, row // PIECE_BYTES))
    job.columns = ceil_div(ceil_div(g.n, larger(job.pieces, 1)), LINE) * LINE
    job.pieces = ceil_div(g.n, job.columns)
    job.parts = larger(smaller(most, g.k // least), ceil_div(g.k, PART_MOST_ROWS))
    job.depth = ceil_div(ceil_div(g.k, larger(job.parts, 1)), 8) * 8
    job.parts = ceil_div(g.k, job.depth)
    job.stride = ceil_div(row, LINE) * (LINE // <Py_ssize_t>sizeof(real))    # no line has two writers
    job.sums = NULL
    job.cached = row * g.k <= CACHED_BYTES
    if job.parts > 1:
        job.sums = <real*>runtime.take((job.parts - 1) * job.stride * sizeof(real))
        if job.sums == NULL:
            return KERNEL_NO_MEMORY
    status = runtime.parallel_for(row_task, &job, job.parts * job.pieces, runtime.threads if ns >= OFFER_NS else 1,
                                  worth_waking(ns))
    for part in range(job.parts - 1 if status == KERNEL_OK else 0):
        sum = job.sums + part * job.stride
        for j in range(g.n):
            c[j] = c[j] + sum[j]
    if job.sums != NULL:
        runtime.give(job.sums)
    return status
