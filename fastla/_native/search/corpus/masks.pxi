# One mask for all queries: which rows it allows, and what regions they make up.

# The first row from `row` on and before `end` that the mask allows; `end` if there is none. Eight that it does not at a time: of a mask that
# allows 1 % of 100,000 rows, one at a time took as long as a query against them.
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


# How many of up to 255 rows a mask allows.
cdef inline Py_ssize_t count_allowed(const uint8_t* mask, Py_ssize_t count) noexcept nogil:
    cdef uint8_t allowed = 0        # so that many are counted at once
    cdef Py_ssize_t i
    for i in range(count):
        allowed += mask[i] != 0
    return allowed


# Does gathering the rows of stored panels that a mask allows take less than meeting all panels that hold one?
cdef bint gathering_pays(const Search* s) noexcept nogil:
    cdef Py_ssize_t first, occupied = 0, allowed = 0, here
    for first from 0 <= first < s.blocks.n by BLOCK_ROWS:
        here = count_allowed(s.mask + first, smaller(BLOCK_ROWS, s.blocks.n - first))
        allowed += here
        occupied += here > 0
    return 1.0 * allowed * (s.m + GATHER_COST) < 1.0 * occupied * BLOCK_ROWS * s.m


# Regions of as many rows that the mask allows as job.room panels hold.
cdef void bound_chunks(const Plan* job, Py_ssize_t n) noexcept nogil:
    cdef const uint8_t* mask = job.search.mask
    cdef Py_ssize_t chunk_rows = 0, room = job.room * BLOCK_ROWS, row = 0, here
    job.bounds[0] = 0
    while row < n and chunk_rows < job.chunks - 1:
        here = count_allowed(mask + row, smaller(5 * BLOCK_ROWS, n - row))
        if here < room:
            room -= here
            row = smaller(row + 5 * BLOCK_ROWS, n)
            continue
        while room > 0 and row < n:         # a mask may be written meanwhile
            room -= mask[row] != 0
            row += 1
        chunk_rows += 1
        job.bounds[chunk_rows] = row
        room = job.room * BLOCK_ROWS
    while chunk_rows < job.chunks:
        chunk_rows += 1
        job.bounds[chunk_rows] = n


cdef inline Py_ssize_t chunk_begin(const Plan* job, Py_ssize_t chunk_rows) noexcept nogil:
    cdef Py_ssize_t n = job.search.rows.n if job.search.blocks.data == NULL else job.search.blocks.n
    return job.bounds[chunk_rows] if job.gather else smaller(chunk_rows * job.chunk_rows, n)
