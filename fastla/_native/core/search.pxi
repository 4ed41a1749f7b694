# Part of the core: searching, and norms of rows. Shapes and dtypes were checked by _validate.

cdef extern from *:
    """
    #define TYPE_NAME(name, c_type, value) #name,
    static const char *const type_names[] = {NUMBER_TYPES(TYPE_NAME)};
    """
    const char* const* type_names

NUMBER_TYPES = {type_names[i].decode(): i for i in range(TYPE_COUNT)}        # a dtype's name -> what kernels call it
NUMBER_TYPES["bool"] = NUMBER_TYPES["uint8"]
METRICS = {"cosine": METRIC_COSINE, "dot": METRIC_DOT, "euclidean": METRIC_EUCLIDEAN}
SEARCH_ROUTES = {
    ROUTE_RAW_FEW: "raw few", ROUTE_RAW: "raw", ROUTE_RAW_PREFILTER: "raw prefilter",
    ROUTE_SCAN: "scan", ROUTE_STORED: "stored", ROUTE_STORED_PREFILTER: "stored prefilter",
}
CORPUS_BLOCK = BLOCK_ROWS


cdef int set_rows(Rows* rows, cnp.ndarray x) except -1:
    rows.type = NUMBER_TYPES[x.dtype.name]
    rows.data = <const char*>cnp.PyArray_DATA(x)
    rows.n = cnp.PyArray_DIM(x, 0)
    rows.d = cnp.PyArray_DIM(x, 1)
    rows.row = cnp.PyArray_STRIDE(x, 0)
    rows.column = cnp.PyArray_STRIDE(x, 1)
    return 0


cdef int end_search(int status, unsigned flags) except -1:
    # A search warns of nothing: it has exceptions of numbers that no result is made of.
    fp_status_set(flags)
    return end("no memory for a search's blocks and candidates", status)


cdef const Kernels* kernels_of(capsule) except NULL:
    return <const Kernels*>PyCapsule_GetPointer(capsule, "fastla.kernels")


def row_norms(capsule, cnp.ndarray x, cnp.ndarray out, cnp.ndarray normalized):
    """The norms of x's rows into out (n,), and the rows divided by them into normalized (n, d); either may be None."""
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef Norms norms
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    set_rows(&norms.rows, x)
    norms.norms = NULL if out is None else cnp.PyArray_DATA(out)
    norms.normalized = NULL
    norms.normalized_row = 0
    if normalized is not None:
        norms.normalized = cnp.PyArray_DATA(normalized)
        norms.normalized_row = cnp.PyArray_STRIDE(normalized, 0) // cnp.PyArray_ITEMSIZE(normalized)
    fill(&runtime)
    with cython.nogil:
        status = kernels.norms(&norms, &runtime)
    end_search(status, flags)


cdef int set_blocks(Blocks* blocks, stored) except -1:
    blocks.data = cnp.PyArray_DATA(<cnp.ndarray>stored.data)
    blocks.scale = <float*>cnp.PyArray_DATA(<cnp.ndarray>stored.scale)
    blocks.weight = <float*>cnp.PyArray_DATA(<cnp.ndarray>stored.weight)
    blocks.bias = <float*>cnp.PyArray_DATA(<cnp.ndarray>stored.bias)
    blocks.n = stored.n
    blocks.d = stored.dim
    return 0


def weigh(capsule, stored, metric, Py_ssize_t first, Py_ssize_t end):
    """weight and bias of the rows in blocks [first, end)."""
    cdef Blocks blocks
    cdef unsigned flags = fp_status_get()
    set_blocks(&blocks, stored)
    kernels_of(capsule).weigh(&blocks, METRICS[metric], first, end)
    fp_status_set(flags)


