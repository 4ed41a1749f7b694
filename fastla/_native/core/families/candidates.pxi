# Which rows queries may find: a search's mask and the rows that it excludes, and the fewest that are left to a query.

include "../../search/findable.pxi"

cdef inline Py_ssize_t corpus_rows(const Search* s) noexcept nogil:
    return s.rows.n if s.blocks.data == NULL else s.blocks.n


# A mask of bytes, over n rows or over m queries and n rows. False: it is the same for all queries, but not adjacent.
cdef bint set_mask(Search* s, cnp.ndarray mask) noexcept:
    cdef int last = cnp.PyArray_NDIM(mask) - 1
    s.mask = <const uint8_t*>cnp.PyArray_DATA(mask)
    s.mask_column = cnp.PyArray_STRIDE(mask, last)
    s.mask_row = cnp.PyArray_STRIDE(mask, 0) if last == 1 and cnp.PyArray_DIM(mask, 0) != 1 else 0
    if s.mask_row != 0 or cnp.PyArray_SIZE(mask) == 0:
        return True
    s.allowed = count_allowed(s.mask, s.mask_column, corpus_rows(s))
    return s.mask_column == 1


# The mask as users give it, of plain booleans; None: there is none. False: something else.
cdef bint set_plain_mask(Search* s, object mask) noexcept:
    cdef Py_ssize_t n = corpus_rows(s)
    cdef cnp.ndarray x
    if mask is None:
        return True
    if not is_plain(mask) or cnp.PyArray_TYPE(<cnp.ndarray>mask) != cnp.NPY_BOOL:
        return False
    x = <cnp.ndarray>mask
    if not (cnp.PyArray_NDIM(x) == 1 and cnp.PyArray_DIM(x, 0) == n or cnp.PyArray_NDIM(x) == 2 and
            cnp.PyArray_DIM(x, 0) == s.queries.n and cnp.PyArray_DIM(x, 1) == n):
        return False
    return n > 0 and set_mask(s, x)


# m adjacent numbers of plain int64.
cdef bint is_plain_column(object x, Py_ssize_t m) noexcept:
    return is_plain(x) and cnp.PyArray_TYPE(<cnp.ndarray>x) == cnp.NPY_INT64 and \
        cnp.PyArray_NDIM(<cnp.ndarray>x) == 1 and cnp.PyArray_DIM(<cnp.ndarray>x, 0) == m and \
        cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>x) and PyArray_ISBEHAVED_RO(<cnp.ndarray>x)


# A row for each query, or -1. False: something else.
cdef bint set_plain_exclude(Search* s, object exclude) noexcept:
    cdef const Py_ssize_t* rows
    cdef Py_ssize_t i
    if not is_plain_column(exclude, s.queries.n):
        return False
    rows = <const Py_ssize_t*>cnp.PyArray_DATA(<cnp.ndarray>exclude)
    for i in range(s.queries.n):
        if not -1 <= rows[i] < corpus_rows(s):
            return False
    s.exclude = rows
    return True


# How many rows that query may find which may find fewest.
cdef Py_ssize_t fewest(const Search* s) noexcept:
    cdef Py_ssize_t least = PTRDIFF_MAX, n = corpus_rows(s), query
    if s.mask_row == 0 and s.exclude == NULL:
        return s.allowed if s.queries.n else least
    with cython.nogil:
        for query in range(s.queries.n):
            least = min(least, findable(s, n, query))
    return least
