# The compiled sides of knn and FlatIndex.search: plain float32 or float64 queries and rows, at least k of which may be
# found; of masks knn takes adjacent booleans, one a row.

# Rows (n, d), or a vector as one row. False: not of that type, or of other dimensions.
cdef bint set_plain_rows(Rows* rows, cnp.ndarray x, int type_number, bint vectors) noexcept:
    cdef int dims = cnp.PyArray_NDIM(x)
    if cnp.PyArray_TYPE(x) != type_number or not PyArray_ISNOTSWAPPED(x) or not (dims == 2 or vectors and dims == 1):
        return False
    rows.type = TYPE_float32 if type_number == cnp.NPY_FLOAT else TYPE_float64
    rows.data = <const char*>cnp.PyArray_DATA(x)
    rows.n = cnp.PyArray_DIM(x, 0) if dims == 2 else 1
    rows.d = cnp.PyArray_DIM(x, dims - 1)
    rows.row = cnp.PyArray_STRIDE(x, 0) if dims == 2 else 0
    rows.column = cnp.PyArray_STRIDE(x, dims - 1)
    return True


# The mask of all queries, if there is one. False: it is none of n adjacent booleans.
cdef bint set_plain_mask(Search* search, object mask) noexcept:
    cdef const uint8_t* allowed
    cdef Py_ssize_t n = search.rows.n, count = 0, i
    search.allowed = n
    if mask is None:
        return True
    if not is_plain(mask) or cnp.PyArray_TYPE(<cnp.ndarray>mask) != cnp.NPY_BOOL or \
            cnp.PyArray_NDIM(<cnp.ndarray>mask) != 1 or cnp.PyArray_DIM(<cnp.ndarray>mask, 0) != n or \
            not cnp.PyArray_IS_C_CONTIGUOUS(<cnp.ndarray>mask):
        return False
    allowed = <const uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>mask)
    for i in range(n):
        count += allowed[i] != 0
    search.allowed = count
    search.mask = allowed
    search.mask_column = 1
    return True


# knn(queries, corpus, k, metric, mask, ...)
cdef object compiled_knn(PyObject** arguments, Entry row):
    cdef object k_object = <object>arguments[2], metric = <object>arguments[3]
    cdef Py_ssize_t i
    cdef int type_number
    cdef cnp.ndarray queries, corpus
    cdef const Kernels* kernels
    cdef Search search
    for i in range(5, row.parameters):
        if not is_default(row, arguments, i):
            return None
    metric = METRICS.get(metric) if type(metric) is str else None
    if metric is None or type(k_object) is not int or \
            not (is_plain(<object>arguments[0]) and is_plain(<object>arguments[1])):
        return None
    queries = <cnp.ndarray>arguments[0]
    corpus = <cnp.ndarray>arguments[1]
    type_number = cnp.PyArray_TYPE(corpus)
    memset(&search, 0, sizeof(Search))
    if not (type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE) or \
            not set_plain_rows(&search.rows, corpus, type_number, False) or \
            not set_plain_rows(&search.queries, queries, type_number, True):
        return None
    kernels = typed_kernels[type_number]
    if search.queries.d != search.rows.d or kernels == NULL or not set_plain_mask(&search, <object>arguments[4]) or \
            not 1 <= k_object <= search.allowed:
        return None
    search.metric = metric
    search.k = k_object
    return best_of(kernels, &search, cnp.PyArray_NDIM(queries) == 1)


# (self, queries, k, ...): where no vector is removed.
cdef object compiled_index(PyObject** arguments, Entry row):
    cdef object k_object = <object>arguments[2], state = (<object>arguments[0])._store.state, blocks, kernels
    cdef Py_ssize_t i
    cdef cnp.ndarray queries, scores, ids
    cdef const int64_t* known
    cdef int64_t* found
    cdef Search search
    for i in range(3, row.parameters):
        if not is_default(row, arguments, i):
            return None
    if type(k_object) is not int or not is_plain(<object>arguments[1]) or state.removed:
        return None
    queries = <cnp.ndarray>arguments[1]
    blocks = state.blocks
    kernels = STORAGE_KERNELS.get(blocks.storage)
    memset(&search, 0, sizeof(Search))
    if kernels is None or not (set_plain_rows(&search.queries, queries, cnp.NPY_FLOAT, True) or
                               set_plain_rows(&search.queries, queries, cnp.NPY_DOUBLE, True)):
        return None
    set_blocks(&search.blocks, blocks)
    if search.queries.d != search.blocks.d or not 1 <= k_object <= search.blocks.n:
        return None
    search.metric = METRICS[blocks.metric]
    search.allowed = search.blocks.n
    search.k = k_object
    scores, ids = best_of(kernels_of(kernels), &search, cnp.PyArray_NDIM(queries) == 1)
    known = <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>blocks.ids)
    found = <int64_t*>cnp.PyArray_DATA(ids)
    for i in range(cnp.PyArray_SIZE(ids)):
        found[i] = known[found[i]]
    return scores, ids
