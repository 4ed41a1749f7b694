# The epilogue: what becomes of c after the last of k. The micro-kernel's own ending is to store its sums or to add them
# to c; then whoever has completed a block of c calls finish() on it, while the block is in cache. Every writer of c
# does: tiles, edge tiles, dot products, parts of k once they are summed, transposed products once they are back in c.

# c[row : row + rows, column : column + columns] is complete.
cdef inline int finish(const Product* g, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t column,
                       Py_ssize_t columns) noexcept nogil:
    if g.epilogue == NULL:
        return KERNEL_OK
    return g.epilogue.apply(g.epilogue, <real*>g.c + row * g.c_row + column, rows, columns, g.c_row, g.first_row + row,
                            g.first_column + column, g.item)


# The same in a task: its failure is the job's.
cdef inline void finish_block(void* job, const Product* g, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t column,
                              Py_ssize_t columns) noexcept nogil:
    cdef int status = finish(g, row, rows, column, columns)
    if status != KERNEL_OK:
        fail(job, status)
