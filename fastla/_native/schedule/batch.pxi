# The batch index: where an item's operands lie.

# offsets[o] of operands 0 to `operands`: where item `index` begins, in elements.
cdef inline void batch_offsets(const Batch* batch, Py_ssize_t index, int operands, Py_ssize_t* offsets) noexcept nogil:
    cdef Py_ssize_t place
    cdef int d, o
    for o in range(operands):
        offsets[o] = 0
    for d in range(batch.dims - 1, -1, -1):
        place = index
        if d:
            place = index % batch.shape[d]
            index //= batch.shape[d]
        for o in range(operands):
            offsets[o] += place * batch.strides[o][d]


# Items from `index` on that follow each other along the innermost dimension, their operands its strides apart.
cdef inline Py_ssize_t batch_run(const Batch* batch, Py_ssize_t index) noexcept nogil:
    return batch.shape[batch.dims - 1] - index % batch.shape[batch.dims - 1]
