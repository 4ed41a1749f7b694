# The ways of searching, and the choice among them by numbers of queries, rows and k and by how the corpus is held:
# never by its values.
#
# Stored blocks have the corpus in a vector's lanes, so that few queries are fast. Raw rows are read where they lie, as
# a product reads its a, and many queries are packed into the lanes; packing the corpus instead takes as long as 20
# queries.
#   ROUTE_RAW_FEW   raw rows; dot products along d with a few queries, while the rows are made ready: no lane is empty
#   ROUTE_COLUMNS   raw rows that lie across; a few queries' products are summed column by column
#   ROUTE_RAW       raw rows against micro-panels of queries
#   ROUTE_NEAREST   the same for k = 1, many queries and few rows: each query keeps its best in its lane
#   ROUTE_SCAN      stored blocks; few queries wait for memory: all products of a chunk come first, then its scores
#   ROUTE_STORED    stored blocks, scored one by one
#   ROUTE_RAW_PREFILTER, ROUTE_STORED_PREFILTER
#                   the same, but most rows are dropped by products of 8 bits first, and the others re-ranked (prune/)

cdef enum:
    FEW = 8                         # queries up to which raw rows take dot products along d
    FEW_ACROSS = 24                 # and sums of columns: docs/measurements.md, "Corpora that lie across"
    SCAN = SHARING_TILES * MR       # queries from which stored blocks are scored one by one, the next being prefetched
    # Queries in whose time a row of a stored block is gathered into another: docs/measurements.md, "Gathering masked
    # rows".
    GATHER_COST = 64
    # Queries, numbers of a row, and rows for each of the k best from which a prefilter pays: docs/measurements.md,
    # "When to prefilter".
    PREFILTER_QUERIES = 24
    PREFILTER_DEPTH = 16
    PREFILTER_ROWS = 800
    PREFILTER_DEPTH_MOST = 8192     # to which memory and sums of 32 bits suffice
    # Queries from which, and blocks of rows up to which, each keeps its best alone; and numbers of a row from which
    # a prefilter takes less: docs/measurements.md, "The nearest of few rows".
    NEAREST_QUERIES = 192
    NEAREST_BLOCKS = 42
    NEAREST_DEPTH = 64


# Where the rows of the corpus are read.
cdef enum:
    SOURCE_IN_PLACE         # where they lie
    SOURCE_COPIED           # raw rows of another type or layout: widened into a chunk
    SOURCE_GATHERED         # those that a mask allows: copied side by side into a chunk


cdef inline bint is_raw(const Search* s) noexcept nogil:
    return s.blocks.data == NULL


# Does gathering the rows of stored blocks that a mask allows take less than scoring all blocks that hold one?
cdef bint gathering_pays(const Search* s) noexcept nogil:
    cdef Py_ssize_t first, occupied = 0, allowed = 0, here
    for first from 0 <= first < s.blocks.n by BLOCK_ROWS:
        here = count_allowed(s.mask + first, 1, smaller(BLOCK_ROWS, s.blocks.n - first))
        allowed += here
        occupied += here > 0
    return 1.0 * allowed * (s.queries.n + GATHER_COST) < 1.0 * occupied * BLOCK_ROWS * s.queries.n


# Are columns of raw rows summed where they lie?
cdef inline bint takes_columns(const Search* s) noexcept nogil:
    return is_raw(s) and in_columns(&s.rows) and s.all_queries <= FEW_ACROSS and (s.mask == NULL or s.mask_row != 0)


cdef int choose_source(const Search* s) noexcept nogil:
    if s.mask != NULL and s.mask_row == 0 and (is_raw(s) or gathering_pays(s)):
        return SOURCE_GATHERED
    return SOURCE_COPIED if is_raw(s) and not in_place(&s.rows) and not takes_columns(s) else SOURCE_IN_PLACE


# rows: those that are scored.
cdef inline bint prefilter_pays(const Search* s, Py_ssize_t rows) noexcept nogil:
    return PREFILTERS and s.function.call == NULL and s.queries.n >= PREFILTER_QUERIES and \
        PREFILTER_DEPTH <= s.queries.d <= PREFILTER_DEPTH_MOST and \
        (s.result != RESULT_TOPK or s.k * PREFILTER_ROWS <= rows)


cdef inline bint nearest_pays(const Search* s, Py_ssize_t rows) noexcept nogil:
    return s.result == RESULT_TOPK and s.k == 1 and s.queries.n >= NEAREST_QUERIES and \
        s.function.call == NULL and s.exclude == NULL and (s.mask == NULL or s.mask_row == 0) and \
        rows <= NEAREST_BLOCKS * BLOCK_ROWS and rows * s.queries.d * <Py_ssize_t>sizeof(real) <= GROUPED_BYTES


cdef int choose_route(const Search* s, Py_ssize_t rows) noexcept nogil:
    cdef bint nearest
    if is_raw(s):
        if takes_columns(s):
            return ROUTE_COLUMNS
        if s.queries.n <= FEW:
            return ROUTE_RAW_FEW
        nearest = nearest_pays(s, rows)
        if prefilter_pays(s, rows) and not (nearest and s.queries.d < NEAREST_DEPTH):
            return ROUTE_RAW_PREFILTER
        return ROUTE_NEAREST if nearest else ROUTE_RAW
    if prefilter_pays(s, rows):
        return ROUTE_STORED_PREFILTER
    return ROUTE_SCAN if s.queries.n < SCAN else ROUTE_STORED


# The rows that are scored: those that are gathered, or all.
cdef inline Py_ssize_t scored_rows(const Search* s, int source) noexcept nogil:
    return s.allowed if source == SOURCE_GATHERED else s.rows.n if is_raw(s) else s.blocks.n


cdef int search_route(const Search* s) noexcept nogil:
    return choose_route(s, scored_rows(s, choose_source(s)))
