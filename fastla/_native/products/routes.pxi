# Which way a product is computed. Shape and strides alone decide, so equal products have equal bits wherever they stand
# and however many threads there are.

# Where one way becomes better than another: docs/measurements.md, "Products" and "Routes judged".
cdef enum:
    IN_PLACE_ELEMENTS = 256 * 256   # of b: up to here it stays in L2, and packing costs more than it gains
    IN_PLACE_BYTES = 3 << 17        # and, of many rows' b, beside a and c: "A b of float64 in place"
    SKINNY = 6 * MR                 # rows: up to here each element of b is read too seldom to repay packing
    SHALLOW = 64                    # k up to which c is written row by row rather than micro-panel by micro-panel
    INNER_COLUMNS = 64              # that dot products along k are for, ...
    INNER_FEW_ROWS = 32 // REAL_BYTES       # ... and rows, whatever the columns: "Routes judged"
    INNER_SIDE = 48                 # rows up to which a long k is for them too, where c is symmetric
    INNER_ROWS = 12 + 64 // LANES   # rows up to which it is, however many the columns: the fewer the lanes, the cheaper
                                    # their sum
    SYRK_DEPTH = 16                 # k up to which writing c's other half costs more than computing it: "Routes judged"
    LANES_SUM = 3                   # what adding up a vector's lanes costs, in vector operations
    PACKED = 2                      # elements that are transposed in the time of one
    FMAS_IN_FLIGHT = 8              # sums that a tile needs, not to wait for them
    TRANSPOSE_DEPTH = 64            # k from which transposing a long c of few columns costs less than transposing a
    TURN_ELEMENTS = 2048 * 2048     # of b, from which few rows are transposed though lanes stay empty: "Few rows
                                    # against columns along k"
    TRANSPOSE_SIDE = 256            # rows or columns up to which a.T and b.T, both at hand, are multiplied instead of
                                    # transposing them
    SPLIT_K = 512                   # least depth of a part where k is split ...
    SPLIT_ELEMENTS = 128 * 128      # ... because c is this small: "Splitting k"
    SPLIT_COLUMN = 16               # the same, where c is a column of dot products
    SPLIT_PARTS = 64                # at most: each has a c of its own
    FEW_NUMBERS = 4                 # k up to which a column of a few rows is a tile, in a batch: "Small products of a
                                    # stack"
    ROW_DEPTH = 16                  # k from which a row has more sums than a tile of one row, in a batch

# How much at a time.
cdef enum:
    TRANSPOSE_PIECE = 256           # of c's longer side: what is computed transposed, then transposed back
    TRANSPOSE_COLUMNS = 512         # of b, in a task that transposes it
    WIDE_DEPTH = 24                 # k from which a cut vector of packed b goes with its neighbours: "Edge tiles"
    PACK_ROWS = 16                  # of b at a time: at least a cache line's worth along k: "Packing b"
    OWN_BYTES = 524288              # of b, in a task that packs its own columns of it: "Packing b"
    OWN_ROWS = 256                  # of a in such a task, at least, as long as columns can be divided, ...
    OWN_LEAST_ROWS = 64             # ... and anyway
    CACHED_BYTES = 32 << 20         # of an operand: from here on it comes from memory
    STREAM_BYTES = 8192             # of a row of b in a task, where b is streamed: "Few rows against a large b"
    BATCH_NS = 500000               # duration from which the products of a batch are done one by one, by all threads
    BATCH_BYTES = 4096              # of one product's operands: up to here nothing is decided for each of a batch


# How long a product takes one thread, in nanoseconds.
cdef inline double duration(const Product* g) noexcept nogil:
    return cost(1.0 * g.m * g.n * g.k, 1.0 * g.m * g.k + 1.0 * g.k * g.n + 1.0 * g.m * g.n, sizeof(real))


# Whether dot products along k, of rows of a with columns of b, beat tiles. They fill their vectors whatever n is, but
# end in adding up the lanes, and want columns adjacent along k; tiles want rows of b adjacent. Both in vector
# operations; they must win by a tenth ("Inner products").
cdef inline bint dots_beat_tiles(Py_ssize_t m, Py_ssize_t n, Py_ssize_t k, bint columns_adjacent,
                                 bint rows_adjacent) noexcept nogil:
    cdef double transposing = 1.0 * n * k / PACKED, vectors = ceil_div(n, LANES)
    cdef double dots = 1.0 * m * n * (1.0 * k / LANES + LANES_SUM)
    cdef double tiles = 1.0 * m * k * (vectors if vectors > 1 else 1.0 * larger(MR, FMAS_IN_FLIGHT) / MR)
    if not columns_adjacent:
        dots += transposing
    if not rows_adjacent:
        tiles += transposing
    return 1 < n <= INNER_COLUMNS and k >= LANES and 1.1 * dots < tiles


