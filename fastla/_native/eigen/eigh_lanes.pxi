# Stacks of small symmetric matrices: as many at a time as a vector has lanes, each lane a matrix of its own.
#
# The algorithm is small_eigh.pxi's, in lockstep: all lanes take the same steps, a lane that has converged those of an
# identity. So equal matrices give equal bits wherever they stand. A lane is scaled by a power of two, so that its
# largest element is near 1.

cdef enum:
    STACK_SIDE = 32


# A group: lower triangle of a, eigenvectors as the rows of z, [row][column] of vectors; diagonal, couplings, rotations.
cdef struct Lanes:
    Py_ssize_t n
    real* a
    real* z
    vec d[STACK_SIDE]
    vec e[STACK_SIDE]
    vec c[STACK_SIDE]
    vec s[STACK_SIDE]


cdef inline vec at(const real* x, Py_ssize_t i) noexcept nogil:
    return load(x + i * LANES)


# Rows k of a left of the diagonal: v of a reflection, in place; e its last element afterwards. 1 / h, 0 where there is
# nothing to do.
cdef inline vec lanes_reflector(Lanes* g, Py_ssize_t k) noexcept nogil:
    cdef real* v = g.a + k * g.n * LANES
    cdef vec rest = zero(), alpha = at(v, k - 1), length, tiny = splat(<real>1e-36), h
    cdef Py_ssize_t j
    for j in range(k - 1):
        rest = rest + at(v, j) * at(v, j)
    length = lanes_sqrt(rest + alpha * alpha)
    g.e[k - 1] = if_less(rest, tiny, alpha, if_less(alpha, zero(), length, -length))
    h = length * (length + lanes_abs(alpha))
    store(v + (k - 1) * LANES, alpha - g.e[k - 1])
    return if_less(rest, tiny, zero(), splat(1) / if_less(rest, tiny, splat(1), h))


cdef void lanes_tridiagonal(Lanes* g) noexcept nogil:
    cdef Py_ssize_t n = g.n, k, i, j
    cdef vec p[STACK_SIDE]
    cdef vec inverse, x, factor
    cdef real* v
    cdef real* row
    for k from n > k >= 1:
        inverse = lanes_reflector(g, k)
        v = g.a + k * n * LANES
        g.d[k] = at(v, k)
        for i in range(k):
            row = g.a + i * n * LANES
            x = zero()
            for j in range(i):
                x = x + at(row, j) * at(v, j)
                p[j] = p[j] + at(row, j) * at(v, i)
            p[i] = x + at(row, i) * at(v, i)
        factor = zero()
        for i in range(k):
            p[i] = p[i] * inverse
            factor = factor + at(v, i) * p[i]
        factor = factor * inverse * splat(<real>0.5)
        for i in range(k):
            p[i] = p[i] - factor * at(v, i)
        for i in range(k):
            row = g.a + i * n * LANES
            for j in range(i + 1):
                store(row + j * LANES, at(row, j) - at(v, i) * p[j] - p[i] * at(v, j))
        # v and 1 / h stay in row k: the reflections are applied to the identity afterwards, the last first.
        store(v + k * LANES, inverse)
    g.d[0] = at(g.a, 0)
    g.e[n - 1] = zero()


# z^T = H_(n-1) ... H_1: rows and columns from k on of H_1 ... H_(k-1) are the identity's still.
cdef void lanes_vectors(Lanes* g) noexcept nogil:
    cdef Py_ssize_t n = g.n, k, i, j
    cdef vec s, inverse
    cdef const real* v
    memset(g.z, 0, n * n * LANES * sizeof(real))
    for i in range(n):
        store(g.z + (i * n + i) * LANES, splat(1))
    for k in range(1, n):
        v = g.a + k * n * LANES
        inverse = at(v, k)
        for i in range(k):
            s = zero()
            for j in range(k):
                s = s + at(g.z, i * n + j) * at(v, j)
            s = s * inverse
            for j in range(k):
                store(g.z + (i * n + j) * LANES, at(g.z, i * n + j) - s * at(v, j))


