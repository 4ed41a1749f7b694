# Which rows a query may find, and how many: for the kernels and for the core, which says where these are fewer than k.

# How many of n bytes, `step` apart, are not 0: adjacent ones many at a time.
cdef inline Py_ssize_t count_allowed(const uint8_t* mask, Py_ssize_t step, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t count = 0, i = 0, end
    cdef uint8_t few
    while step == 1 and i < n:
        few = 0
        end = i + 255 if i + 255 < n else n     # as many as a byte counts
        while i < end:
            few += mask[i] != 0
            i += 1
        count += few
    while i < n:
        count += mask[i * step] != 0
        i += 1
    return count


cdef inline bint may_find(const Search* s, Py_ssize_t query, Py_ssize_t id) noexcept nogil:
    if s.exclude != NULL and s.exclude[query] == id:
        return False
    return s.mask == NULL or s.mask_row == 0 or s.mask[query * s.mask_row + id * s.mask_column] != 0


# How many of n rows the mask allows a query.
cdef inline Py_ssize_t allowed_of(const Search* s, Py_ssize_t n, Py_ssize_t query) noexcept nogil:
    if s.mask == NULL or s.mask_row == 0:
        return s.allowed
    return count_allowed(s.mask + query * s.mask_row, s.mask_column, n)


# Whether one of these is excluded. Others may write both arrays meanwhile.
cdef inline bint excludes_one(const Search* s, Py_ssize_t n, Py_ssize_t query) noexcept nogil:
    cdef Py_ssize_t row = s.exclude[query] if s.exclude != NULL else -1
    return 0 <= row < n and (s.mask == NULL or s.mask[query * s.mask_row + row * s.mask_column] != 0)


cdef inline Py_ssize_t findable(const Search* s, Py_ssize_t n, Py_ssize_t query) noexcept nogil:
    return allowed_of(s, n, query) - excludes_one(s, n, query)
