# The micro-kernel: a tile of c, held in registers over the whole of k.


# c[rows, nv vectors] (+)= a[rows, k] @ b[k, nv vectors].
# a: element (i, p) at i * a_row + p * a_col, so packed panels (1, MR) and operands in place serve alike.
# b: row p at p * b_row, its elements adjacent. The last vector starts `last` elements into the row: (nv - 1) * LANES,
# or less, overlapping its neighbour, where the columns are no multiple of LANES. With tail > 0 only its first `tail`
# lanes exist. rows, nv and part are literals at every call, so the loops unroll and acc stays in registers.
# Runtime strides cost nothing here: with literal (1, MR) the tile runs as fast (115 GFLOPS of 117, AVX-512 8 x 3;
# 118 of 118, AVX2 4 x 3). Tried: 6 x 2 (101) and 5 x 2 (113) with AVX2, 12 x 2 (111) and 6 x 4 (115) with AVX-512.
cdef inline void tile(const int rows, const int nv, const bint part, Py_ssize_t k,
                      const real* a, Py_ssize_t a_row, Py_ssize_t a_col, const real* b, Py_ssize_t b_row,
                      Py_ssize_t last, Py_ssize_t tail, real* c, Py_ssize_t c_row, bint add) noexcept nogil:
    cdef vec acc[MR][NV]
    cdef vec b_vec[NV]
    cdef int i, j
    cdef Py_ssize_t p
    for i in range(rows):
        for j in range(nv):
            acc[i][j] = zero()
    for p in range(k):
        for j in range(nv - 1):
            b_vec[j] = load(b + j * LANES)
        b_vec[nv - 1] = load_part(b + last, tail) if part else load(b + last)
        for i in range(rows):
            for j in range(nv):
                acc[i][j] = acc[i][j] + a[i * a_row] * b_vec[j]
        a += a_col
        b += b_row
    for i in range(rows):
        if add:
            for j in range(nv - 1):
                acc[i][j] = acc[i][j] + load(c + j * LANES)
            acc[i][nv - 1] = acc[i][nv - 1] + (load_part(c + last, tail) if part else load(c + last))
        for j in range(nv - 1):
            store(c + j * LANES, acc[i][j])
        if part:
            store_part(c + last, acc[i][nv - 1], tail)
        else:
            store(c + last, acc[i][nv - 1])
        c += c_row


cdef inline void tile_of_rows(int rows, const int nv, const bint part, Py_ssize_t k,
                              const real* a, Py_ssize_t a_row, Py_ssize_t a_col, const real* b, Py_ssize_t b_row,
                              Py_ssize_t last, Py_ssize_t tail, real* c, Py_ssize_t c_row, bint add) noexcept nogil:
    # MR is a constant: the rows a target does not have are dead code. MR itself is asked for first: it is the usual.
    if rows == MR:
        tile(MR, nv, part, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
    elif rows == 1:
        tile(1, nv, part, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
    elif MR > 2 and rows == 2:
        tile(2, nv, part, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
    elif MR > 3 and rows == 3:
        tile(3, nv, part, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
    elif MR > 4 and rows == 4:
        tile(4, nv, part, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
    elif MR > 5 and rows == 5:
        tile(5, nv, part, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
    elif MR > 6 and rows == 6:
        tile(6, nv, part, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
    elif MR > 7 and rows == 7:
        tile(7, nv, part, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)


cdef void any_tile(int rows, int nv, Py_ssize_t k, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
                   const real* b, Py_ssize_t b_row, Py_ssize_t last, Py_ssize_t tail,
                   real* c, Py_ssize_t c_row, bint add) noexcept nogil:
    if tail:
        if nv == NV:
            tile_of_rows(rows, NV, True, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
        elif nv == 1:
            tile_of_rows(rows, 1, True, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
        elif NV > 2:
            tile_of_rows(rows, 2, True, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
    else:
        if nv == NV:
            tile_of_rows(rows, NV, False, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
        elif nv == 1:
            tile_of_rows(rows, 1, False, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
        elif NV > 2:
            tile_of_rows(rows, 2, False, k, a, a_row, a_col, b, b_row, last, tail, c, c_row, add)
