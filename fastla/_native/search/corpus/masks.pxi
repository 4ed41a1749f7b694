# One mask for all queries: which rows it allows, and what chunks they make up.

# The first row from `row` on and before `end` that the mask allows; `end` if there is none. Eight that it does not at a
# time.
cdef inline Py_ssize_t next_allowed(const uint8_t* mask, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    cdef uint64_t eight
    while row + 8 <= end:
        memcpy(&eight, mask + row, 8)
        if eight:
            break
        row += 8
    while row < end and mask[row] == 0:
        row += 1
    return row


# A bit for each of up to 64 rows, `step` apart in the mask, that it allows.
cdef inline uint64_t mask_bits(const uint8_t* mask, Py_ssize_t step, Py_ssize_t count) noexcept nogil:
    cdef uint64_t bits = 0
    cdef Py_ssize_t i
    for i in range(count):
        bits |= <uint64_t>(mask[i * step] != 0) << i
    return bits


# The ids of the next rows that the mask allows, from `row` on and before `end`; returns the row after them.
cdef Py_ssize_t gather_ids(const uint8_t* mask, Block* block, Py_ssize_t row, Py_ssize_t end) noexcept nogil:
    block.count = 0
    row = next_allowed(mask, row, end)
    while row < end and block.count < BLOCK_ROWS:
        block.ids[block.count] = row
        block.count += 1
        row = next_allowed(mask, row + 1, end)
    block.first = block.ids[0]
    return row


# Chunks of as many rows that the mask allows as chunk_blocks hold.
cdef void bound_chunks(const Plan* plan) noexcept nogil:
    cdef const uint8_t* mask = plan.search.mask
    cdef Py_ssize_t* bounds = plan.work.bounds
    cdef Py_ssize_t chunk = 0, room = plan.chunk_blocks * BLOCK_ROWS, row = 0, here
    bounds[0] = 0
    while row < plan.n and chunk < plan.chunks - 1:
        here = count_allowed(mask + row, 1, smaller(5 * BLOCK_ROWS, plan.n - row))
        if here < room:
            room -= here
            row = smaller(row + 5 * BLOCK_ROWS, plan.n)
            continue
        while room > 0 and row < plan.n:        # a mask may be written meanwhile
            room -= mask[row] != 0
            row += 1
        chunk += 1
        bounds[chunk] = row
        room = plan.chunk_blocks * BLOCK_ROWS
    while chunk < plan.chunks:
        chunk += 1
        bounds[chunk] = plan.n
