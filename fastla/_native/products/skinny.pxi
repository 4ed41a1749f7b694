# Products of few rows of a, and of a short k: tiles side by side along the rows of b, as memory likes them.

# Few rows against a large b: b is read once, at memory's speed, a few of its rows at a time along their whole length, as
# the prefetchers like it; c's rows stay in cache. A strip's tiles lie side by side here, as they do where k is SHALLOW and writing
# c's rows from end to end is what counts. The more rows of a, the more it costs
# to come back to c, and the more rows of b are taken at a time. Measured (4096 x 4096 float32, two threads, GFLOPS at 8, 16, 32
# rows of b): 2 rows of a 41, 37, 29; 4: 68, 62, 47; 6: 74, 87, 68; 8: 75, 105, 88; 16: 84, 129, 157. Without prefetching 6 rows
# reach 68. How far ahead in a row (ms, Zen 5, 2, 4, 8, 16 rows): 1 panel 1.5, 1.8, 2.7, 3.5; 2 panels 1.1, 1.5, 1.9, 2.5; 4 panels 1.1, 1.5, 1.7, 2.8; 8 panels 1.0, 1.5, 1.8, 2.7. 2 or 4 KiB of b's rows a task instead of 8: 30 % less.
# A Zen 4, whose L1 keeps but 8 lines a power of two apart, is hindered by 4 and more: 6 and 16 rows take 2.45 and 4.4 ms with 4 panels, 2.0 and 3.8 with 2,
# 2.2 and 4.2 with 1; float64, 16 rows: 9.5 with 32 rows of b at a time, which do not fit into its L2 either, 7.6 with 16.
cdef enum:
    STREAM_BYTES = 8192     # of a row of b in a task


cdef Py_ssize_t stream_depth(Py_ssize_t m) noexcept nogil:
    return 8 * ceil_div(m, 4) if m <= 8 else 128 // <Py_ssize_t>sizeof(real)


cdef void side_by_side(const Product* g, Py_ssize_t first, Py_ssize_t m, Py_ssize_t column, Py_ssize_t n, Py_ssize_t p,
                       Py_ssize_t k, Py_ssize_t ahead) noexcept nogil:
    cdef Py_ssize_t row, whole = n - n % NR
    cdef int rows, nv
    cdef Strip s
    s.k = k
    s.a_row = g.a_row
    s.a_col = g.a_col
    s.a_next = 0
    s.b_row = g.b_row
    s.c_row = g.c_row
    s.b_next = s.c_next = NR
    s.add = p > 0
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
            nv = place_panel(&s, n - whole, 0, 1, False)
            micro_kernel_any(rows, nv, &s)
