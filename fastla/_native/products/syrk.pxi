# The other half of a matrix times its own transpose.

# c's upper triangle from its lower one, MIRROR rows a task: squares of it so that both sides stay in L1, turned in registers where
# they do not touch the diagonal. The longest rows come first.
cdef enum:
    SYMMETRIZE_ROWS = 32


cdef void symmetrize_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Product* g = <const Product*>arg
    cdef real* c = <real*>g.c
    cdef Py_ssize_t row = (ceil_div(g.n, SYMMETRIZE_ROWS) - 1 - index) * SYMMETRIZE_ROWS, end = smaller(row + SYMMETRIZE_ROWS, g.n), column = 0, i, j
    if end - row == SYMMETRIZE_ROWS:
        for column from 0 <= column < row by SQUARE:
            for i from row <= i < end by SQUARE:
                transpose_square(c + column * g.c_row + i, g.c_row, c + i * g.c_row + column, g.c_row)
        column = row
    for i in range(row, end):
        for j in range(column, i):
            c[j * g.c_row + i] = c[i * g.c_row + j]


cdef int symmetrize(const Product* g, double ns, const Runtime* runtime) noexcept nogil:
    return runtime.parallel_for(symmetrize_task, <void*>g, ceil_div(g.n, SYMMETRIZE_ROWS), runtime.threads if ns >= OFFER_NS else 1, worth_waking(ns))
