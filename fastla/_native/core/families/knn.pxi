# The compiled sides of knn and range_search: plain float32 or float64 queries and rows, plain masks and excluded rows.

cdef enum:
    MOST_K = 0x7fffffff     # for more there is no memory, which the Python functions say better

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


# (queries, corpus, ., metric, mask): all of a search of raw rows but what is sought. NULL: not for these.
cdef const Kernels* set_plain_search(Search* search, PyObject** arguments) except? NULL:
    cdef object metric = <object>arguments[3]
    cdef int type_number
    cdef const Kernels* kernels
    memset(search, 0, sizeof(Search))
    metric = METRICS.get(metric) if type(metric) is str else None
    if metric is None or not (is_plain(<object>arguments[0]) and is_plain(<object>arguments[1])):
        return NULL
    type_number = cnp.PyArray_TYPE(<cnp.ndarray>arguments[1])
    if not (type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE) or \
            not set_plain_rows(&search.rows, <cnp.ndarray>arguments[1], type_number, False) or \
            not set_plain_rows(&search.queries, <cnp.ndarray>arguments[0], type_number, True):
        return NULL
    kernels = typed_kernels[type_number]
    search.metric = metric
    search.allowed = search.rows.n
    if search.queries.d != search.rows.d or kernels == NULL or not set_plain_mask(search, <object>arguments[4]):
        return NULL
    return kernels


# exclude: as users give it. Returns what holds the rows during the search; NotImplemented: not for these.
cdef object plain_exclude(Search* search, object exclude):
    if exclude is None or exclude is False:
        return None
    if exclude is True and search.queries.n == search.rows.n:
        exclude = arange(search.rows.n)
    return exclude if set_plain_exclude(search, exclude) else NotImplemented


# Sets k. False: it is not for the compiled side, or there are too few rows for it.
cdef bint set_plain_k(Search* search, object k, object pad) except -1:
    if type(k) is not int or type(pad) is not bool or not 1 <= k <= MOST_K:
        return False
    search.k = k
    return pad or search.k <= fewest(search)


cdef bint set_plain_threshold(Search* search, object threshold) except -1:
    if type(threshold) is not float or threshold != threshold:
        return False
    search.threshold = threshold
    return True


# knn(queries, corpus, k, metric, mask, exclude, pad)
cdef object compiled_knn(PyObject** arguments, Entry row):
    cdef Search search
    cdef const Kernels* kernels = set_plain_search(&search, arguments)
    cdef object excluded
    if kernels == NULL:
        return None
    excluded = plain_exclude(&search, <object>arguments[5])
    if excluded is NotImplemented or not set_plain_k(&search, <object>arguments[2], <object>arguments[6]):
        return None
    return best_of(kernels, &search, cnp.PyArray_NDIM(<cnp.ndarray>arguments[0]) == 1)


# range_search(queries, corpus, threshold, metric, mask, exclude)
cdef object compiled_range(PyObject** arguments, Entry row):
    cdef Search search
    cdef const Kernels* kernels = set_plain_search(&search, arguments)
    cdef object excluded
    if kernels == NULL or not set_plain_threshold(&search, <object>arguments[2]):
        return None
    excluded = plain_exclude(&search, <object>arguments[5])
    if excluded is NotImplemented:
        return None
    return all_reaching(kernels, &search)
