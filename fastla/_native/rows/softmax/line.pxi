# A line of any length, read in pieces that stay in L2: the largest number of a piece, then the sum of
# exp(x - largest so far), rescaled where a piece raises the largest. Where one piece holds the whole line the
# exponentials are kept and divided by their sum; else the line is read once more.

# The largest of n adjacent numbers; a NaN may be passed over, for it shows in the sum.
cdef real largest_of(Py_ssize_t n, const real* x) noexcept nogil:
    cdef vec top[4]
    cdef Py_ssize_t i = 0
    cdef int u
    for u in range(4):
        top[u] = splat(-REAL_INFINITY)
    while i + 4 * LANES <= n:
        for u in range(4):
            top[u] = larger_of(top[u], load(x + i + u * LANES))
        i += 4 * LANES
    while i < n:
        top[0] = larger_of(top[0], load_part(x + i, smaller(LANES, n - i)))
        i += LANES
    return reduce_larger(larger_of(larger_of(top[0], top[1]), larger_of(top[2], top[3])))


# The sum of exp(x - base) of at most SUM_CHUNK numbers; they are kept in y, which may be x.
cdef inline real sum_exp_chunk(const bint keep, Py_ssize_t n, const real* x, real base, real* y) noexcept nogil:
    cdef vec sum[4]
    cdef vec e, least = splat(base)
    cdef Py_ssize_t i = 0
    cdef int u
    for u in range(4):
        sum[u] = zero()
    while i + 4 * LANES <= n:
        for u in range(4):
            e = vec_exp_weight(load(x + i + u * LANES) - least)
            sum[u] = sum[u] + e
            if keep:
                store(y + i + u * LANES, e)
        i += 4 * LANES
    while i < n:
        e = vec_exp_weight(load_part(x + i, smaller(LANES, n - i)) - least)
        sum[0] = sum[0] + (e if i + LANES <= n else first_lanes_of(e, n - i))
        if keep:
            store_part(y + i, e, smaller(LANES, n - i))
        i += LANES
    return reduce_add((sum[0] + sum[1]) + (sum[2] + sum[3]))


# The same of any n: few numbers meet before their sum is kept in double, so that small ones are not lost beside a
# large sum.
cdef inline double sum_exp(const bint keep, Py_ssize_t n, const real* x, real base, real* y) noexcept nogil:
    cdef double sum = 0
    cdef Py_ssize_t i
    for i from 0 <= i < n by SUM_CHUNK:
        sum += sum_exp_chunk(keep, smaller(SUM_CHUNK, n - i), x + i, base, y + i if keep else NULL)
    return sum


# y = the results of x: kept exponentials times `factor`; or exp(x - base) * factor; or (x - base) - shift.
cdef inline void results(const int kind, const bint kept, Py_ssize_t n, const real* x, real base, real factor,
                         real* y) noexcept nogil:
    cdef Py_ssize_t i = 0
    cdef vec v
    while i < n:
        v = load(x + i) if i + LANES <= n else load_part(x + i, n - i)
        if kept:
            v = v * splat(factor)
        elif kind == SOFTMAX:
            v = vec_exp_weight(v - splat(base)) * splat(factor)
        else:
            v = (v - splat(base)) - splat(factor)
        if i + LANES <= n:
            store(y + i, v)
        else:
            store_part(y + i, v, n - i)
        i += LANES


# Numbers [first, first + count) of a line as adjacent reals: where they lie, or in the buffer.
cdef inline const real* piece_of(const Softmax* s, const char* x, Py_ssize_t first, Py_ssize_t count, bint there,
                                 real* buffer) noexcept nogil:
    if there:
        return <const real*>x + first
    read_row(<output*>buffer, x + first * s.x_step, s.x_step, count, s.type)
    return buffer


cdef void softmax_line(const Softmax* s, const char* x, char* out, real* buffer) noexcept nogil:
    cdef Py_ssize_t most = LINE_PIECE // <Py_ssize_t>sizeof(real), first, count
    cdef bint there = adjacent(x, s.x_step, s.type), to_there = adjacent(out, s.out_step, s.type)
    cdef bint keep = s.kind == SOFTMAX and s.n <= most
    cdef real* y = <real*>out if to_there else buffer
    cdef real top = -REAL_INFINITY, high, base, factor
    cdef double total = 0
    cdef const real* v
    for first from 0 <= first < s.n by most:
        count = smaller(most, s.n - first)
        v = piece_of(s, x, first, count, there, buffer)
        high = largest_of(count, v)
        if high > top:
            total = total * exp_weight_of(top - high) if first else 0
            top = high
        base = 0 if top == -REAL_INFINITY else top
        total = total + (sum_exp(True, count, v, base, y) if keep else sum_exp(False, count, v, base, NULL))
    if s.kind == LOGSUMEXP:
        high = infinite_sum(s, x) if top == REAL_INFINITY else top + log_of(<real>total)
        write_row(out, 0, <output*>&high, 1, s.type)
        return
    factor = <real>(1 / total) if s.kind == SOFTMAX else log_of(<real>total)
    for first from 0 <= first < s.n by most:
        count = smaller(most, s.n - first)
        if keep:
            results(SOFTMAX, True, count, y, 0, factor, y)
        else:
            v = piece_of(s, x, first, count, there, buffer)
            y = <real*>out + first if to_there else buffer
            if s.kind == SOFTMAX:
                results(SOFTMAX, False, count, v, top, factor, y)
            else:
                results(LOG_SOFTMAX, False, count, v, top, factor, y)
        if not to_there:
            write_row(out + first * s.out_step, s.out_step, <output*>y, count, s.type)
