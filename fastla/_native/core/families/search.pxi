# Part of the core: searching. Shapes and dtypes were checked by _validate.

METRICS = {"cosine": METRIC_COSINE, "dot": METRIC_DOT, "euclidean": METRIC_EUCLIDEAN}
SEARCH_ROUTES = {
    ROUTE_RAW_FEW: "raw few", ROUTE_COLUMNS: "columns", ROUTE_RAW: "raw",
    ROUTE_NEAREST: "nearest", ROUTE_RAW_PREFILTER: "raw prefilter",
    ROUTE_SCAN: "scan", ROUTE_STORED: "stored", ROUTE_STORED_PREFILTER: "stored prefilter",
}
CORPUS_BLOCK = BLOCK_ROWS
STORAGE_KERNELS = {}        # a storage dtype -> the kernels of the target in use that search it, once asked for

cdef enum:
    # Queries searched at a time: at least so many, and more where what is copied of them and their candidates stay in
    # L2, or where a thread does all for a group of them: docs/measurements.md, "Batches of queries".
    BATCH_QUERIES = 1024
    BATCH_BYTES = 1 << 20
    GROUPS_BYTES = 1 << 24
    CANDIDATE_BYTES = 32 << 20      # of all threads' reservoirs: fewer queries where k is large
    # But so many at least: parts of a batch then have more than FEW (routes.pxi), and all queries the same route.
    LEAST_QUERIES = 18


cdef int end_search(int status, unsigned flags) except -1:
    # A search warns of nothing: it has exceptions of numbers that no result is made of.
    fp_status_set(flags)
    return end("no memory for a search's blocks and candidates", status)


cdef inline int score_type(const Kernels* kernels) noexcept:
    return cnp.NPY_DOUBLE if strcmp(kernels.element, b"float64") == 0 else cnp.NPY_FLOAT


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


