# Scalar quantization: numbers rounded to levels of 8 bits, whole numbers from -127 to 127 times a scale of their row.

cdef enum:
    INT8_LEVELS = 127
    QUAD = 4                    # levels in a lane of 32 bits
    VECTORS = BLOCK_ROWS // LANES


# A block of rows as levels, side by side: [ceil(d / QUAD)][BLOCK_ROWS] quads. Lanes without a row are zeros.
cdef struct Quantized:
    int32_t* quads
    output scale[BLOCK_ROWS]
    # Where a sum of products with unsigned bytes, 128 more than levels, begins: -128 times the sum of a row's levels.
    int32_t start[BLOCK_ROWS]
    output squares[BLOCK_ROWS]      # of a row's numbers, their sum; NaN or infinity: they are out of range
    output rest[BLOCK_ROWS]         # the same of what rounding leaves


cdef inline out_vec numbers_at(const void* x, const bint as_stored, Py_ssize_t i) noexcept nogil:
    return to_out(load_stored(<const stored*>x + i)) if as_stored else to_out(load(<const real*>x + i))


# The levels of a block, [d][BLOCK_ROWS] as it is stored or in reals (a literal at every call); flip turns signed bytes
# into unsigned ones that are 128 more.
cdef inline void quantize(Quantized* quantized, Py_ssize_t d, const void* x, const bint as_stored,
                          const bint flip) noexcept nogil:
    cdef out_vec most[BLOCK_ROWS]
    cdef out_vec squares[BLOCK_ROWS]
    cdef out_vec rest[BLOCK_ROWS]
    cdef out_vec sums[BLOCK_ROWS]
    cdef quads quad[BLOCK_ROWS]
    cdef out_vec v, level
    cdef output inverse[BLOCK_ROWS]
    cdef output largest[BLOCK_ROWS]
    cdef output sum[BLOCK_ROWS]
    cdef output low = <output>1e-10, high = <output>1e10        # within which no square overflows, or loses what counts
    cdef Py_ssize_t p, q
    cdef int i, j
    for j in range(VECTORS):
        most[j] = squares[j] = rest[j] = sums[j] = splat_out(0)
    for p in range(d):
        for j in range(VECTORS):
            v = numbers_at(x, as_stored, p * BLOCK_ROWS + j * LANES)
            most[j] = vec_max(vec_abs(v), most[j])
            squares[j] = squares[j] + v * v
    for j in range(VECTORS):
        store_out(largest + j * LANES, most[j])
        store_out(quantized.squares + j * LANES, squares[j])
    for i in range(BLOCK_ROWS):
        quantized.scale[i] = inverse[i] = 0
        if low < largest[i] < high:
            quantized.scale[i] = largest[i] / INT8_LEVELS
            inverse[i] = INT8_LEVELS / largest[i]
        elif largest[i] != 0:
            quantized.squares[i] = <output>infinity()
    for q in range(ceil_div(d, QUAD)):
        for j in range(VECTORS):
            quad[j] = splat_quads(0)
        for i in range(smaller(QUAD, d - q * QUAD)):
            for j in range(VECTORS):
                v = numbers_at(x, as_stored, (q * QUAD + i) * BLOCK_ROWS + j * LANES)
                level = vec_round(v * load_out(inverse + j * LANES))
                v = v - level * load_out(quantized.scale + j * LANES)
                rest[j] = rest[j] + v * v
                sums[j] = sums[j] + level
                quad[j] = quad[j] + to_byte(level, i)
        for j in range(VECTORS):
            store_quads(quantized.quads + q * BLOCK_ROWS + j * LANES, to_unsigned(quad[j]) if flip else quad[j])
    for j in range(VECTORS):
        store_out(quantized.rest + j * LANES, rest[j])
        store_out(sum + j * LANES, sums[j])
    for i in range(BLOCK_ROWS):
        # An infinity times 0 is NaN: such rows have no levels.
        quantized.start[i] = <int32_t>(-128 * sum[i]) if sum[i] == sum[i] else 0
