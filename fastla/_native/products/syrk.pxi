# A matrix times its own transpose: the blocked and inner routes compute one triangle of c, and the other is copied from
# it.

cdef enum:
    SYMMETRIZE_ROWS = 32        # of c in a task: squares of which both sides stay in L1


cdef struct Symmetrize:
    Job job
    const Product* product


# c's upper triangle from its lower one, squares transposed in registers where they do not touch the diagonal. The
# longest rows come first.
cdef void symmetrize_task(void* job, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Product* g = (<Symmetrize*>job).product
    cdef real* c = <real*>g.c
    cdef Py_ssize_t row = (ceil_div(g.n, SYMMETRIZE_ROWS) - 1 - index) * SYMMETRIZE_ROWS
    cdef Py_ssize_t end = smaller(row + SYMMETRIZE_ROWS, g.n), column = 0, i, j
    if end - row == SYMMETRIZE_ROWS:
        for column from 0 <= column < row by SQUARE:
            for i from row <= i < end by SQUARE:
                transpose_square(c + column * g.c_row + i, g.c_row, c + i * g.c_row + column, g.c_row)
        column = row
    for i in range(row, end):
        for j in range(column, i):
            c[j * g.c_row + i] = c[i * g.c_row + j]


cdef int symmetrize(const Product* g, double ns, const Runtime* runtime) noexcept nogil:
    cdef Symmetrize w
    w.job = start_job(runtime)
    w.product = g
    return run_tasks(symmetrize_task, &w, ceil_div(g.n, SYMMETRIZE_ROWS), ns)
