# Sums of a block of vectors, from wherever they lie.

# What a task works in.
cdef struct RowsSpace:
    char* block
    real* sums              # [sums][room]
    real* fresh             # the same: of the rows since the last that were added to sums
    real* again             # the same, of scaled vectors
    real* scales            # [2][room]
    real* results           # [room]
    real* x_tile            # TILE_NUMBERS each
    real* y_tile


cdef Py_ssize_t lay_rows_space(const Reducer* w, RowsSpace* s, char* block) noexcept nogil:
    cdef char* at = block
    cdef Py_ssize_t bytes = w.room * sizeof(real)
    cdef bint packs = w.layout == LAYOUT_PACK_ALONG or w.layout == LAYOUT_PACK_ACROSS
    s.block = block
    s.sums = <real*>carve(&at, w.sums * bytes)
    s.fresh = <real*>carve(&at, w.sums * bytes)
    s.again = <real*>carve(&at, w.sums * bytes)
    s.scales = <real*>carve(&at, 2 * bytes)
    s.results = <real*>carve(&at, bytes)
    s.x_tile = s.y_tile = NULL
    if packs or w.r.result == REDUCE_NORMALIZE:
        s.x_tile = <real*>carve(&at, TILE_NUMBERS * sizeof(real))
    if packs and pair(w.r):
        s.y_tile = <real*>carve(&at, TILE_NUMBERS * sizeof(real))
    return at - block


# to[i * to_row + j] = source[i * row + j * column]
cdef void gather(real* to, Py_ssize_t to_row, Py_ssize_t rows, Py_ssize_t columns, const real* source, Py_ssize_t row,
                 Py_ssize_t column) noexcept nogil:
    cdef Py_ssize_t i, j
    if row == 1 and column != 1:
        transpose_into(to, to_row, columns, rows, source, column, 1)
        return
    for i in range(rows):
        if column == 1:
            for j in range(columns):
                to[i * to_row + j] = source[i * row + j]
        elif column == 2:
            for j in range(columns):
                to[i * to_row + j] = source[i * row + 2 * j]
        else:
            for j in range(columns):
                to[i * to_row + j] = source[i * row + j * column]


cdef void sum_rows(const Reducer* w, Py_ssize_t columns, Py_ssize_t n, const real* x, Py_ssize_t x_stride,
                   const real* y, Py_ssize_t y_stride, const real* scales, real* sums, bint add) noexcept nogil:
    if pair(w.r):
        reduce_pairs_across(columns, n, x, x_stride, y, y_stride, scales, sums, w.room, add)
    else:
        reduce_across(w.r.order, w.r.power, columns, n, x, x_stride, scales, sums, add)


# sums[j] of every column joined with those that follow, for j < count.
cdef void join_sums(const Reducer* w, Py_ssize_t count, real* sums, const real* more) noexcept nogil:
    cdef Py_ssize_t j
    cdef int s
    for s in range(w.sums):
        for j in range(count):
            sums[s * w.room + j] = <real>join_numbers(w.r.order, sums[s * w.room + j], more[s * w.room + j])


# Rows of the block's columns, where they lie. Narrow rows that follow each other are read as fewer, wider ones, whose
# sums are then folded.
cdef void sum_across(const Reducer* w, RowsSpace* s, Py_ssize_t columns, Py_ssize_t n, const real* x, const real* y,
                     const real* scales, real* sums) noexcept nogil:
    cdef Py_ssize_t k = 1 if scales != NULL or n < 2 * w.widened else w.widened, rows = n // k, p, i, c
    cdef Py_ssize_t x_stride = k * w.r.x_stride, y_stride = k * w.r.y_stride, wide = k * columns
    cdef int t
    for p from 0 <= p < rows by SUM_ROWS:
        sum_rows(w, wide, smaller(SUM_ROWS, rows - p), x + p * x_stride, x_stride, y + p * y_stride, y_stride, scales,
                 s.fresh if p else sums, False)
        if p:
            join_sums(w, wide, sums, s.fresh)
    if k * rows < n:
        sum_rows(w, (n - k * rows) * columns, 1, x + rows * x_stride, 0, y + rows * y_stride, 0, NULL, s.fresh, False)
        join_sums(w, (n - k * rows) * columns, sums, s.fresh)
    for t in range(w.sums if k > 1 else 0):
        for i in range(1, k):
            for c in range(columns):
                sums[t * w.room + c] = <real>join_numbers(w.r.order, sums[t * w.room + c],
                                                          sums[t * w.room + i * columns + c])


