# Dot products along k, where both operands are adjacent along it: tiles of up to four rows against four.

# Elements of k after which a sum is added to c: keeps y's chunk in L1, and long float32 sums accurate.
cdef enum:
    DOT_CHUNK = 2048

cdef extern from *:
    """
    enum { DOT_COLUMNS = VECTOR_BYTES == 64 ? 4 : 3 };      /* of a tile: 32 registers, or 16 */
    """
    enum:
        DOT_COLUMNS


# c[rows, cols] (+)= x[rows, k] . y[cols, k]; unroll accumulators an element hide the FMA's latency where the
# elements are too few. rows, cols and unroll are literals at every call.
cdef inline void dot_tile(const int rows, const int cols, const int unroll, const int ahead, Py_ssize_t k,
                          const real* x, Py_ssize_t x_row, const real* y, Py_ssize_t y_row,
                          real* c, Py_ssize_t c_row, Py_ssize_t c_col, bint add) noexcept nogil:
    cdef vec acc[8][4]
    cdef vec y_vec[4]
    cdef vec x_vec
    cdef int i, j, u
    cdef Py_ssize_t p = 0, whole = k - k % (unroll * LANES)
    cdef real sums[4]
    for i in range(rows * unroll):
        for j in range(cols):
            acc[i][j] = zero()
    while p < whole:
        for u in range(unroll):
            for j in range(cols):
                y_vec[j] = load(y + j * y_row + p)
            for i in range(rows):
                if ahead:
                    prefetch(x + i * x_row + p + ahead)
                x_vec = held(load(x + i * x_row + p)) if cols > 1 else load(x + i * x_row + p)
                for j in range(cols):
                    acc[i * unroll + u][j] = acc[i * unroll + u][j] + x_vec * y_vec[j]
            p += LANES
    while unroll > 1 and p + LANES <= k:
        for i in range(rows):
            for j in range(cols):
                acc[i * unroll][j] = acc[i * unroll][j] + load(x + i * x_row + p) * load(y + j * y_row + p)
        p += LANES
    if p < k:
        for j in range(cols):
            y_vec[j] = load_zero(y + j * y_row + p, k - p)
        for i in range(rows):
            x_vec = load_zero(x + i * x_row + p, k - p)
            for j in range(cols):
                acc[i * unroll][j] = acc[i * unroll][j] + x_vec * y_vec[j]
    for i in range(rows):
        for j in range(cols):
            for u in range(1, unroll):
                acc[i * unroll][j] = acc[i * unroll][j] + acc[i * unroll + u][j]
    if rows == 4:
        for j in range(cols):
            reduce_add_4(acc[0][j], acc[unroll][j], acc[2 * unroll][j], acc[3 * unroll][j], sums)
            for i in range(rows):
                c[i * c_row + j * c_col] = c[i * c_row + j * c_col] + sums[i] if add else sums[i]
        return
    for i in range(rows):
        if cols == 4:
            reduce_add_4(acc[i * unroll][0], acc[i * unroll][1], acc[i * unroll][2], acc[i * unroll][3], sums)
        for j in range(cols):
            if cols != 4:
                sums[j] = reduce_add(acc[i * unroll][j])
            c[i * c_row + j * c_col] = c[i * c_row + j * c_col] + sums[j] if add else sums[j]


# As many rows against all columns: by fours where registers hold so many sums, else by threes and twos, 4 as 2 + 2 (a
# lone column has too few accumulators).
cdef inline void dot_rows(const int rows, Py_ssize_t n, Py_ssize_t k, const real* x, Py_ssize_t x_row,
                          const real* y, Py_ssize_t y_row, real* c, Py_ssize_t c_row, Py_ssize_t c_col,
                          bint add) noexcept nogil:
    cdef Py_ssize_t j = 0
    while <int>DOT_COLUMNS == 4 and n - j >= 4 and n - j != 5:
        dot_tile(rows, 4, 1, 0, k, x, x_row, y + j * y_row, y_row, c + j * c_col, c_row, c_col, add)
        j += 4
    while n - j == 3 or n - j > 4:
        dot_tile(rows, 3, 1, 0, k, x, x_row, y + j * y_row, y_row, c + j * c_col, c_row, c_col, add)
        j += 3
    while n - j >= 2:
        dot_tile(rows, 2, 1, 0, k, x, x_row, y + j * y_row, y_row, c + j * c_col, c_row, c_col, add)
        j += 2
    if j < n:
        dot_tile(rows, 1, 1, 0, k, x, x_row, y + j * y_row, y_row, c + j * c_col, c_row, c_col, add)


# c[m, n] (+)= x[m, k] . y[n, k] for k up to DOT_CHUNK; m is the large side.
cdef inline void dot_block(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, const real* x, Py_ssize_t x_row,
                           const real* y, Py_ssize_t y_row, real* c, Py_ssize_t c_row, Py_ssize_t c_col,
                           bint add) noexcept nogil:
    cdef Py_ssize_t i = 0
    while m - i >= 4:
        dot_rows(4, n, k, x + i * x_row, x_row, y, y_row, c + i * c_row, c_row, c_col, add)
        i += 4
    if m - i >= 2:
        dot_rows(2, n, k, x + i * x_row, x_row, y, y_row, c + i * c_row, c_row, c_col, add)
        i += 2
    if i < m:
        dot_rows(1, n, k, x + i * x_row, x_row, y, y_row, c + i * c_row, c_row, c_col, add)
