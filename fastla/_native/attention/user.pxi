# Functions of the user that are called for the scores of a tile (score_mod), or before they are computed (mask_mod).

cdef extern from *:
    """
    enum { MOST_PANEL_ROWS = NR > 8 ? NR : 8 };     /* of either route */
    """
    enum:
        MOST_PANEL_ROWS


# Calls one for the numbers of a panel's rows at keys [first, first + keys). Rows of a unit are queries of one head
# after the other: a call for each head. False: the function raised, and the job has failed.
cdef bint call_user(AttentionJob* job, const UserFunction* function, const Item* item, Py_ssize_t head,
                    const Panel* panel, Py_ssize_t first, Py_ssize_t keys, real* tile, Py_ssize_t row_stride,
                    Py_ssize_t key_stride) noexcept nogil:
    cdef int32_t row_ids[MOST_PANEL_ROWS]
    cdef int32_t key_ids[KEYS]
    cdef Py_ssize_t row = 0, end, i, query
    for i in range(keys):
        key_ids[i] = <int32_t>(first + i)
    while row < panel.count:
        query = (panel.first + row) % item.queries
        end = smaller(panel.count, row + item.queries - query)
        for i in range(row, end):
            row_ids[i] = <int32_t>(query + i - row)
        if function.call(tile + row * row_stride, end - row, keys, row_stride, key_stride, row_ids + row, key_ids, NULL,
                         NULL, item.index, head + (panel.first + row) // item.queries, function.captured) != KERNEL_OK:
            fail(job, KERNEL_RAISED)
            return False
        row = end
    return True


# Hides in a forward panel's bias, [keys][lanes], what mask_mod says no to. Returns what the tile shows.
cdef int ask_mask(AttentionJob* job, const Item* item, Py_ssize_t head, const Panel* panel, Py_ssize_t first,
                  Py_ssize_t keys, real* bias) noexcept nogil:
    cdef Py_ssize_t i, hidden = 0, width = panel.vectors * LANES
    if not call_user(job, &job.attention.mask_mod, item, head, panel, first, keys, bias, 1, width):
        return TILE_EMPTY
    for i in range(keys):
        hidden += count_equal(bias + i * width, panel.count, -REAL_INFINITY)
    return TILE_EMPTY if hidden == keys * panel.count else TILE_MIXED
