# Where one way of computing a product becomes better than another, and how much is done at a time. Nothing here changes
# what is computed. Each constant was measured: docs/measurements.md, "Products", has the figures of those that name a
# heading.

# Chosen by shape and strides (routes.pxi; in a batch, batched.pxi: "Small products of a stack").
cdef enum:
    FEW_NUMBERS = 4                 # k up to which a column of a few rows is a tile, in a batch
    ROW_DEPTH = 16                  # k from which a row has more sums than a tile of one row, in a batch
    IN_PLACE_ELEMENTS = 256 * 256   # of b: up to here it stays in L2, and packing costs more than it gains
    SKINNY = 6 * MR                 # rows: up to here each element of b is read too seldom to repay packing
    SHALLOW = 64                    # k up to which c is written row by row rather than micro-panel by micro-panel
    INNER_COLUMNS = 8               # columns that dot products along k are for
    INNER_SIDE = 48                 # rows and columns up to which a long k, along which both operands are adjacent, is
                                    # for them too
    INNER_ROWS = 12 + 64 // LANES   # rows up to which it is, however many the columns: the fewer the lanes, the cheaper
                                    # their sum
    SYRK_DEPTH = 4 * LANES          # k up to which writing c's other half costs more than computing it
    LANES_SUM = 6                   # what adding up a vector's lanes costs, in vector operations
    PACK_COST = 1                   # what transposing an element costs, in the same
    TRANSPOSE_DEPTH = 64            # k from which transposing a long c of few columns costs less than transposing a
    TURN_ELEMENTS = 2048 * 2048     # of b, from which few rows are transposed though lanes stay empty: "Few rows
                                    # against columns along k"
    TRANSPOSE_SIDE = 256            # rows or columns up to which a.T and b.T, both at hand, are multiplied instead of
                                    # transposing them
    PACK_A_DEPTH = 32               # k up to which a is read in place even across its rows
    SPLIT_K = 512                   # least depth of a part where k is split ...
    SPLIT_ELEMENTS = 128 * 128      # ... because c is this small: "Splitting k"
    SPLIT_COLUMN = 16               # the same, where c is a column of dot products
    SPLIT_PARTS = 64                # at most: each has a c of its own

# How much at a time.
cdef enum:
    TRANSPOSE_PIECE = 256           # of c's longer side: what is computed transposed, then transposed back
    TRANSPOSE_COLUMNS = 512         # of b, in a task that transposes it
    WIDE_DEPTH = 24                 # k from which a cut vector of packed b goes with its neighbours: "Edge tiles"
    PACK_ROWS = 16                  # of b at a time: at least a cache line's worth along k: "Packing b"
    OWN_BYTES = 524288              # of b, in a task that packs its own columns of it: "Packing b"
    OWN_ROWS = 256                  # of a in such a task, at least, as long as columns can be divided, ...
    OWN_LEAST_ROWS = 64             # ... and anyway
    STREAM_BYTES = 8192             # of a row of b in a task, where b is streamed: "Few rows against a large b"
    BATCH_NS = 500000               # duration from which the products of a batch are done one by one, by all threads
    BATCH_BYTES = 4096              # of one product's operands: up to here nothing is decided for each of a batch


# How long a product takes one thread, in nanoseconds.
cdef inline double duration(const Product* g) noexcept nogil:
    return cost(1.0 * g.m * g.n * g.k, 1.0 * g.m * g.k + 1.0 * g.k * g.n + 1.0 * g.m * g.n, sizeof(real))