# The rotations of a sweep, for four columns of z at a time.
cdef inline void lanes_rotate(Lanes* g, Py_ssize_t low, Py_ssize_t top) noexcept nogil:
    cdef Py_ssize_t n = g.n, i, j
    cdef int u
    cdef vec high[4]
    cdef vec below, c, s
    cdef real* row
    for j from 0 <= j <= n - 4 by 4:
        for u in range(4):
            high[u] = at(g.z, top * n + j + u)
        for i from top > i >= low:
            row = g.z + (i * n + j) * LANES
            c = g.c[i]
            s = g.s[i]
            for u in range(4):
                below = load(row + u * LANES)
                store(row + (n + u) * LANES, below * s + high[u] * c)
                high[u] = below * c - high[u] * s
        for u in range(4):
            store(g.z + (low * n + j + u) * LANES, high[u])
    for j in range(n - n % 4, n):
        high[0] = at(g.z, top * n + j)
        for i from top > i >= low:
            row = g.z + (i * n + j) * LANES
            below = load(row)
            store(row + n * LANES, below * g.s[i] + high[0] * g.c[i])
            high[0] = below * g.c[i] - high[0] * g.s[i]
        store(g.z + (low * n + j) * LANES, high[0])


# One sweep of implicit QL from each lane's own top; index counts in lanes as numbers. Returns the highest top; low: all
# have converged.
cdef Py_ssize_t lanes_sweep(Lanes* g, Py_ssize_t low) noexcept nogil:
    cdef Py_ssize_t n = g.n, i, top = low
    cdef vec eps = splat(<real>(REAL_EPS / 2)), one = splat(1), tops = splat(<real>(n - 1)), d_top = g.d[n - 1]
    cdef vec index, small, f, b, r, gg, s, c, p, next_g, s_new, c_new
    cdef real each[LANES]
    for i from n - 1 > i >= low:
        index = splat(<real>i)
        small = eps * (lanes_abs(g.d[i]) + lanes_abs(g.d[i + 1]))
        tops = if_less(small, lanes_abs(g.e[i]), tops, index)
        d_top = if_less(small, lanes_abs(g.e[i]), d_top, g.d[i])
        g.e[i] = if_less(small, lanes_abs(g.e[i]), g.e[i], zero())
    store(each, tops)
    for i in range(LANES):
        top = larger(top, <Py_ssize_t>each[i])
    if top == low:
        return low
    index = splat(<real>low)
    f = if_less(index, tops, g.e[low], one)
    gg = (g.d[low + 1] - g.d[low]) / (f + f)
    r = lanes_sqrt(gg * gg + one)
    gg = d_top - g.d[low] + f / (gg + if_less(gg, zero(), -r, r))
    s = one
    c = one
    p = zero()
    for i from top > i >= low:
        index = splat(<real>i)
        f = s * g.e[i]
        b = c * g.e[i]
        r = lanes_sqrt(f * f + gg * gg)
        g.e[i + 1] = if_less(index, tops - one, r, if_less(index, tops, zero(), g.e[i + 1]))
        small = if_less(zero(), r, r, one)
        s_new = if_less(zero(), r, f / small, zero())
        c_new = if_less(zero(), r, gg / small, one)
        next_g = g.d[i + 1] - p
        r = (g.d[i] - next_g) * s_new + (c_new + c_new) * b
        s = if_less(index, tops, s_new, s)
        c = if_less(index, tops, c_new, c)
        g.s[i] = if_less(index, tops, s_new, zero())
        g.c[i] = if_less(index, tops, c_new, one)
        p = if_less(index, tops, s_new * r, p)
        g.d[i + 1] = if_less(index, tops, next_g + p, g.d[i + 1])
        gg = if_less(index, tops, c_new * r - b, gg)
    index = splat(<real>low)
    g.d[low] = if_less(index, tops, g.d[low] - p, g.d[low])
    g.e[low] = if_less(index, tops, gg, g.e[low])
    lanes_rotate(g, low, top)
    return top


cdef bint lanes_solve(Lanes* g) noexcept nogil:
    cdef Py_ssize_t low
    cdef int turn
    lanes_tridiagonal(g)
    lanes_vectors(g)
    for low in range(g.n - 1):
        for turn in range(61):
            if lanes_sweep(g, low) == low:
                break
        if turn == 60:
            return False
    return True
