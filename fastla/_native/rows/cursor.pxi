# Where the vectors of a batch lie, one run along the innermost dimension after the other.

cdef struct Cursor:
    const Batch* batch
    Py_ssize_t place[MAX_BATCH_DIMS]
    Py_ssize_t at[3]        # of operands 0 to 2, in elements


cdef inline void start_cursor(Cursor* c, const Batch* batch, Py_ssize_t index) noexcept nogil:
    cdef int d, o
    c.batch = batch
    for o in range(3):
        c.at[o] = 0
    for d in range(batch.dims - 1, -1, -1):
        c.place[d] = index
        if d:
            c.place[d] = index % batch.shape[d]
            index //= batch.shape[d]
        for o in range(3):
            c.at[o] += c.place[d] * batch.strides[o][d]


# Vectors from here to the end of the run.
cdef inline Py_ssize_t run_of(const Cursor* c) noexcept nogil:
    return c.batch.shape[c.batch.dims - 1] - c.place[c.batch.dims - 1]


# `count` vectors further, no further than where the next run begins.
cdef inline void advance(Cursor* c, Py_ssize_t count) noexcept nogil:
    cdef int d = c.batch.dims - 1, o
    c.place[d] += count
    for o in range(3):
        c.at[o] += count * c.batch.strides[o][d]
    while d > 0 and c.place[d] == c.batch.shape[d]:
        c.place[d] = 0
        c.place[d - 1] += 1
        for o in range(3):
            c.at[o] += c.batch.strides[o][d - 1] - c.batch.shape[d] * c.batch.strides[o][d]
        d -= 1
