# One symmetric matrix of up to some hundred rows, in float64 on one thread: eigenvalues, and Z Y for a given Z with a
# few rows or all.
#
# Householder's tridiagonalisation and implicit QL (Martin, Reinsch and Wilkinson 1968; Dubrulle, Martin and Wilkinson
# 1968). What the residuals of a Krylov method need of the eigenvectors Y is their last few rows: with Z these rows of
# the identity the rotations, most of the work of a full decomposition, cost next to nothing.

# row k of T, left of the diagonal, becomes v of the reflection I - v v^T / h that leaves but its last element. Returns
# h; 0: nothing to do.
cdef double reflector(Py_ssize_t k, real* v, double* e) noexcept nogil:
    cdef double rest = long_dot(k - 1, v, v), alpha = v[k - 1], length
    e[0] = alpha
    if rest < 1e-290:
        return 0
    length = square_root(rest + alpha * alpha)
    e[0] = length if alpha < 0 else -length
    v[k - 1] = <real>(alpha - e[0])
    return length * (length + fabs(alpha))


# The leading k x k block of T, its lower triangle: T <- H T H. p: workspace of k.
cdef void reflect_both(Py_ssize_t k, real* t, Py_ssize_t n, const real* v, double h, real* p) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef real* row
    cdef real factor
    for i in range(k):
        row = t + i * n
        p[i] = long_dot(i + 1, row, v)
        add_multiple(i, v[i], row, p)
    for i in range(k):
        p[i] = <real>(p[i] / h)
    factor = <real>(long_dot(k, v, p) / (2 * h))
    add_multiple(k, -factor, v, p)
    for i in range(k):
        row = t + i * n
        for j in range(i + 1):
            row[j] = row[j] - v[i] * p[j] - p[i] * v[j]


# The rows of z: z <- H z. s: workspace of m.
cdef void reflect_rows(Py_ssize_t k, Py_ssize_t m, real* z, Py_ssize_t z_row, const real* v, double h,
                       real* s) noexcept nogil:
    cdef Py_ssize_t i
    memset(s, 0, m * sizeof(real))
    for i in range(k):
        add_multiple(m, <real>(v[i] / h), z + i * z_row, s)
    for i in range(k):
        add_multiple(m, -v[i], s, z + i * z_row)


# Rotations of rows (i, i + 1) for i from `top` - 1 down to `low`, a vector of columns at a time: a row is read and
# written once.
cdef void rotate_rows(Py_ssize_t low, Py_ssize_t top, Py_ssize_t m, real* z, Py_ssize_t z_row, const real* c,
                      const real* s) noexcept nogil:
    cdef Py_ssize_t j, i
    cdef vec high, below
    cdef real one, other
    for j from 0 <= j <= m - LANES by LANES:
        high = load(z + top * z_row + j)
        for i from top > i >= low:
            below = load(z + i * z_row + j)
            store(z + (i + 1) * z_row + j, below * splat(s[i]) + high * splat(c[i]))
            high = below * splat(c[i]) - high * splat(s[i])
        store(z + low * z_row + j, high)
    for j in range(m - m % LANES, m):
        one = z[top * z_row + j]
        for i from top > i >= low:
            other = z[i * z_row + j]
            z[(i + 1) * z_row + j] = other * s[i] + one * c[i]
            one = other * c[i] - one * s[i]
        z[low * z_row + j] = one


# Implicit QL on the tridiagonal matrix of diagonal d and couplings e (of i and i + 1). Returns whether all has
# converged.
cdef bint tridiagonal_ql(Py_ssize_t n, double* d, double* e, Py_ssize_t m, real* z, Py_ssize_t z_row, real* c_of,
                         real* s_of) noexcept nogil:
    cdef Py_ssize_t low, top, i
    cdef int turn
    cdef double g, r, s, c, p, f, b
    for low in range(n):
        for turn in range(61):
            top = low
            while top < n - 1 and fabs(e[top]) > 1.1e-16 * (fabs(d[top]) + fabs(d[top + 1])):
                top += 1
            if top == low:
                break
            if turn == 60:
                return False
            g = (d[low + 1] - d[low]) / (2 * e[low])
            r = square_root(g * g + 1)
            g = d[top] - d[low] + e[low] / (g + (r if g >= 0 else -r))
            s = c = 1
            p = 0
            for i from top > i >= low:
                f = s * e[i]
                b = c * e[i]
                r = square_root(f * f + g * g)
                e[i + 1] = r
                s = f / r if r > 0 else 0
                c = g / r if r > 0 else 1
                g = d[i + 1] - p
                r = (d[i] - g) * s + 2 * c * b
                p = s * r
                d[i + 1] = g + p
                g = c * r - b
                c_of[i] = <real>c
                s_of[i] = <real>s
            d[low] -= p
            e[low] = g
            e[top] = 0
            rotate_rows(low, top, m, z, z_row, c_of, s_of)
    return True


cdef int small_eigh(SmallEigh* problem) noexcept nogil:
    cdef Py_ssize_t n = problem.n, k
    cdef real* t = <real*>problem.t             # this kernel is float64's alone
    cdef real* z = <real*>problem.z
    cdef real* work = <real*>problem.work
    cdef double* d = problem.values
    cdef double* e = <double*>(work + 2 * larger(n, problem.m))
    cdef double h
    for k from n > k >= 1:
        h = reflector(k, t + k * n, e + k - 1)
        d[k] = t[k * n + k]
        if h > 0:
            reflect_both(k, t, n, t + k * n, h, work)
            reflect_rows(k, problem.m, z, problem.z_row, t + k * n, h, work)
    if n:
        d[0] = t[0]
        e[n - 1] = 0
    return KERNEL_OK if tridiagonal_ql(n, d, e, problem.m, z, problem.z_row, work, work + n) else KERNEL_NOT_CONVERGED
