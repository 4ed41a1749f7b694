# Raw rows that lie across: numbers of one row far apart, those of neighbouring rows side by side, as in Fortran order.
# Row by row each number would come from a cache line of its own; instead columns are read from end to end, a strip of
# them at a time, which is then transposed in L1: docs/measurements.md, "Corpora that lie across".

cdef enum:
    STRIP_COLUMNS = 16      # a line of each row that is written
    STRIP_ROWS = 192
    STRIP_AHEAD = 8         # columns ahead of which numbers are asked for: each lies in pages of its own
    SPAN = 512              # rows from the first to the last that are chosen, up to which all of them are read


cdef inline bint lie_across(const Rows* rows) noexcept nogil:
    cdef Py_ssize_t row = -rows.row if rows.row < 0 else rows.row
    return rows.d > 1 and row < (-rows.column if rows.column < 0 else rows.column)


# Some rows' numbers in a column: those from the first on or, where ids is not NULL, those of ids.
cdef void read_column(output* to, const Rows* rows, Py_ssize_t column, const Py_ssize_t* ids, Py_ssize_t first,
                      Py_ssize_t count) noexcept nogil:
    cdef const char* source = rows.data + column * rows.column
    cdef output span[SPAN]
    cdef Py_ssize_t i
    if ids == NULL:
        if column + STRIP_AHEAD < rows.d and rows.row == sizeof(real):
            for i from 0 <= i < count by LINE // <Py_ssize_t>sizeof(real):
                prefetch(source + STRIP_AHEAD * rows.column + (first + i) * rows.row)
        read_row(to, source + first * rows.row, rows.row, count, rows.type)
    elif ids[count - 1] - ids[0] < SPAN:
        read_row(span, source + ids[0] * rows.row, rows.row, ids[count - 1] - ids[0] + 1, rows.type)
        for i in range(count):
            to[i] = span[ids[i] - ids[0]]
    else:
        for i in range(count):
            read_row(to + i, source + ids[i] * rows.row, 0, 1, rows.type)


# The rows [count][d], those from the first on or those of ids, which rise.
cdef void read_across(real* to, const Rows* rows, const Py_ssize_t* ids, Py_ssize_t first,
                      Py_ssize_t count) noexcept nogil:
    cdef real strip[STRIP_COLUMNS * STRIP_ROWS]
    cdef Py_ssize_t row, n, p, columns, j
    for row from 0 <= row < count by STRIP_ROWS:
        n = smaller(STRIP_ROWS, count - row)
        for p from 0 <= p < rows.d by STRIP_COLUMNS:
            columns = smaller(STRIP_COLUMNS, rows.d - p)
            for j in range(columns):
                read_column(<output*>strip + j * STRIP_ROWS, rows, p + j, ids + row if ids != NULL else NULL,
                            first + row, n)
            transpose_into(to + row * rows.d + p, rows.d, columns, n, strip, STRIP_ROWS, 1)


# The same of a few queries, in float64.
cdef void read_doubles_across(double* to, const Rows* rows, Py_ssize_t first, Py_ssize_t count) noexcept nogil:
    cdef double strip[STRIP_COLUMNS * BLOCK_ROWS]
    cdef Py_ssize_t row, n, p, columns, i, j
    for row from 0 <= row < count by BLOCK_ROWS:
        n = smaller(BLOCK_ROWS, count - row)
        for p from 0 <= p < rows.d by STRIP_COLUMNS:
            columns = smaller(STRIP_COLUMNS, rows.d - p)
            for j in range(columns):
                read_doubles(strip + j * BLOCK_ROWS, rows.data + (p + j) * rows.column + (first + row) * rows.row,
                             rows.row, n, rows.type)
            for i in range(n):
                for j in range(columns):
                    to[(row + i) * rows.d + p + j] = strip[j * BLOCK_ROWS + i]
