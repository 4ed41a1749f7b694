# From arrays to a Product and its Batch.

# The matrices of the operands: a vector is a row of a, a column of b. False: the lengths along k differ.
cdef bint set_matrices(Product* g, cnp.ndarray a, int a_core, cnp.ndarray b, int b_core) noexcept:
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(a)
    cdef int a_last = cnp.PyArray_NDIM(a) - 1, b_last = cnp.PyArray_NDIM(b) - 1
    cdef int b_k = b_last - 1 if b_core == 2 else b_last
    g.syrk = False
    g.epilogue = NULL
    g.first_row = g.first_column = g.item = 0
    g.a = cnp.PyArray_DATA(a)
    g.b = cnp.PyArray_DATA(b)
    g.k = cnp.PyArray_DIM(a, a_last)
    g.a_col = cnp.PyArray_STRIDE(a, a_last) // size
    g.b_row = cnp.PyArray_STRIDE(b, b_k) // size
    g.m = g.n = g.b_col = 1
    g.a_row = g.c_row = 0
    if a_core == 2:
        g.m = cnp.PyArray_DIM(a, a_last - 1)
        g.a_row = cnp.PyArray_STRIDE(a, a_last - 1) // size
    if b_core == 2:
        g.n = cnp.PyArray_DIM(b, b_last)
        g.b_col = cnp.PyArray_STRIDE(b, b_last) // size
    return cnp.PyArray_DIM(b, b_k) == g.k


# Strides of length 1 mean nothing: let them be what routes like.
cdef inline void set_idle_strides(Product* g) noexcept:
    if g.m == 1:
        g.a_row = g.k
    if g.n == 1:
        g.b_col = 1


# Whether the kernels can write an output: of the product's shape, its columns adjacent, its rows apart.
cdef bint writeable(const Product* g, cnp.ndarray c, int type_number, int dims, const cnp.npy_intp* shape,
                    bint has_rows, bint has_columns) noexcept:
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(c), row
    cdef int d
    if cnp.PyArray_TYPE(c) != type_number or cnp.PyArray_NDIM(c) != dims or not PyArray_ISBEHAVED(c):
        return False
    for d in range(dims):
        if cnp.PyArray_DIM(c, d) != shape[d]:
            return False
    if has_columns and g.n > 1 and cnp.PyArray_STRIDE(c, dims - 1) != size:
        return False
    if has_rows and g.m > 1:
        row = cnp.PyArray_STRIDE(c, dims - 1 - has_columns) // size
        return not -g.n < row < g.n
    return True


# The result: `out`, or a new array; None where the kernels cannot write `out`. g and the batch learn where it lies.
cdef cnp.ndarray result_of(Product* g, const Batch* batch, Leading* lead, cnp.ndarray a, bint has_rows, cnp.ndarray b,
                           bint has_columns, object out):
    cdef cnp.npy_intp shape[MAX_DIMS + 2]
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(a)
    cdef int type_number = cnp.PyArray_TYPE(a), dims = batch.dims, d
    cdef cnp.ndarray c
    for d in range(batch.dims):
        shape[d] = lead.shape[d]
    if has_rows:
        shape[dims] = g.m
        dims += 1
    if has_columns:
        shape[dims] = g.n
        dims += 1
    if out is None:
        c = <cnp.ndarray>cnp.PyArray_EMPTY(dims, shape, type_number, 0)
    else:
        c = <cnp.ndarray>out
        if not writeable(g, c, type_number, dims, shape, has_rows, has_columns) or overlap(c, a) or overlap(c, b):
            return None
    for d in range(batch.dims):
        lead.strides[2][d] = cnp.PyArray_STRIDE(c, d) // size if shape[d] != 1 else 0
    g.c = cnp.PyArray_DATA(c)
    g.c_row = cnp.PyArray_STRIDE(c, batch.dims) // size if has_rows and g.m > 1 else g.n
    set_idle_strides(g)
    return c
