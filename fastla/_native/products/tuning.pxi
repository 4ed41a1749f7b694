# Where one way of doing a product becomes better than another. Measured; nothing here changes what is computed.

# Chosen by shape and strides.
cdef enum:
    IN_PLACE_ELEMENTS = 256 * 256   # of b: up to here it stays in L2, and packing costs more than it gains
    SKINNY = 6 * MR                 # rows: up to here each element of b is read too seldom to repay packing
    SHALLOW = 64                    # k up to which c is written row by row rather than panel by panel
    DOT_COLUMNS = 8                 # columns that dot products along k are for
    DOT_SIDE = 48                   # rows and columns up to which a long k, along which both operands are adjacent, is for them too, ...
    DOT_ROWS = 12 + 64 // LANES     # ... and rows up to which it is, however many the columns: the fewer the lanes, the less adding them up costs
    OWN_DEPTH = 4 * LANES           # k up to which writing c's other half costs more than computing it
    DOT_SUM = 6                     # what adding up a vector's lanes costs, in vector operations
    PACK_COST = 1                   # what turning an element costs, in the same
    TRANSPOSE_DEPTH = 64                 # k from which turning a long c of few columns costs less than turning a
    TRANSPOSE_SIDE = 256                 # rows or columns up to which a.T and b.T, both at hand, are multiplied instead of turning them
    TRANSPOSE_PIECE = 256                # of c's other side: what is turned at a time
    PACK_A_DEPTH = 32               # k up to which a is read in place even across its rows
    SPLIT_K = 512                   # least depth of a part where k is split ...
    SPLIT_ELEMENTS = 128 * 128      # ... because c is this small (2048 and 64 * 64 before: up to 2.5 times as slow, 100 x 100 x 2000 1.5)
    SPLIT_COLUMN = 16               # the same, where c is a column of dot products
    SPLIT_PARTS = 64                # at most: each has a c of its own
    STACK_NS = 500000               # duration from which the products of a stack are done one by one, by all threads
    STACK_BYTES = 4096              # of one product's operands: up to here a stack is done tile by tile, not product by product

# How long a product takes one thread, in nanoseconds.
cdef inline double duration(const Product* g) noexcept nogil:
    return cost(1.0 * g.m * g.n * g.k, 1.0 * g.m * g.k + 1.0 * g.k * g.n + 1.0 * g.m * g.n, sizeof(real))


cdef inline bint worth_waking(double ns) noexcept nogil:
    return ns >= WAKE_NS
