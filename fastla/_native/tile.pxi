# The micro-kernel: tiles of c, each held in registers over the whole of k.


# A strip of `tiles` tiles, one below the other: c[rows, nv vectors] (+)= a[rows, k] @ b[k, nv vectors].
# a: element (i, p) of a tile at i * a_row + p * a_col, so packed panels (1, MR) and operands in place serve alike; the next
# tile a_next on. b: row p at p * b_row, its elements adjacent. The last vector starts `last` elements into the row:
# (nv - 1) * LANES, or less, overlapping its neighbour, where the columns are no multiple of LANES. With `part` only its
# first `tail` lanes exist. rows, nv and part are literals at every call, so the loops unroll and acc stays in registers.
#
# Measured, panels in cache: AVX-512 8 x 3 115 GFLOPS of 117 (float32), AVX2 4 x 3 118 of 118; runtime strides cost nothing
# against literal (1, MR). Tried: AVX2 6 x 2 (101) and 5 x 2 (113), AVX-512 12 x 2 (111) and 6 x 4 (115).
# Prefetching c at entry is worth 2 % in float32 and 8 % in float64; prefetching b or a, 4 to 16 steps ahead, costs 3 %.
# The loop over tiles is in here because GCC unrolls the loops over acc early enough to keep it out of memory
# only where they are not outermost: else it is stored and loaded once around the loop over k.
cdef inline void strip(const int rows, const int nv, const bint part, Py_ssize_t tiles, Py_ssize_t k,
                       const real* a, Py_ssize_t a_row, Py_ssize_t a_col, Py_ssize_t a_next,
                       const real* b, Py_ssize_t b_row, Py_ssize_t last, Py_ssize_t tail,
                       real* c, Py_ssize_t c_row, bint add) noexcept nogil:
    cdef vec acc[MR][NV]
    cdef vec b_vec[NV]
    cdef const real* a_p
    cdef const real* b_p
    cdef int i, j
    cdef Py_ssize_t p, t
    for t in range(tiles):
        for i in range(rows):
            for j in range(nv):
                acc[i][j] = zero()
                prefetch(c + i * c_row + j * LANES)
        a_p = a
        b_p = b
        for p in range(k):
            for j in range(nv - 1):
                b_vec[j] = load(b_p + j * LANES)
            b_vec[nv - 1] = load_part(b_p + last, tail) if part else load(b_p + last)
            for i in range(rows):
                for j in range(nv):
                    acc[i][j] = acc[i][j] + a_p[i * a_row] * b_vec[j]
            a_p += a_col
            b_p += b_row
        if add:
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
        a += a_next
        c += rows * c_row


# The literals. MR is a constant: the rows that a target does not have are dead code.
cdef inline void strip_of_rows(int rows, const int nv, const bint part, Py_ssize_t tiles, Py_ssize_t k,
                               const real* a, Py_ssize_t a_row, Py_ssize_t a_col, Py_ssize_t a_next,
                               const real* b, Py_ssize_t b_row, Py_ssize_t last, Py_ssize_t tail,
                               real* c, Py_ssize_t c_row, bint add) noexcept nogil:
    if rows == MR:
        strip(MR, nv, part, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
    elif rows == 1:
        strip(1, nv, part, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
    elif MR > 2 and rows == 2:
        strip(2, nv, part, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
    elif MR > 3 and rows == 3:
        strip(3, nv, part, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
    elif MR > 4 and rows == 4:
        strip(4, nv, part, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
    elif MR > 5 and rows == 5:
        strip(5, nv, part, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
    elif MR > 6 and rows == 6:
        strip(6, nv, part, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
    elif MR > 7 and rows == 7:
        strip(7, nv, part, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)


cdef void any_strip(int rows, int nv, Py_ssize_t tiles, Py_ssize_t k,
                    const real* a, Py_ssize_t a_row, Py_ssize_t a_col, Py_ssize_t a_next,
                    const real* b, Py_ssize_t b_row, Py_ssize_t last, Py_ssize_t tail,
                    real* c, Py_ssize_t c_row, bint add) noexcept nogil:
    if tail:
        if nv == NV:
            strip_of_rows(rows, NV, True, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
        elif nv == 1:
            strip_of_rows(rows, 1, True, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
        elif NV > 2:
            strip_of_rows(rows, 2, True, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
    else:
        if nv == NV:
            strip_of_rows(rows, NV, False, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
        elif nv == 1:
            strip_of_rows(rows, 1, False, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
        elif NV > 2:
            strip_of_rows(rows, 2, False, tiles, k, a, a_row, a_col, a_next, b, b_row, last, tail, c, c_row, add)