# The same by way of tiles, over as many runs as the block has.
cdef void sum_tiles_across(const Reducer* w, RowsSpace* s, Py_ssize_t first, Py_ssize_t count, Py_ssize_t from_number,
                           Py_ssize_t n, const real* scales, real* sums) noexcept nogil:
    cdef const Reduction* r = w.r
    cdef int last = w.batch.dims - 1
    cdef Py_ssize_t p, rows, done, run
    cdef Cursor c
    for p from 0 <= p < n by w.depth:
        rows = smaller(w.depth, n - p)
        start_cursor(&c, w.batch, first)
        done = 0
        while done < count:
            run = smaller(count - done, run_of(&c))
            gather(s.x_tile + done, w.room, rows, run, <const real*>r.x + c.at[0] + (from_number + p) * r.x_stride,
                   r.x_stride, w.batch.strides[0][last])
            if pair(r):
                gather(s.y_tile + done, w.room, rows, run, <const real*>r.y + c.at[1] + (from_number + p) * r.y_stride,
                       r.y_stride, w.batch.strides[1][last])
            advance(&c, run)
            done += run
        sum_rows(w, count, rows, s.x_tile, w.room, s.y_tile, w.room, scales, sums if p < SUM_ROWS else s.fresh,
                 p % SUM_ROWS > 0)
        if p >= SUM_ROWS and ((p + rows) % SUM_ROWS == 0 or p + rows == n):
            join_sums(w, count, sums, s.fresh)


# Vectors of one run, each from end to end; by way of tiles where an operand's numbers are not adjacent.
cdef void sum_run_along(const Reducer* w, RowsSpace* s, Py_ssize_t count, Py_ssize_t n, const real* x, const real* y,
                        const real* scales, real* sums) noexcept nogil:
    cdef const Reduction* r = w.r
    cdef int last = w.batch.dims - 1
    cdef Py_ssize_t x_next = w.batch.strides[0][last], y_next = w.batch.strides[1][last], p, depth = n
    cdef Py_ssize_t tile_x_next = x_next, tile_y_next = y_next, numbers
    cdef const real* tile_x
    cdef const real* tile_y
    if w.layout == LAYOUT_PACK_ALONG:
        depth = w.depth
    for p from 0 <= p < n by depth:
        numbers = smaller(depth, n - p)
        tile_x = x + p * r.x_stride
        tile_y = y + p * r.y_stride
        if r.x_stride != 1:
            gather(s.x_tile, w.depth, count, numbers, tile_x, x_next, r.x_stride)
            tile_x = s.x_tile
            tile_x_next = w.depth
        if pair(r) and r.y_stride != 1:
            gather(s.y_tile, w.depth, count, numbers, tile_y, y_next, r.y_stride)
            tile_y = s.y_tile
            tile_y_next = w.depth
        if pair(r):
            reduce_pairs_along(count, numbers, tile_x, tile_x_next, tile_y, tile_y_next, scales, sums, w.room, p > 0)
        else:
            reduce_along(r.order, r.power, count, numbers, tile_x, tile_x_next, scales, sums, p > 0)


# sums (or three arrays of them) of the numbers from_number to from_number + n of `count` vectors. With scales those
# whose scale is not 1 are summed again, times their scales; the sums of others are then of no use.
cdef void sum_block(const Reducer* w, RowsSpace* s, Py_ssize_t first, Py_ssize_t count, Py_ssize_t from_number,
                    Py_ssize_t n, const real* scales, real* sums) noexcept nogil:
    cdef const Reduction* r = w.r
    cdef Py_ssize_t done = 0, run
    cdef Cursor c
    cdef const real* x
    cdef const real* y
    if w.layout == LAYOUT_PACK_ACROSS:
        sum_tiles_across(w, s, first, count, from_number, n, scales, sums)
        return
    start_cursor(&c, w.batch, first)
    while done < count:
        run = smaller(count - done, run_of(&c))
        x = <const real*>r.x + c.at[0] + from_number * r.x_stride
        y = <const real*>r.y + c.at[1] + from_number * r.y_stride if pair(r) else x
        if w.layout == LAYOUT_ACROSS:
            sum_across(w, s, run, n, x, y, scales, sums)
        else:
            sum_run_along(w, s, run, n, x, y, scales + done if scales != NULL else NULL, sums + done)
        advance(&c, run)
        done += run
