# Part of the core: eigensolvers. Shapes, strides and dtypes were checked by fastla/_methods/native.py.

cdef int end_eigen(int status, unsigned flags) except -1:
    # As a search: numbers that no result is made of raise no warning.
    fp_status_set(flags)
    return end("no memory for an eigensolver's partial sums", status)


def symmetric_product(capsule, cnp.ndarray a, cnp.ndarray x, cnp.ndarray y):
    """y = x A, (b, n) both; A is symmetric and its rows adjacent, of which the lower triangle is read."""
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef SymmetricProduct product
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    product.a = cnp.PyArray_DATA(a)
    product.x = cnp.PyArray_DATA(x)
    product.y = cnp.PyArray_DATA(y)
    product.n = cnp.PyArray_DIM(a, 0)
    product.a_row = cnp.PyArray_STRIDE(a, 0) // cnp.PyArray_ITEMSIZE(a)
    product.b = cnp.PyArray_DIM(x, 0)
    make_ready(kernels, ENTRY_symmetric_product)
    fill(&runtime)
    with cython.nogil:
        status = call_symmetric_product(kernels, &product, &runtime)
    end_eigen(status, flags)


def symmetry(capsule, cnp.ndarray a):
    """(the largest magnitude in A, the largest difference from its transpose); NaN where A holds NaN or infinity."""
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef Symmetry found
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    found.a = cnp.PyArray_DATA(a)
    found.n = cnp.PyArray_DIM(a, 0)
    found.a_row = cnp.PyArray_STRIDE(a, 0) // cnp.PyArray_ITEMSIZE(a)
    fill(&runtime)
    with cython.nogil:
        status = kernels.symmetry(&found, &runtime)
    end_eigen(status, flags)
    return found.magnitude, found.skew


def project(capsule, cnp.ndarray w, cnp.ndarray v, int turns):
    """Takes off w (b, n), in place, its rows' parts along the orthonormal rows v (count, n). The coefficients."""
    cdef Projection projection
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef unsigned flags = fp_status_get()
    projection.w = cnp.PyArray_DATA(w)
    projection.v = cnp.PyArray_DATA(v)
    projection.b = cnp.PyArray_DIM(w, 0)
    projection.n = cnp.PyArray_DIM(w, 1)
    projection.count = cnp.PyArray_DIM(v, 0)
    projection.turns = turns
    cdef cnp.ndarray sums = empty((projection.b, projection.count))
    projection.sums = <double*>cnp.PyArray_DATA(sums)
    with cython.nogil:
        kernels.project(&projection)
    fp_status_set(flags)
    return sums


def orthonormal(capsule, cnp.ndarray w, double tiny, cnp.ndarray r):
    """Rows of w made orthonormal in place, r (b, b) their coefficients before; how many are."""
    cdef Orthonormal block
    cdef unsigned flags = fp_status_get()
    block.w = cnp.PyArray_DATA(w)
    block.b = cnp.PyArray_DIM(w, 0)
    block.n = cnp.PyArray_DIM(w, 1)
    block.tiny = tiny
    block.r = <double*>cnp.PyArray_DATA(r)
    kernels_of(capsule).orthonormal(&block)
    fp_status_set(flags)
    return block.done


def small_eigh(capsule, cnp.ndarray t, cnp.ndarray z):
    """Eigenvalues of t (n, n), in no order, None if they do not converge; z (n, m) becomes Y^T z. t is overwritten."""
    cdef SmallEigh problem
    cdef unsigned flags = fp_status_get()
    cdef Py_ssize_t n = cnp.PyArray_DIM(t, 0), m = cnp.PyArray_DIM(z, 1)
    cdef cnp.ndarray values = empty(n), work = empty(2 * max(n, m) + n)
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef int status
    problem.t = <double*>cnp.PyArray_DATA(t)
    problem.values = <double*>cnp.PyArray_DATA(values)
    problem.z = <double*>cnp.PyArray_DATA(z)
    problem.work = <double*>cnp.PyArray_DATA(work)
    problem.n = n
    problem.m = m
    problem.z_row = m
    with cython.nogil:
        status = kernels.small_eigh(&problem)
    fp_status_set(flags)
    return values if status == KERNEL_OK else None


def eigh_stack(capsule, cnp.ndarray a, bint upper, cnp.ndarray values, cnp.ndarray vectors):
    """All eigenpairs of a (count, n, n) into values (count, n) and vectors (count, n, n); whether all converged."""
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef EighStack stack
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(a)
    cdef int status
    stack.a = cnp.PyArray_DATA(a)
    stack.count = cnp.PyArray_DIM(a, 0)
    stack.n = cnp.PyArray_DIM(a, 1)
    stack.stack = cnp.PyArray_STRIDE(a, 0) // size
    stack.row = cnp.PyArray_STRIDE(a, 1) // size
    stack.column = cnp.PyArray_STRIDE(a, 2) // size
    stack.upper = upper
    stack.values = cnp.PyArray_DATA(values)
    stack.vectors = cnp.PyArray_DATA(vectors)
    fill(&runtime)
    with cython.nogil:
        status = kernels.eigh_stack(&stack, &runtime)
    if status == KERNEL_NOT_CONVERGED:
        fp_status_set(flags)
        return False
    end_eigen(status, flags)
    return True


def scatter(capsule, cnp.ndarray x, cnp.ndarray shift, v, cnp.ndarray product, cnp.ndarray sums, cnp.ndarray squares):
    """v (X - s)^T (X - s), or for None the Gram matrix, into `product`; the sums of columns and of their squares."""
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef Scatter pass_
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    pass_.x = cnp.PyArray_DATA(x)
    pass_.n = cnp.PyArray_DIM(x, 0)
    pass_.d = cnp.PyArray_DIM(x, 1)
    pass_.x_row = cnp.PyArray_STRIDE(x, 0) // cnp.PyArray_ITEMSIZE(x)
    pass_.shift = cnp.PyArray_DATA(shift)
    pass_.v = NULL if v is None else cnp.PyArray_DATA(<cnp.ndarray>v)
    pass_.b = 0 if v is None else cnp.PyArray_DIM(<cnp.ndarray>v, 0)
    pass_.product = <double*>cnp.PyArray_DATA(product)
    pass_.sums = <double*>cnp.PyArray_DATA(sums)
    pass_.squares = <double*>cnp.PyArray_DATA(squares)
    fill(&runtime)
    with cython.nogil:
        status = kernels.scatter(&pass_, &runtime)
    end_eigen(status, flags)