cdef class Request:
    """One search, and what it points to."""
    cdef Search search
    cdef object kept, capsule

    def __init__(self, capsule, metric, corpus, cnp.ndarray queries, mask=None, exclude=None):
        """corpus: rows (n, d), or stored blocks. queries: (m, d). mask: (n,) or (m, n) bytes, adjacent along n."""
        self.capsule = capsule
        self.kept = (corpus, queries, mask, exclude)
        memset(&self.search, 0, sizeof(Search))
        self.search.metric = METRICS[metric]
        self.search.symmetric = -1
        set_rows(&self.search.queries, queries)
        if type(corpus) is ndarray:
            set_rows(&self.search.rows, corpus)
            self.search.allowed = self.search.rows.n
        else:
            set_blocks(&self.search.blocks, corpus)
            self.search.allowed = corpus.n
        if mask is not None:
            self.search.mask = <const uint8_t*>cnp.PyArray_DATA(<cnp.ndarray>mask)
            if mask.ndim == 2:
                self.search.mask_row = mask.strides[0]
            else:
                self.search.allowed = count_nonzero(mask)
        if exclude is not None:
            self.search.exclude = <const Py_ssize_t*>cnp.PyArray_DATA(<cnp.ndarray>exclude)

    def score_by(self, function, Py_ssize_t first_query, cnp.ndarray query_norms, cnp.ndarray row_norms):
        """Let a user's function make scores of the products (metric "dot"); norms of all queries and rows."""
        self.kept = (*self.kept, function, query_norms, row_norms)
        self.search.function = user_function(function)
        self.search.first_query = first_query
        self.search.query_norms = cnp.PyArray_DATA(query_norms)
        self.search.row_norms = cnp.PyArray_DATA(row_norms)

    cdef int run(self) except -1:
        cdef const Kernels* kernels = kernels_of(self.capsule)
        cdef Runtime runtime
        cdef unsigned flags = fp_status_get()
        cdef int status
        fill(&runtime)
        with cython.nogil:
            status = kernels.search(&self.search, &runtime)
        if status != KERNEL_OK:
            free(self.search.found)
        return end_search(status, flags)

    cdef object score_dtype(self):
        return "float64" if kernels_of(self.capsule).element == b"float64" else "float32"

    def route(self, Py_ssize_t k):
        """The name of the route that best(k) takes."""
        self.search.result = RESULT_TOPK
        self.search.k = k
        return SEARCH_ROUTES[kernels_of(self.capsule).search_route(&self.search)]

    def best(self, Py_ssize_t k):
        """(scores, ids, counts) of the best k; beyond a query's count the rows are arbitrary."""
        cdef Py_ssize_t m = self.search.queries.n
        cdef cnp.ndarray scores = empty((m, k), self.score_dtype())
        cdef cnp.ndarray ids = empty((m, k), "int64"), counts = empty(m, "int64")
        self.search.result = RESULT_TOPK
        self.search.k = k
        self.search.scores = cnp.PyArray_DATA(scores)
        self.search.ids = <Py_ssize_t*>cnp.PyArray_DATA(ids)
        self.search.counts = <Py_ssize_t*>cnp.PyArray_DATA(counts)
        self.run()
        return scores, ids, counts

    def reaching(self, double threshold):
        """(queries, scores, ids) of all that reach the threshold, in no order."""
        self.search.result = RESULT_RANGE
        self.search.threshold = threshold
        self.run()
        cdef Py_ssize_t i, count = self.search.found_count
        cdef cnp.ndarray queries, scores, ids
        try:
            queries, scores, ids = empty(count, "int64"), empty(count, "float64"), empty(count, "int64")
            for i in range(count):
                (<Py_ssize_t*>cnp.PyArray_DATA(queries))[i] = self.search.found[i].query
                (<double*>cnp.PyArray_DATA(scores))[i] = self.search.found[i].score
                (<Py_ssize_t*>cnp.PyArray_DATA(ids))[i] = self.search.found[i].id
        finally:
            free(self.search.found)
            self.search.found = NULL
        return queries, scores.astype(self.score_dtype()), ids

    def matrix(self, cnp.ndarray out, Py_ssize_t symmetric=-1):
        """All scores into out (m, n), adjacent along n. symmetric: the queries are the corpus's rows from this one on;
        columns up to their last are written, and mirrored into the rows above."""
        self.search.result = RESULT_MATRIX
        self.search.c = cnp.PyArray_DATA(out)
        self.search.c_row = cnp.PyArray_STRIDE(out, 0) // cnp.PyArray_ITEMSIZE(out)
        self.search.symmetric = symmetric
        self.run()
