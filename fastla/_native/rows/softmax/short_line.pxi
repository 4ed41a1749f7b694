# Lines of a few vectors, done in registers.

# A line of at most SIDE vectors, in registers; its results, or the one number of LOGSUMEXP. nv is a literal; `rest`
# numbers of the last vector exist. False: its largest is infinite, and only softmax_line knows the answer.
cdef inline bint short_line(const int kind, const int nv, Py_ssize_t rest, const real* x, real* y) noexcept nogil:
    cdef vec v[SIDE]
    cdef vec e[SIDE]
    cdef vec top, sum
    cdef real high
    cdef int j
    for j in range(nv):
        v[j] = load(x + j * LANES) if j < nv - 1 or rest == LANES else load_part(x + j * LANES, rest)
    top = v[0]
    for j in range(1, nv):
        top = larger_of(top, v[j])
    high = reduce_larger(top)
    if kind == LOGSUMEXP and high == REAL_INFINITY:
        return False
    top = finite_base(splat(high))
    for j in range(nv):
        e[j] = vec_exp_weight(v[j] - top)
    sum = e[nv - 1] if rest == LANES else first_lanes_of(e[nv - 1], rest)
    for j in range(nv - 1):
        sum = sum + e[j]
    if kind == LOGSUMEXP:
        y[0] = high + log_of(reduce_add(sum))
        return True
    sum = splat(1 / reduce_add(sum) if kind == SOFTMAX else log_of(reduce_add(sum)))
    for j in range(nv):
        v[j] = e[j] * sum if kind == SOFTMAX else v[j] - top - sum
        if j < nv - 1 or rest == LANES:
            store(y + j * LANES, v[j])
        else:
            store_part(y + j * LANES, v[j], rest)
    return True


cdef inline bint short_line_of(const int kind, Py_ssize_t n, const real* x, real* y) noexcept nogil:
    if n <= LANES:
        return short_line(kind, 1, n, x, y)
    if n <= 2 * LANES:
        return short_line(kind, 2, n - LANES, x, y)
    if n <= 3 * LANES:
        return short_line(kind, 3, n - 2 * LANES, x, y)
    return short_line(kind, 4, n - 3 * LANES, x, y)


# Whether it was one, and is done.
cdef bint done_as_short_line(const Softmax* s, const char* x, char* out) noexcept nogil:
    if not (0 < s.n <= SIDE * LANES and adjacent(x, s.x_step, s.type)):
        return False
    if not adjacent(out, sizeof(real) if s.kind == LOGSUMEXP else s.out_step, s.type):
        return False
    if s.kind == SOFTMAX:
        return short_line_of(SOFTMAX, s.n, <const real*>x, <real*>out)
    if s.kind == LOG_SOFTMAX:
        return short_line_of(LOG_SOFTMAX, s.n, <const real*>x, <real*>out)
    return short_line_of(LOGSUMEXP, s.n, <const real*>x, <real*>out)