# Batches that m queries are cut into, as even as can be.
cdef Py_ssize_t batches_of(const Search* s, int threads) noexcept nogil:
    cdef Py_ssize_t n = corpus_rows(s), most = BATCH_QUERIES, room = 0
    cdef bint grouped = n * s.queries.d * 4 <= GROUPED_BYTES
    if s.result == RESULT_TOPK:
        room = 16 * threads * 2 * min(s.k, n)
    most = max(most, (GROUPS_BYTES if grouped else BATCH_BYTES) // (8 * s.queries.d + room + 64))
    if room:
        most = min(most, CANDIDATE_BYTES // room)
    most = max(most, LEAST_QUERIES)
    return (s.queries.n + most - 1) // most


# Searches batch by batch.
cdef int search_batches(const Kernels* kernels, const Search* whole) except -1:
    cdef Search s = whole[0]
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef Py_ssize_t m = whole.queries.n, first = 0, count, i, size = 8 if score_type(kernels) == cnp.NPY_DOUBLE else 4
    cdef int status = KERNEL_OK
    s.all_queries = m
    make_ready(kernels, ENTRY_search)
    fill(&runtime)
    with cython.nogil:
        count = batches_of(whole, runtime.threads)
        for i in range(count):
            s.queries.n = (i + 1) * m // count - first
            status = call_search(kernels, &s, &runtime)
            if status != KERNEL_OK:
                break
            first += s.queries.n
            s.first_query = first
            s.queries.data += s.queries.n * s.queries.row
            if s.mask != NULL:
                s.mask += s.queries.n * s.mask_row
            if s.exclude != NULL:
                s.exclude += s.queries.n
            if s.result == RESULT_TOPK:
                s.ids += s.queries.n * s.k
                s.scores = <char*>s.scores + s.queries.n * s.k * size
    return end_search(status, flags)


# The scores and ids of the k best, (m, k) or of a single query (k,). search.k is set, and all that it says of queries
# and corpus.
cdef object best_of(const Kernels* kernels, Search* search, bint single):
    cdef cnp.npy_intp shape[2]
    cdef cnp.ndarray scores, ids
    shape[0] = search.queries.n
    shape[1] = search.k
    scores = <cnp.ndarray>cnp.PyArray_EMPTY(1 if single else 2, shape + single, score_type(kernels), 0)
    ids = <cnp.ndarray>cnp.PyArray_EMPTY(1 if single else 2, shape + single, cnp.NPY_INT64, 0)
    search.result = RESULT_TOPK
    search.scores = cnp.PyArray_DATA(scores)
    search.ids = <Py_ssize_t*>cnp.PyArray_DATA(ids)
    search_batches(kernels, search)
    return scores, ids


# (lims, scores, ids) of all that reach search.threshold.
cdef object all_reaching(const Kernels* kernels, Search* search):
    cdef FoundList lists[POOL_MAX_THREADS]
    cdef int i
    if search.queries.n >> 32:
        raise ValueError(f"range_search: there are {search.queries.n} queries, expected fewer than 2**32")
    memset(lists, 0, sizeof(lists))
    search.result = RESULT_RANGE
    search.lists = lists
    try:
        search_batches(kernels, search)
        return collected(kernels, search)
    finally:
        for i in range(POOL_MAX_THREADS):
            free(lists[i].items)


cdef object collected(const Kernels* kernels, const Search* search):
    cdef Collection to
    cdef Runtime runtime
    cdef cnp.npy_intp count = 0
    cdef cnp.ndarray lims, scores, ids
    cdef int i, status
    to.threads = 0
    for i in range(POOL_MAX_THREADS):
        count += search.lists[i].count
        if search.lists[i].count:
            to.threads = i + 1
    scores = <cnp.ndarray>cnp.PyArray_EMPTY(1, &count, score_type(kernels), 0)
    ids = <cnp.ndarray>cnp.PyArray_EMPTY(1, &count, cnp.NPY_INT64, 0)
    count = search.queries.n + 1
    lims = <cnp.ndarray>cnp.PyArray_EMPTY(1, &count, cnp.NPY_INT64, 0)
    fill(&runtime)
    to.lists = search.lists
    to.metric = search.metric
    to.m = search.queries.n
    to.lims = <Py_ssize_t*>cnp.PyArray_DATA(lims)
    to.ids = <Py_ssize_t*>cnp.PyArray_DATA(ids)
    to.scores = cnp.PyArray_DATA(scores)
    with cython.nogil:
        status = kernels.collect(&to, &runtime)
    end("no memory for what a search has found", status)
    return lims, scores, ids


cdef class Request:
    """One search, and what it points to."""
    cdef Search search
    cdef object kept, capsule

    def __init__(self, capsule, metric, corpus, cnp.ndarray queries, mask=None, exclude=None):
        """corpus: rows (n, d), or stored blocks. queries: (m, d). mask: (n,) or (m, n) booleans of any layout."""
        memset(&self.search, 0, sizeof(Search))
        self.capsule = capsule
        self.search.metric = METRICS[metric]
        set_rows(&self.search.queries, queries)
        if type(corpus) is ndarray:
            set_rows(&self.search.rows, corpus)
            self.search.allowed = self.search.rows.n
        else:
            set_blocks(&self.search.blocks, corpus)
            self.search.allowed = corpus.n
        if mask is not None:
            mask = self.set_mask(mask)
        if exclude is not None:
            self.search.exclude = <const Py_ssize_t*>cnp.PyArray_DATA(<cnp.ndarray>exclude)
        self.kept = (corpus, queries, mask, exclude)

    cdef object set_mask(self, mask):
        if not set_mask(&self.search, mask):
            mask = ascontiguousarray(mask if mask.ndim == 1 else mask[0])
            set_mask(&self.search, mask)
        return mask

    def fewest(self):
        """How many rows that query may find which may find fewest."""
        return fewest(&self.search)

    def score_by(self, function, cnp.ndarray query_norms, cnp.ndarray row_norms):
        """Let a user's function make scores of the products (metric "dot"); norms of all queries and rows."""
        self.kept = (*self.kept, function, query_norms, row_norms)
        self.search.function = user_function(function)
        self.search.query_norms = cnp.PyArray_DATA(query_norms)
        self.search.row_norms = cnp.PyArray_DATA(row_norms)

    def route(self, Py_ssize_t k):
        """The name of the route that best(k) takes."""
        self.search.result = RESULT_TOPK
        self.search.k = k
        self.search.all_queries = self.search.queries.n
        return SEARCH_ROUTES[kernels_of(self.capsule).search_route(&self.search)]

    def best(self, Py_ssize_t k):
        """(scores, ids) of the best k, (m, k)."""
        self.search.k = k
        return best_of(kernels_of(self.capsule), &self.search, False)

    def reaching(self, double threshold):
        """(lims, scores, ids) of all that reach the threshold: query i has those from lims[i] on and before
        lims[i + 1], best first."""
        self.search.threshold = threshold
        return all_reaching(kernels_of(self.capsule), &self.search)
