# Scores of the decoding route: rows of K as they lie, against few queries.

cdef enum:
    KEYS_AHEAD = 8                      # rows of K that are asked for ahead


# Rows of queries, and where their scores go.
cdef struct Scored:
    Py_ssize_t rows, query_row
    const real* query
    real* scores
    Py_ssize_t row, key                 # from a row's scores to the next one's, and from a key's


# Some rows of K against some queries from j on; both numbers are literals.
cdef inline void key_dots(const int rows, const int keys, Py_ssize_t width, const Scored* s, Py_ssize_t j,
                          const KeyBlock* block, Py_ssize_t key) noexcept nogil:
    cdef Py_ssize_t p = 0
    while p < width or p == 0:
        dot_tile(rows, keys, 1, 0, smaller(DOT_CHUNK, width - p), s.query + j * s.query_row + p, s.query_row,
                 block.key + key * block.key_row + p, block.key_row,
                 s.scores + j * s.row + key * s.key, s.row, s.key, p > 0)
        p += DOT_CHUNK


# The same against all queries, by fours.
cdef inline void all_dots(const int keys, Py_ssize_t width, const Scored* s, const KeyBlock* block,
                          Py_ssize_t key) noexcept nogil:
    cdef Py_ssize_t j = 0
    while s.rows - j >= 4:
        key_dots(4, keys, width, s, j, block, key)
        j += 4
    if s.rows - j == 3:
        key_dots(3, keys, width, s, j, block, key)
    elif s.rows - j == 2:
        key_dots(2, keys, width, s, j, block, key)
    elif s.rows - j == 1:
        key_dots(1, keys, width, s, j, block, key)


# Some rows of K ahead are asked for, and as many of V, which come next.
cdef inline void await_rows(const Attention* a, const KeyBlock* block, Py_ssize_t key) noexcept nogil:
    cdef const real* ahead = block.key + (key + KEYS_AHEAD) * block.key_row
    cdef const real* value = block.value + key * block.value_row
    cdef Py_ssize_t p
    for p from 0 <= p < larger(a.width, a.value_width) by LINE // <Py_ssize_t>sizeof(real):
        prefetch(ahead + p)
        prefetch(value + p)


# Scores of a block. K's rows are read few at a time, for memory likes to be read from end to end: as many as give
# eight sums that do not wait for each other, or four.
cdef void score_keys(const Attention* a, const Scored* s, const KeyBlock* block) noexcept nogil:
    cdef Py_ssize_t i = 0, ahead
    while s.rows <= 2 and i + 4 <= block.count:
        for ahead in range(4):
            await_rows(a, block, i + ahead)
        if s.rows == 2:
            key_dots(2, 4, a.width, s, 0, block, i)
        else:
            key_dots(1, 4, a.width, s, 0, block, i)
        i += 4
    while i + 2 <= block.count:
        await_rows(a, block, i)
        await_rows(a, block, i + 1)
        all_dots(2, a.width, s, block, i)
        i += 2
    if i < block.count:
        all_dots(1, a.width, s, block, i)
