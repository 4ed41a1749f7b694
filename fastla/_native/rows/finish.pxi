# From sums to results: norms, inverse norms, divisors, cosines. Sums of squares that overflowed or lost bits are taken
# again, of numbers times a power of two.

cdef extern from *:
    """
    /* They bring every row whose squares are not safe into range. */
    #define SCALE_UP (sizeof(real) == 8 ? 0x1p600 : 0x1p100)
    #define SCALE_DOWN (sizeof(real) == 8 ? 0x1p-600 : 0x1p-100)
    #define LEAST_NORMAL (sizeof(real) == 8 ? DBL_MIN : FLT_MIN)
    #define MOST (sizeof(real) == 8 ? DBL_MAX : FLT_MAX)
    #define power_of(x, y) (sizeof(real) == 8 ? __builtin_pow(x, y) : __builtin_powf((float)(x), (float)(y)))
    #define ALL_LANES (LANES == 64 ? ~(uint64_t)0 : ((uint64_t)1 << LANES) - 1)
    """
    const real SCALE_UP, SCALE_DOWN, LEAST_NORMAL, MOST
    const uint64_t ALL_LANES
    double power_of(double x, double y) noexcept nogil


cdef bint all_safe(Py_ssize_t n, const real* squares) noexcept nogil:
    cdef out_vec low = splat_out(<output>SQUARES_LOW), high = splat_out(<output>SQUARES_HIGH), v
    cdef Py_ssize_t j
    for j from 0 <= j < n by LANES:
        v = load(squares + j) if j + LANES <= n else load_part(squares + j, n - j)
        if at_least(v, low) & at_least(high, v) != ALL_LANES:
            return False
    return True


cdef void choose_scales(Py_ssize_t n, const real* squares, real* scales) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(n):
        scales[j] = 1 if SQUARES_LOW <= squares[j] <= SQUARES_HIGH else SCALE_UP if squares[j] < 1 else SCALE_DOWN


# Whether vectors of a block must be summed again, and by which scales: x's, and `room` further on y's.
cdef bint needs_scales(const Reducer* w, Py_ssize_t n, const real* sums, real* scales) noexcept nogil:
    if w.r.order == ORDER_POWER:
        if not all_safe(n, sums):
            store_int(w.r.unsafe, True)
        return False
    if w.r.order != ORDER_TWO:
        return False
    if pair(w.r):
        if all_safe(n, sums + w.room) and all_safe(n, sums + 2 * w.room):
            return False
        choose_scales(n, sums + w.room, scales)
        choose_scales(n, sums + 2 * w.room, scales + w.room)
        return True
    if all_safe(n, sums):
        return False
    choose_scales(n, sums, scales)
    return True


# The sums of scaled vectors take the place of those that were not safe.
cdef void replace_sums(const Reducer* w, Py_ssize_t n, real* sums, const real* again,
                       const real* scales) noexcept nogil:
    cdef Py_ssize_t j
    cdef int s
    for j in range(n):
        if scales[j] != 1 or pair(w.r) and scales[w.room + j] != 1:
            for s in range(w.sums):
                sums[s * w.room + j] = again[s * w.room + j]
            if w.r.unsafe != NULL and 0 < again[j] <= DBL_MAX:
                store_int(w.r.unsafe, True)


cdef inline real result_of(const Reducer* w, const real* sums, real* scales) noexcept nogil:
    cdef real norm, other
    if w.r.order == ORDER_POWER:
        return <real>power_of(sums[0], 1.0 / w.r.power)
    if pair(w.r):
        norm = <real>root(sums[w.room]) * <real>root(sums[2 * w.room])
        other = sums[0] / norm if norm != 0 else sums[0]        # 0, or NaN
        return 1 if other > 1 else -1 if other < -1 else other
    norm = <real>root(sums[0])
    if w.r.result == REDUCE_NORMALIZE:
        if scales != NULL and LEAST_NORMAL <= norm / scales[0] <= MOST:     # then x is divided as it is
            norm = norm / scales[0]
            scales[0] = 1
        return 1 if norm == 0 else norm
    if w.r.result == REDUCE_INVERSE:
        return 0 if norm == 0 else scales[0] / norm if scales != NULL else 1 / norm
    return norm / scales[0] if scales != NULL else norm


cdef void finish_sums(const Reducer* w, Py_ssize_t n, const real* sums, real* scales, real* results) noexcept nogil:
    cdef Py_ssize_t j
    cdef vec v, norm
    if w.r.order != ORDER_TWO and w.r.order != ORDER_POWER:
        for j in range(n):
            results[j] = sums[j]
        return
    if scales != NULL or w.r.order == ORDER_POWER:
        for j in range(n):
            results[j] = result_of(w, sums + j, scales + j if scales != NULL else NULL)
        return
    for j from 0 <= j < n by LANES:
        v = load(sums + j)
        if pair(w.r):
            norm = vec_root(load(sums + w.room + j)) * vec_root(load(sums + 2 * w.room + j))
            v = vec_clamp(v / norm)
        else:
            v = vec_root(v)
            if w.r.result == REDUCE_INVERSE:
                v = splat(1) / v
        store(results + j, v)


cdef void write_results(const Reducer* w, Py_ssize_t first, Py_ssize_t count, const real* results) noexcept nogil:
    cdef Py_ssize_t done = 0, run, j, step = w.batch.strides[2][w.batch.dims - 1]
    cdef real* to
    cdef Cursor c
    start_cursor(&c, w.batch, first)
    while done < count:
        run = smaller(count - done, run_of(&c))
        to = <real*>w.r.to + c.at[2]
        if step == 1:
            for j in range(run):
                to[j] = results[done + j]
        else:
            for j in range(run):
                to[j * step] = results[done + j]
        advance(&c, run)
        done += run
