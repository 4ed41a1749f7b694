# RESULT_MATRIX: every score is stored.

# Where the scores will go is asked for before the products.
cdef inline void await_scores(const Search* s, const Block* block, Py_ssize_t first, Py_ssize_t rows) noexcept nogil:
    cdef const output* c = <const output*>s.c + block.first
    cdef Py_ssize_t query, i
    for query in range(first, first + rows):
        for i from 0 <= i < block.count + LINE // <Py_ssize_t>sizeof(output) - 1 by LINE // <Py_ssize_t>sizeof(output):
            prefetch(c + query * s.c_row + smaller(i, block.count - 1))


# A query's scores with a block. What is computed of a cosine may be a little outside of [-1, 1].
cdef inline void store_scores(const Search* s, const Block* block, const real* tile, output scale, output unit,
                              Py_ssize_t query) noexcept nogil:
    cdef output values[BLOCK_ROWS]
    cdef output* c = <output*>s.c + query * s.c_row + block.first
    cdef output* to = c if block.count == BLOCK_ROWS else values
    cdef out_vec v
    cdef int j
    for j in range(BLOCK_ROWS // LANES):
        v = scores_of(block, tile, j, scale, unit)
        store_out(to + j * LANES, vec_clamp(v) if s.metric == METRIC_COSINE else v)
    if block.count < BLOCK_ROWS:
        memcpy(c, values, block.count * sizeof(output))


# c[j, i] = c[i, j] for the queries' rows i and j < i, and a diagonal of ones but where there is no norm.
cdef void symmetrize_scores_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Plan* plan = <const Plan*>arg
    cdef const Search* s = plan.search
    cdef output* c = <output*>s.c           # of the row s.symmetric
    cdef output* diagonal
    cdef Py_ssize_t first = index * QUERY_BLOCK, last = smaller(first + QUERY_BLOCK, plan.m), column, i, j
    for column from 0 <= column <= s.symmetric + last - 1 by QUERY_BLOCK:
        for i in range(first, last):
            for j in range(column, smaller(column + QUERY_BLOCK, s.symmetric + i)):
                c[(j - s.symmetric) * s.c_row + s.symmetric + i] = c[i * s.c_row + j]
    for i in range(first, last):
        diagonal = c + i * s.c_row + s.symmetric + i
        if diagonal[0] != 0 and diagonal[0] == diagonal[0]:
            diagonal[0] = 1
