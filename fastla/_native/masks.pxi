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
    for first from 0 <= first < s.panels.n by WIDTH:
        here = count_allowed(s.mask + first, smaller(WIDTH, s.panels.n - first))
        allowed += here
        occupied += here > 0
    return 1.0 * allowed * (s.m + GATHER_COST) < 1.0 * occupied * WIDTH * s.m


# Regions of as many rows that the mask allows as job.room panels hold.
cdef void bound_regions(const Job* job, Py_ssize_t n) noexcept nogil:
    cdef const uint8_t* mask = job.search.mask
    cdef Py_ssize_t region = 0, room = job.room * WIDTH, row = 0, here
    job.bounds[0] = 0
    while row < n and region < job.regions - 1:
        here = count_allowed(mask + row, smaller(5 * WIDTH, n - row))
        if here < room:
            room -= here
            row = smaller(row + 5 * WIDTH, n)
            continue
        while room > 0 and row < n:         # a mask may be written meanwhile
            room -= mask[row] != 0
            row += 1
        region += 1
        job.bounds[region] = row
        room = job.room * WIDTH
    while region < job.regions:
        region += 1
        job.bounds[region] = n


cdef inline Py_ssize_t region_begin(const Job* job, Py_ssize_t region) noexcept nogil:
    cdef Py_ssize_t n = job.search.rows.n if job.search.panels.data == NULL else job.search.panels.n
    return job.bounds[region] if job.gather else smaller(region * job.region, n)
