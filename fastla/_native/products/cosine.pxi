# The epilogue of a cosine similarity: dot products times the inverse norms of both their rows, clamped to [-1, 1].

cdef int scale_and_clamp(const Epilogue* self, void* block, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t c_row,
                         Py_ssize_t first_row, Py_ssize_t first_column, Py_ssize_t item) noexcept nogil:
    cdef const CosineEpilogue* cosine = <const CosineEpilogue*>self
    cdef Py_ssize_t at[5]
    cdef Py_ssize_t i, j, diagonal
    cdef const output* row_scale = <const output*>cosine.row_scale
    cdef const output* column_scale = <const output*>cosine.column_scale + first_column
    cdef output* c = <output*>block
    cdef output scale
    if cosine.batch.dims:
        batch_offsets(cosine.batch, item, 5, at)
        row_scale += at[3]
        column_scale += at[4]
    for i in range(rows):
        # Of equal numbers in either order: the product of the scales is the same, so the matrix is symmetric.
        scale = row_scale[first_row + i]
        for j from 0 <= j <= columns - LANES by LANES:
            store_out(c + j, vec_clamp(load_out(c + j) * (load_out(column_scale + j) * scale)))
        for j in range(columns - columns % LANES, columns):
            c[j] = c[j] * (column_scale[j] * scale)
            c[j] = 1 if c[j] > 1 else -1 if c[j] < -1 else c[j]
        diagonal = first_row + i - first_column
        if cosine.own and 0 <= diagonal < columns and scale > 0:
            c[diagonal] = 1
        c += c_row
    return KERNEL_OK
