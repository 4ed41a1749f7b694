# A metric of the user's: what a function makes of a tile of dot products, in place.

# A tile with queries [first, first + rows), the corpus in its lanes ([rows][BLOCK_ROWS]) or (lanes > 0) the queries
# ([block.count][lanes]). The rows of a block that were gathered are numbered as in the corpus. False: the function
# raised.
cdef bint apply_metric(Plan* plan, const Block* block, Py_ssize_t first, Py_ssize_t rows, Py_ssize_t lanes,
                       real* tile) noexcept nogil:
    cdef const Search* s = plan.search
    cdef int32_t queries[QUERY_BLOCK]
    cdef int32_t ids[BLOCK_ROWS]
    cdef output norms[BLOCK_ROWS]
    cdef Py_ssize_t i, id
    cdef int status
    for i in range(rows):
        queries[i] = <int32_t>(s.first_query + first + i)
    for i in range(block.count):
        id = id_of(block, <int>i)
        ids[i] = <int32_t>id
        norms[i] = (<const output*>s.row_norms)[id]
    status = s.function.call(tile, rows, block.count, 1 if lanes else BLOCK_ROWS, lanes if lanes else 1, queries, ids,
                             <const output*>s.query_norms + s.first_query + first, norms, 0, 0, s.function.captured)
    if status != KERNEL_OK:
        fail(plan, KERNEL_RAISED)
    return status == KERNEL_OK
