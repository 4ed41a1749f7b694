# The compiled side of knn: plain float32 or float64 queries and rows, no mask, as many rows as are asked for.

cdef enum:
    FEWER_QUERIES = 1024            # what the Python side cuts into batches does not come here
    CANDIDATE_BYTES = 32 << 20      # of all threads' reservoirs


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


cdef object compiled_knn(PyObject** arguments, Entry row):
    cdef object k_object = <object>arguments[2], metric = METRICS.get(<object>arguments[3])
    cdef Py_ssize_t i, k, m
    cdef int type_number
    cdef cnp.ndarray queries, corpus, scores, ids
    cdef cnp.npy_intp shape[2]
    cdef const Kernels* kernels
    cdef Search search
    for i in range(4, row.parameters):
        if not is_default(row, arguments, i):
            return None
    if metric is None or type(k_object) is not int or \
            not (is_plain(<object>arguments[0]) and is_plain(<object>arguments[1])):
        return None
    queries = <cnp.ndarray>arguments[0]
    corpus = <cnp.ndarray>arguments[1]
    type_number = cnp.PyArray_TYPE(corpus)
    k = k_object
    memset(&search, 0, sizeof(Search))
    if not (type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE) or \
            not set_plain_rows(&search.rows, corpus, type_number, False) or \
            not set_plain_rows(&search.queries, queries, type_number, True):
        return None
    m = search.queries.n
    kernels = typed_kernels[type_number]
    if search.queries.d != search.rows.d or not 1 <= k <= search.rows.n or not 1 <= m <= FEWER_QUERIES or \
            kernels == NULL or (2 * k + 8) * m * 16.0 * threads_of_call() > CANDIDATE_BYTES:
        return None
    i = 1 if cnp.PyArray_NDIM(queries) == 1 else 0
    shape[0] = m
    shape[1] = k
    scores = <cnp.ndarray>cnp.PyArray_EMPTY(2 - <int>i, shape + i, type_number, 0)
    ids = <cnp.ndarray>cnp.PyArray_EMPTY(2 - <int>i, shape + i, cnp.NPY_INT64, 0)
    search.metric = metric
    search.allowed = search.rows.n
    search.symmetric = -1
    search.result = RESULT_TOPK
    search.k = k
    search.scores = cnp.PyArray_DATA(scores)
    search.ids = <Py_ssize_t*>cnp.PyArray_DATA(ids)
    if not found_all(kernels, &search):
        return None
    return scores, ids


# False: a query found fewer than k numbers; rows whose score is NaN are the Python side's to add.
cdef bint found_all(const Kernels* kernels, Search* search) except -1:
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    cdef Py_ssize_t i
    cdef bint all_found = True
    make_ready(kernels, ENTRY_search)
    search.counts = <Py_ssize_t*>scratch_take(search.queries.n * sizeof(Py_ssize_t))
    if search.counts == NULL:
        raise MemoryError("no memory for a search's counts")
    fill(&runtime)
    with cython.nogil:
        status = call_search(kernels, search, &runtime)
    for i in range(search.queries.n if status == KERNEL_OK else 0):
        all_found = all_found and search.counts[i] == search.k
    scratch_give(search.counts)
    end_search(status, flags)
    return all_found
