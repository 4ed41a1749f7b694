# A forward panel's tile of scores, [keys][vectors of rows]: bounds, bias, softcap, largest, exponentials.

# c[rows, nv vectors] (+)= a[rows, depth] @ b[depth, nv vectors], tile by tile.
cdef void multiply_tiles(Py_ssize_t rows, int nv, Py_ssize_t depth, const real* a, Py_ssize_t a_row, Py_ssize_t a_col,
                         const real* b,
                         real* c, bint add) noexcept nogil:
    cdef Strip s
    cdef Py_ssize_t p = 0
    s.a_row = a_row
    s.a_col = a_col
    s.a_next = MR * a_row
    s.b_row = s.c_row = nv * LANES
    s.b_next = s.tail = s.ahead = s.share = 0
    s.last = (nv - 1) * LANES
    s.c_next = MR * s.c_row
    while p < depth or p == 0:
        s.k = smaller(KC, depth - p)
        s.accumulate = add or p > 0
        s.a = a + p * a_col
        s.b = <const stored*>b + p * s.b_row
        s.c = c
        s.tiles = rows // MR
        if s.tiles:
            micro_kernel_any(MR, nv, &s)
            s.a += s.tiles * s.a_next
            s.c += s.tiles * s.c_next
        if rows % MR:
            s.tiles = 1
            micro_kernel_any(<int>(rows % MR), nv, &s)
        p += KC


cdef void cap_scores(real* tile, Py_ssize_t n, real softcap) noexcept nogil:
    cdef Py_ssize_t i
    cdef real inverse = 1 / softcap
    for i from 0 <= i < n by LANES:
        store(tile + i, vec_tanh(load(tile + i) * splat(inverse)) * splat(softcap))


cdef extern from *:
    """
    /* Scores and their bias: -infinity where that is, whatever the score. */
    INLINE vec add_bias(vec score, vec bias)
    {
        return blend(bias == splat(-REAL_INFINITY), bias, score + bias);
    }
    /* Scores of keys in [low, high), others -infinity. */
    INLINE vec within(vec score, real key, vec low, vec high)
    {
        vec k = splat(key);
        return blend((k >= low) & (k < high), score, splat(-REAL_INFINITY));
    }
    """
    vec add_bias(vec score, vec bias) noexcept nogil
    vec within(vec score, real key, vec low, vec high) noexcept nogil


cdef void add_bias_tile(real* tile, const real* bias, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i from 0 <= i < n by LANES:
        store(tile + i, add_bias(load(tile + i), load(bias + i)))


# Keys [first, first + keys) that a row does not see. Bounds count from `first`, so that they are exact as reals.
cdef void hide_unseen(const Panel* panel, Py_ssize_t first, Py_ssize_t keys, real* tile) noexcept nogil:
    cdef real low[NR]
    cdef real high[NR]
    cdef Py_ssize_t i, j, width = panel.vectors * LANES
    for j in range(width):
        i = smaller(j, panel.count - 1)
        low[j] = <real>larger(0, smaller(keys, panel.row_low[i] - first))
        high[j] = <real>larger(0, smaller(keys, panel.row_high[i] - first))
    for i in range(keys):
        for j from 0 <= j < width by LANES:
            store(tile + i * width + j, within(load(tile + i * width + j), <real>i, load(low + j), load(high + j)))


cdef inline void raise_tops(const int nv, Py_ssize_t keys, const real* tile, real* top) noexcept nogil:
    cdef vec high[NV]
    cdef Py_ssize_t i
    cdef int j
    for j in range(nv):
        high[j] = load(top + j * LANES)
    for i in range(keys):
        for j in range(nv):
            high[j] = larger_of(high[j], load(tile + (i * nv + j) * LANES))
    for j in range(nv):
        store(top + j * LANES, high[j])


# The scores become weights, exp(score - base); their sums.
cdef inline void weigh_scores(const int nv, Py_ssize_t keys, real* tile, const real* base, real* sums) noexcept nogil:
    cdef vec sum[NV]
    cdef vec least[NV]
    cdef vec weight
    cdef Py_ssize_t i
    cdef int j
    for j in range(nv):
        sum[j] = zero()
        least[j] = load(base + j * LANES)
    for i in range(keys):
        for j in range(nv):
            weight = vec_exp_weight(load(tile + (i * nv + j) * LANES) - least[j])
            store(tile + (i * nv + j) * LANES, weight)
            sum[j] = sum[j] + weight
    for j in range(nv):
        store(sums + j * LANES, sum[j])


cdef extern from *:
    """
    /* Whether a number is not 1. */
    INLINE int differs_from_1(vec x)
    {
        int any = 0;
        for (int i = 0; i < LANES; i++)
            any |= x[i] != 1;
        return any;
    }
    """
    bint differs_from_1(vec x) noexcept nogil


# A tile of scores joins a panel's running maxima and sums, and becomes weights. What the panel has summed so far is
# rescaled.
cdef inline void soften(const int nv, Panel* panel, Py_ssize_t keys, Py_ssize_t value_width, real* tile) noexcept nogil:
    cdef real base[NR]
    cdef real sums[NR]
    cdef vec factor[NV]
    cdef vec old[NV]
    cdef bint rose = False
    cdef Py_ssize_t d
    cdef int j
    for j in range(nv):
        old[j] = load(panel.top + j * LANES)
    raise_tops(nv, keys, tile, panel.top)
    for j in range(nv):
        store(base + j * LANES, finite_base(load(panel.top + j * LANES)))
        factor[j] = vec_exp_weight(old[j] - load(base + j * LANES))
        rose = rose or differs_from_1(factor[j])
    weigh_scores(nv, keys, tile, base, sums)
    for j in range(nv):
        store(panel.total + j * LANES, load(panel.total + j * LANES) * factor[j] + load(sums + j * LANES))
    if panel.started and rose:
        for d in range(value_width):
            for j in range(nv):
                store(panel.sums + (d * nv + j) * LANES, load(panel.sums + (d * nv + j) * LANES) * factor[j])


cdef void soften_any(Panel* panel, Py_ssize_t keys, Py_ssize_t value_width, real* tile) noexcept nogil:
    if panel.vectors == NV:
        soften(NV, panel, keys, value_width, tile)
    elif panel.vectors == 1:
        soften(1, panel, keys, value_width, tile)
    elif NV > 2:
        soften(2, panel, keys, value_width, tile)


# Whether n sums, in whole vectors, are finite: x * 0 is 0 or NaN.
cdef bint finite_sums(const real* sums, Py_ssize_t n) noexcept nogil:
    cdef vec sum = zero(), nothing = zero()
    cdef Py_ssize_t i
    for i from 0 <= i < n by LANES:
        sum = sum + load(sums + i) * nothing
    return reduce_add(sum) == 0