# Of a long k, where both operands are adjacent along it, dot products need no packing. That is worth more than the L2
# they wait for where c is small, or where few rows meet a large b ("Inner products").
cdef bint long_inner_pays(const Product* g) noexcept nogil:
    if g.k < 8 * LANES:
        return False
    return g.syrk and g.n <= INNER_SIDE or g.m <= INNER_ROWS and (g.n <= INNER_ROWS or g.n > g.m and not g.syrk)


# Dot products along k, of a's rows or, transposed, of b's columns; -1: neither.
cdef int inner_route(const Product* g) noexcept nogil:
    cdef bint adjacent = g.b_col == 1
    if g.a_col == 1 and g.b_row == 1 and not adjacent and long_inner_pays(g):
        return ROUTE_INNER if g.m >= g.n else ROUTE_TRANSPOSED
    if g.syrk:
        return -1
    if g.m <= INNER_FEW_ROWS and g.m < g.n and g.b_row == 1 and not adjacent and g.k >= LANES and \
            g.k > 2 * LANES_SUM * g.m:
        return ROUTE_TRANSPOSED
    if g.a_col == 1 and (g.n == 1 and g.k > 1 or dots_beat_tiles(g.m, g.n, g.k, g.b_row == 1, adjacent)):
        return ROUTE_INNER
    # Few rows that are adjacent neither way are copied whole, as the columns of b.T @ a.T.
    if g.a_col != 1 and g.a_row != 1 and g.b_row == 1 and not adjacent and \
            dots_beat_tiles(g.n, g.m, g.k, False, False):
        return ROUTE_TRANSPOSED
    return -1


# Whether few rows, as those of a layer, are transposed rather than a b whose columns are adjacent along k: b.T is read
# where it lies. Lanes that stay empty cost less than transposing a large b ("Few rows against columns along k").
cdef inline bint few_rows_turn(const Product* g) noexcept nogil:
    cdef Py_ssize_t lanes = ceil_div(g.m, LANES) * LANES
    return g.a_col == 1 and g.b_row == 1 and g.b_col != 1 and g.m <= 2 * SKINNY and g.n >= 8 * SKINNY and \
        g.k > SHALLOW and (8 * g.m >= 7 * lanes or 1.0 * g.n * g.k >= TURN_ELEMENTS)


# Whether c.T = b.T @ a.T spares transposing an operand.
cdef bint transposed_pays(const Product* g) noexcept nogil:
    cdef Py_ssize_t side = smaller(g.m, g.n)
    if few_rows_turn(g):
        return True
    if g.a_row != 1:
        return False
    # a.T is read where it lies; m > n, so that the transposed product is not transposed back.
    if (g.m >= 2 * LANES or g.n == 1 and g.m > 1) and \
            (g.n < LANES or g.n <= SKINNY and g.m > g.n and g.k >= TRANSPOSE_DEPTH and not g.syrk):
        return True
    # Where both operands would have to be transposed neither has to.
    return g.b_row == 1 and g.b_col != 1 and g.m > 1 and side <= TRANSPOSE_SIDE and \
        (g.k > SHALLOW or g.k >= side)


# The depth of a part where k is split; k or more: it is not.
cdef Py_ssize_t split_depth(const Product* g) noexcept nogil:
    # A column of dot products has its rows to divide among threads, if there are enough of them.
    if g.k < 2 * SPLIT_K or g.m * g.n > (SPLIT_COLUMN if g.n == 1 and g.a_col == 1 or g.m == 1 else SPLIT_ELEMENTS):
        return g.k
    return ceil_div(ceil_div(g.k, smaller(g.k // SPLIT_K, SPLIT_PARTS)), 8) * 8


# The route of a product that is one part of k, or all of it.
cdef Route part_route(const Product* g) noexcept nogil:
    cdef bint adjacent = g.b_col == 1       # b's columns
    cdef bint by_rows = g.n >= 2 * NR and not g.syrk        # c's rows are long enough to be written from end to end
    cdef double elements = 1.0 * g.n * g.k                  # of b
    cdef int inner
    if g.m == 1 and g.n == 1:
        return ROUTE_DOT
    inner = inner_route(g)
    if inner >= 0:
        return <Route>inner
    if transposed_pays(g):
        return ROUTE_TRANSPOSED
    if adjacent and g.m <= SKINNY and elements > IN_PLACE_ELEMENTS:
        return ROUTE_STREAM
    if adjacent and by_rows and (g.m <= SKINNY or g.k <= SHALLOW):
        return ROUTE_ROWS
    if adjacent and (g.k <= SHALLOW or elements <= IN_PLACE_ELEMENTS and elements * REAL_BYTES <= IN_PLACE_BYTES):
        return ROUTE_IN_PLACE
    if by_rows and g.k <= SHALLOW and not adjacent:
        return ROUTE_TRANSPOSE_B
    return ROUTE_PACK_B if g.a_col == 1 else ROUTE_PACK_BOTH


cdef int product_route(const Product* g) noexcept nogil:
    if g.m == 1 and g.n > 1 and g.b_col == 1:
        return ROUTE_GEMV
    return ROUTE_SPLIT_K if split_depth(g) < g.k else part_route(g)
