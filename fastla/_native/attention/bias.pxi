# What is added to the scores of a tile: the mask and ALiBi, a row at a time, -infinity where a key is not seen.

cdef enum:
    # what a tile of the mask shows: nothing, all and adds nothing, or what must be read
    TILE_EMPTY, TILE_FULL, TILE_MIXED


cdef extern from *:
    """
    /* float64 numbers as reals: what is finite stays so, that a row of very small ones is uniform rather than empty. */
    static void read_clamped(real *to, const char *from, ptrdiff_t step, ptrdiff_t n)
    {
        for (ptrdiff_t i = 0; i < n; i++) {
            double x;
            memcpy(&x, from + i * step, sizeof x);
            int finite = x - x == 0;
            to[i] = finite && x < -(double)REAL_MAX ? -REAL_MAX : finite && x > (double)REAL_MAX ? REAL_MAX : (real)x;
        }
    }
    static void read_booleans(real *to, const char *from, ptrdiff_t step, ptrdiff_t n)
    {
        if (step == 1)
            for (ptrdiff_t i = 0; i < n; i++)
                to[i] = from[i] ? 0 : -REAL_INFINITY;
        else
            for (ptrdiff_t i = 0; i < n; i++)
                to[i] = from[i * step] ? 0 : -REAL_INFINITY;
    }
    enum { SOME_HIDE = 1, SOME_SHOW = 2 };
    /* What n booleans side by side do: bits of the above. */
    static int booleans_show(const char *from, ptrdiff_t n)
    {
        unsigned char any = 0, every = 1;
        for (ptrdiff_t i = 0; i < n; i++) {
            any |= (unsigned char)from[i];
            every &= from[i] != 0;
        }
        return (every ? 0 : SOME_HIDE) | (any ? SOME_SHOW : 0);
    }
    /* How many of n biases have this value. */
    static ptrdiff_t count_equal(const real *bias, ptrdiff_t n, real value)
    {
        integer count = 0;
        for (ptrdiff_t i = 0; i < n; i++)
            count += bias[i] == value;
        return count;
    }
    """
    enum:
        SOME_HIDE, SOME_SHOW
    void read_clamped(real* to, const char* source, Py_ssize_t step, Py_ssize_t n) noexcept nogil
    void read_booleans(real* to, const char* source, Py_ssize_t step, Py_ssize_t n) noexcept nogil
    int booleans_show(const char* source, Py_ssize_t n) noexcept nogil
    Py_ssize_t count_equal(const real* bias, Py_ssize_t n, real value) noexcept nogil


cdef inline void read_mask(const Heads* mask, const char* source, Py_ssize_t n, real* to) noexcept nogil:
    if mask.type == TYPE_uint8:
        read_booleans(to, source, mask.column, n)
    elif mask.type == TYPE_float64:
        read_clamped(to, source, mask.column, n)
    else:
        read_row(<output*>to, source, mask.column, n, mask.type)


# The bias of row i of a panel at keys [first, first + keys).
cdef void bias_row(const Attention* a, const Item* item, Py_ssize_t head, const Panel* panel, Py_ssize_t i,
                   Py_ssize_t first, Py_ssize_t keys,
                   bint masked, real* to) noexcept nogil:
    cdef Py_ssize_t query = (panel.first + i) % item.queries, j, distance
    cdef real slope
    head += (panel.first + i) // item.queries
    if masked:
        read_mask(&a.mask, item.mask + head * a.mask.head + query * a.mask.row + first * a.mask.column, keys, to)
    else:
        for j in range(keys):
            to[j] = 0
    if item.slopes != NULL:
        slope = (<const real*>(item.slopes + head * a.slopes.head))[0]
        for j in range(keys):
            distance = panel.position[i] - first - j
            to[j] = to[j] - slope * <real>(distance if distance > 0 else -distance)


# Whether a row of a bias has nothing but -infinity.
cdef inline bint sees_nothing(const real* bias, Py_ssize_t n) noexcept nogil:
    return count_equal(bias, n, -REAL_INFINITY) == n


# What so many rows and keys of a mask show. `bias` has room for a row.
cdef int classify(const Heads* mask, const char* source, Py_ssize_t rows, Py_ssize_t keys, real* bias) noexcept nogil:
    cdef bint full = True, empty = True
    cdef Py_ssize_t i
    for i in range(rows):
        read_mask(mask, source + i * mask.row, keys, bias)
        full = full and count_equal(bias, keys, 0) == keys
        empty = empty and sees_nothing(bias, keys)
        if not (full or empty):
            return TILE_MIXED
    return TILE_EMPTY if empty else TILE_FULL


# The same for all tiles of so many rows of booleans side by side; a row after the other, as memory likes it.
cdef void classify_booleans(const Heads* mask, const char* source, Py_ssize_t rows, Py_ssize_t keys,
                            unsigned char* shown) noexcept nogil:
    cdef Py_ssize_t blocks = ceil_div(keys, KEYS), i, block
    memset(shown, 0, blocks)
    for i in range(rows):
        for block in range(blocks):
            if shown[block] != (SOME_HIDE | SOME_SHOW):
                shown[block] |= booleans_show(source + i * mask.row + block * KEYS, smaller(KEYS, keys - block * KEYS))
    for block in range(blocks):
        shown[block] = TILE_EMPTY if shown[block] == SOME_HIDE else TILE_FULL if shown[block] == SOME_SHOW \
            else TILE_MIXED
