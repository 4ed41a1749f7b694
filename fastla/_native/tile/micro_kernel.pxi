# The micro-kernel: tiles of c, each held in registers over the whole of k; and how columns are dealt out to tiles.


cdef enum:
    PREFETCH_DEPTH = 32         # k from which c is prefetched


# A strip of `tiles` tiles: c[rows, nv vectors] (+)= a[rows, k] @ b[k, nv vectors], then a, b and c move on. Tiles one
# below the other have b_next 0; the same tile of every product in a batch has the batch's strides.
cdef struct Strip:
    Py_ssize_t tiles, k
    Py_ssize_t a_next, b_next, c_next
    const real* a           # element (i, p) of a tile at i * a_row + p * a_col: packed (1, MR) or in place
    Py_ssize_t a_row, a_col
    const stored* b         # row p at p * b_row, its elements adjacent
    Py_ssize_t b_row
    Py_ssize_t last         # where in the row the last vector starts: (nv - 1) * LANES, or less, overlapping its
                            # neighbour
    Py_ssize_t tail         # 0, or: only the last vector's first `tail` lanes exist
    real* c
    Py_ssize_t c_row
    bint accumulate         # add to what c holds
    Py_ssize_t ahead        # how far ahead of a row b is prefetched; 0: not
    Py_ssize_t share        # if `shared`: only a line a row is, from `ahead` on in strides of `share` through all the
                            # tiles


# rows, nv, part (is there a tail?) and shared are literals at every call, so the loops unroll and acc stays in
# registers. The epilogue is to store the sums or to add them to c; what else becomes of c is tile/epilogue.pxi's.
# Figures: docs/measurements.md, "Tile sizes" and "Prefetching in the micro-kernel".
#
# The loop over tiles is in here because GCC unrolls the loops over acc early enough to keep it out of memory
# only where they are not outermost: else it is stored and loaded once around the loop over k.
cdef inline void micro_kernel(const int rows, const int nv, const bint part, const bint shared,
                              const Strip* s) noexcept nogil:
    cdef vec acc[MR][NV]
    cdef vec b_vec[NV]
    cdef const real* a = s.a
    cdef const real* a_p
    cdef const real* a_q        # four rows below: with indices 0 to 3 on two pointers, strides need half the registers
    cdef const stored* b_p
    cdef const stored* b = s.b
    cdef const stored* b_ahead = s.b + s.ahead
    cdef real* c = s.c
    cdef Py_ssize_t a_row = s.a_row, a_col = s.a_col, b_row = s.b_row, c_row = s.c_row, last = s.last, tail = s.tail
    cdef Py_ssize_t ahead = s.ahead, share = s.share, p, t
    cdef int i, j
    for t in range(s.tiles):
        for i in range(rows):
            for j in range(nv):
                acc[i][j] = zero()
                if s.k >= PREFETCH_DEPTH:
                    prefetch(c + i * c_row + j * LANES)
        a_p = a
        a_q = a + 4 * a_row
        b_p = b
        for p in range(s.k):
            for j in range(nv - 1):
                b_vec[j] = load_stored(b_p + j * LANES)
            if shared:
                prefetch(b_ahead)
                b_ahead += share
            elif (rows > 2 or STORED_IS_REAL == 0 or ahead) and nv == NV and not part:
                for j in range((nv * LANES * <int>sizeof(stored) + LINE - 1) // LINE):
                    prefetch(b_p + ahead + j * (LINE // sizeof(stored)))
            b_vec[nv - 1] = load_stored_part(b_p + last, tail) if part else load_stored(b_p + last)
            for i in range(rows):
                for j in range(nv):
                    acc[i][j] = multiply_add(acc[i][j], splat((a_p if i < 4 else a_q)[i % 4 * a_row]), b_vec[j])
            a_p += a_col
            a_q += a_col
            b_p += b_row
        if s.accumulate:
            for i in range(rows):
                for j in range(nv - 1):
                    acc[i][j] = acc[i][j] + load(c + i * c_row + j * LANES)
                if part:
                    acc[i][nv - 1] = acc[i][nv - 1] + load_part(c + i * c_row + last, tail)
                else:
                    acc[i][nv - 1] = acc[i][nv - 1] + load(c + i * c_row + last)
        for i in range(rows):
            for j in range(nv - 1):
                store(c + i * c_row + j * LANES, acc[i][j])
            if part:
                store_part(c + i * c_row + last, acc[i][nv - 1], tail)
            else:
                store(c + i * c_row + last, acc[i][nv - 1])
        a += s.a_next
        b += s.b_next
        c += s.c_next


# The literals. MR is a constant: the rows that a target does not have are dead code.
cdef inline void micro_kernel_rows(int rows, const int nv, const bint part, const Strip* s) noexcept nogil:
    if rows == MR:
        micro_kernel(MR, nv, part, False, s)
    elif rows == 1:
        micro_kernel(1, nv, part, False, s)
    elif MR > 2 and rows == 2:
        micro_kernel(2, nv, part, False, s)
    elif MR > 3 and rows == 3:
        micro_kernel(3, nv, part, False, s)
    elif MR > 4 and rows == 4:
        micro_kernel(4, nv, part, False, s)
    elif MR > 5 and rows == 5:
        micro_kernel(5, nv, part, False, s)
    elif MR > 6 and rows == 6:
        micro_kernel(6, nv, part, False, s)
    elif MR > 7 and rows == 7:
        micro_kernel(7, nv, part, False, s)


# A cut vector goes alone: beside others its mask and its own loads would push accumulators out of the registers of
# AVX2.
cdef void micro_kernel_any(int rows, int nv, const Strip* s) noexcept nogil:
    cdef Strip cut
    if s.tail:
        if nv > 1:
            cut = s[0]
            cut.tail = 0
            cut.last = (nv - 2) * LANES
            micro_kernel_any(rows, nv - 1, &cut)
            cut = s[0]
            cut.b = s.b + s.last
            cut.c = s.c + s.last
            cut.last = 0
            micro_kernel_rows(rows, 1, True, &cut)
        else:
            micro_kernel_rows(rows, 1, True, s)
    elif nv == NV:
        micro_kernel_rows(rows, NV, False, s)
    elif nv == 1:
        micro_kernel_rows(rows, 1, False, s)
    elif NV > 2:
        micro_kernel_rows(rows, 2, False, s)


# Columns are dealt out in whole vectors, micro-panels as even as possible (4 vectors are 2 + 2, not 3 + 1: a lone
# vector has too few accumulators to hide the FMA's latency). Panel i starts at this vector.
cdef inline Py_ssize_t panel_start(Py_ssize_t vectors, Py_ssize_t panels, Py_ssize_t i) noexcept nogil:
    return vectors * i // panels


# The columns of a strip: nv vectors from `column` of n on, to where s.b and s.c move. Where the last vector does not
# fit it is cut or, with `overlapping`, moved back over its neighbour.
cdef inline void place_strip(Strip* s, Py_ssize_t n, Py_ssize_t column, Py_ssize_t nv, bint overlapping) noexcept nogil:
    s.b += column
    s.c += column
    s.last = (nv - 1) * LANES
    s.tail = 0
    if column + nv * LANES > n:
        if overlapping and n >= LANES:
            s.last = n - LANES - column
        else:
            s.tail = n - column - s.last
