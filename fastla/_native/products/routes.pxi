# Which way a product is computed. Shape and strides alone decide, so equal products have equal bits wherever they stand
# and however many threads there are.

# Along k a dot product fills its vectors, but ends in LANES_SUM operations that add up the lanes. Its rival, where it
# may read b in place, has `columns` of LANES lanes full; where not, it must first transpose the large operand, at
# PACK_COST an element. A lone column is always better off ("Inner products").
cdef inline bint inner_pays(Py_ssize_t columns, Py_ssize_t k, bint rival_in_place) noexcept nogil:
    if columns == 1:
        return k > 1
    if rival_in_place:
        return k * (LANES - columns) > LANES_SUM * columns * LANES
    return k >= LANES and k * PACK_COST > columns * LANES_SUM


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
    if g.n <= INNER_COLUMNS and g.a_col == 1 and (g.n <= g.m or not adjacent) and inner_pays(g.n, g.k, adjacent):
        return ROUTE_INNER
    if g.m <= INNER_COLUMNS and g.b_row == 1 and not adjacent and inner_pays(g.m, g.k, False):
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
    cdef int inner
    if g.m == 1 and g.n == 1:
        return ROUTE_DOT
    inner = inner_route(g)
    if inner >= 0:
        return <Route>inner
    if transposed_pays(g):
        return ROUTE_TRANSPOSED
    if adjacent and g.m <= SKINNY and 1.0 * g.n * g.k > IN_PLACE_ELEMENTS:
        return ROUTE_STREAM
    if adjacent and by_rows and (g.m <= SKINNY or g.k <= SHALLOW):
        return ROUTE_ROWS
    if adjacent and (g.k <= SHALLOW or 1.0 * g.n * g.k <= IN_PLACE_ELEMENTS):
        return ROUTE_IN_PLACE
    if by_rows and g.k <= SHALLOW and not adjacent:
        return ROUTE_TRANSPOSE_B
    return ROUTE_PACK_B if g.a_col == 1 else ROUTE_PACK_BOTH


cdef int product_route(const Product* g) noexcept nogil:
    if g.m == 1 and g.n > 1 and g.b_col == 1:
        return ROUTE_GEMV
    return ROUTE_SPLIT_K if split_depth(g) < g.k else part_route(g)
