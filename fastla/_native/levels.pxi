# Numbers rounded to levels of 8 bits, for screen.pxi.

cdef enum:
    LEVELS = 127
    QUAD = 4                    # levels in a lane of 32 bits
    VECTORS = WIDTH // LANES


# Rows as levels, WIDTH side by side: [ceil(d / QUAD)][WIDTH] quads. Lanes without a row are zeros.
cdef struct Levels:
    int32_t* quads
    output step[WIDTH]
    int32_t start[WIDTH]        # of a sum of products with unsigned bytes, that are 128 more than levels: -128 times the sum of a row's levels
    output squares[WIDTH]       # of a row's numbers, their sum; NaN or infinity: they are out of range
    output rest[WIDTH]          # the same of what rounding leaves


cdef inline scores numbers_at(const void* x, const bint as_stored, Py_ssize_t i) noexcept nogil:
    return to_scores(load_stored(<const stored*>x + i)) if as_stored else to_scores(load(<const real*>x + i))


# The levels of WIDTH rows side by side, [d][WIDTH] as they are stored or reals (a literal at every call); flip turns signed bytes into unsigned
# ones that are 128 more.
cdef inline void make_levels(Levels* levels, Py_ssize_t d, const void* x, const bint as_stored, const bint flip) noexcept nogil:
    cdef scores most[WIDTH]
    cdef scores squares[WIDTH]
    cdef scores rest[WIDTH]
    cdef scores sums[WIDTH]
    cdef quads quad[WIDTH]
    cdef scores v, level
    cdef output inverse[WIDTH]
    cdef output largest[WIDTH]
    cdef output sum[WIDTH]
    cdef output low = <output>1e-10, high = <output>1e10        # within which no square overflows, or loses what counts
    cdef Py_ssize_t p, q
    cdef int i, j
    for j in range(VECTORS):
        most[j] = squares[j] = rest[j] = sums[j] = splat_scores(0)
    for p in range(d):
        for j in range(VECTORS):
            v = numbers_at(x, as_stored, p * WIDTH + j * LANES)
            most[j] = greater(magnitudes(v), most[j])
            squares[j] = squares[j] + v * v
    for j in range(VECTORS):
        store_scores(largest + j * LANES, most[j])
        store_scores(levels.squares + j * LANES, squares[j])
    for i in range(WIDTH):
        levels.step[i] = inverse[i] = 0
        if low < largest[i] < high:
            levels.step[i] = largest[i] / LEVELS
            inverse[i] = LEVELS / largest[i]
        elif largest[i] != 0:
            levels.squares[i] = <output>infinity()
    for q in range(ceil_div(d, QUAD)):
        for j in range(VECTORS):
            quad[j] = splat_quads(0)
        for i in range(smaller(QUAD, d - q * QUAD)):
            for j in range(VECTORS):
                v = numbers_at(x, as_stored, (q * QUAD + i) * WIDTH + j * LANES)
                level = nearest(v * load_scores(inverse + j * LANES))
                v = v - level * load_scores(levels.step + j * LANES)
                rest[j] = rest[j] + v * v
                sums[j] = sums[j] + level
                quad[j] = quad[j] + to_byte(level, i)
        for j in range(VECTORS):
            store_quads(levels.quads + q * WIDTH + j * LANES, flipped(quad[j]) if flip else quad[j])
    for j in range(VECTORS):
        store_scores(levels.rest + j * LANES, rest[j])
        store_scores(sum + j * LANES, sums[j])
    for i in range(WIDTH):
        levels.start[i] = <int32_t>(-128 * sum[i]) if sum[i] == sum[i] else 0       # an infinity times 0 is NaN: such rows have no levels
