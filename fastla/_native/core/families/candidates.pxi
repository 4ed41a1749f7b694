# Which rows queries may find: a search's mask and the rows that it excludes, and the fewest that are left to a query.

include "../../search/findable.pxi"

cdef enum:
    QUERIES_ACROSS = 64         # whose masks are counted together, where they lie side by side: a line of cache

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


# How many of n rows the masks of `queries` queries allow, which lie side by side: row by row, as memory lies.
cdef void count_across(const Search* s, Py_ssize_t first, Py_ssize_t queries, Py_ssize_t n,
                       Py_ssize_t* counts) noexcept nogil:
    cdef const uint8_t* mask = s.mask + first * s.mask_row
    cdef uint8_t few[QUERIES_ACROSS]
    cdef Py_ssize_t row = 0, end, i
    memset(counts, 0, QUERIES_ACROSS * sizeof(Py_ssize_t))
    while row < n:
        memset(few, 0, QUERIES_ACROSS)
        end = row + 255 if row + 255 < n else n
        while row < end:
            if queries == QUERIES_ACROSS and s.mask_row == 1:
                for i in range(QUERIES_ACROSS):
                    few[i] += mask[row * s.mask_column + i] != 0
            else:
                for i in range(queries):
                    few[i] += mask[row * s.mask_column + i * s.mask_row] != 0
            row += 1
        for i in range(queries):
            counts[i] += few[i]


# How many rows that query may find which may find fewest.
cdef Py_ssize_t fewest(const Search* s) noexcept:
    cdef Py_ssize_t counts[QUERIES_ACROSS]
    cdef Py_ssize_t least = PTRDIFF_MAX, n = corpus_rows(s), query, count
    cdef bint across = -s.mask_column < s.mask_row < s.mask_column and s.mask_row != 0
    if s.mask_row == 0 and s.exclude == NULL:
        return s.allowed if s.queries.n else least
    with cython.nogil:
        for query in range(s.queries.n):
            if across and query % QUERIES_ACROSS == 0:
                count_across(s, query, min(<Py_ssize_t>QUERIES_ACROSS, s.queries.n - query), n, counts)
            count = counts[query % QUERIES_ACROSS] if across else allowed_of(s, n, query)
            least = min(least, count - excludes_one(s, n, query))
    return least
