# Few rows of a, or a short k: tiles side by side along the rows of b, as memory likes them. A large b is read once, at
# memory's speed, a few of its rows at a time; c's rows stay in cache. Where k is SHALLOW, writing c's rows from end to
# end is what counts.

# Rows of b at a time where it is streamed: the more rows of a, the more it costs to come back to c ("Few rows against a
# large b").
cdef Py_ssize_t stream_depth(Py_ssize_t m) noexcept nogil:
    return 8 * ceil_div(m, 4) if m <= 8 else 128 // <Py_ssize_t>sizeof(real)


# c[first : first + m, column : column + n] (+)= a[:, p : p + k] @ b[p : p + k]. `ahead`: how far ahead in its rows b is
# prefetched.
cdef void multiply_rows(const Product* g, Py_ssize_t first, Py_ssize_t m, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p,
                        Py_ssize_t k, Py_ssize_t ahead) noexcept nogil:
    cdef Py_ssize_t row, whole = n - n % NR
    cdef int rows, nv = <int>ceil_div(n - whole, LANES)
    cdef Strip s
    s.k = k
    s.a_row = g.a_row
    s.a_col = g.a_col
    s.a_next = 0
    s.b_row = g.b_row
    s.c_row = g.c_row
    s.b_next = s.c_next = NR
    s.accumulate = p > 0
    s.ahead = ahead
    for row from first <= row < first + m by MR:
        rows = <int>smaller(MR, first + m - row)
        s.a = <const real*>g.a + row * g.a_row + p * g.a_col
        s.b = <const stored*>g.b + p * g.b_row + column
        s.c = <real*>g.c + row * g.c_row + column
        s.last = (NV - 1) * LANES
        s.tail = 0
        s.tiles = n // NR
        if s.tiles:
            micro_kernel_any(rows, NV, &s)
            s.b += whole
            s.c += whole
        if whole < n:
            s.tiles = 1
            place_strip(&s, n - whole, 0, nv, False)
            micro_kernel_any(rows, nv, &s)
