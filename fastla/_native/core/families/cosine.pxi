# Cosine similarity: the norms of the rows of both operands, then their product with an epilogue that divides by them.

cdef Py_ssize_t rows_of(cnp.ndarray x) noexcept:
    cdef Py_ssize_t count = 1
    cdef int d
    for d in range(cnp.PyArray_NDIM(x) - 1):
        count *= cnp.PyArray_DIM(x, d)
    return count


# The inverse norms of x's rows (its last axis), in the order of its leading dimensions, into contiguous memory; 0 of
# rows of zeros. False: a row is out of the range in which its products with others lose nothing.
cdef bint inverse_norms(const Kernels* kernels, cnp.ndarray x, void* norms) except -1:
    cdef Reduction r
    cdef Batch batch
    cdef Leading lead
    cdef bint reduced[MAX_DIMS]
    cdef int axes[MAX_DIMS]
    cdef int dims = cnp.PyArray_NDIM(x), d, unsafe = False
    cdef Py_ssize_t stride = 1, i
    for d in range(dims):
        reduced[d] = d == dims - 1
    if cnp.PyArray_SIZE(x) == 0:
        for d in range(dims - 1):
            stride *= cnp.PyArray_DIM(x, d)
        memset(norms, 0, stride * cnp.PyArray_ITEMSIZE(x))
        return True
    r.result = REDUCE_INVERSE
    r.order = ORDER_TWO
    r.power = 0
    r.x = cnp.PyArray_DATA(x)
    r.y = NULL
    r.to = norms
    r.y_stride = r.to_stride = 0
    r.unsafe = &unsafe
    set_vectors(&r, x, reduced)
    set_kept(&batch, &lead, x, reduced, axes)
    for d in range(batch.dims - 1, -1, -1):
        lead.strides[2][d] = stride
        stride *= lead.shape[d]
    sort_leading(&batch, &lead, NULL)
    finish_leading(&r, &batch, &lead, cnp.PyArray_ITEMSIZE(x))
    run_reduction(kernels, &r, &batch, cnp.PyArray_ITEMSIZE(x))
    return not unsafe


# The strides of an operand's scales, `rows` an item and contiguous, over the batch's dimensions.
cdef void scale_strides(Leading* lead, const Batch* batch, int scales, cnp.ndarray x, int core_dims,
                        Py_ssize_t rows) noexcept:
    cdef int x_lead = cnp.PyArray_NDIM(x) - core_dims, d, i
    cdef Py_ssize_t stride = rows
    for d in range(batch.dims - 1, -1, -1):
        i = d + x_lead - batch.dims
        lead.strides[scales][d] = stride if i >= 0 and cnp.PyArray_DIM(x, i) != 1 else 0
        if i >= 0:
            stride *= cnp.PyArray_DIM(x, i)


cdef object cosine_of(object x_object, object y_object, object out):
    """Cosines of all rows of x with all of y (None: x), or None: something needs converting, scaling, or is wrong."""
    cdef bint own = y_object is None
    if own:
        y_object = x_object
    if not (is_plain(x_object) and is_plain(y_object) and (out is None or PyArray_CheckExact(out))):
        return None
    cdef cnp.ndarray x = <cnp.ndarray>x_object, y = <cnp.ndarray>y_object, c
    cdef int type_number = cnp.PyArray_TYPE(x), x_dims = cnp.PyArray_NDIM(x), y_dims = cnp.PyArray_NDIM(y)
    cdef int x_core = 2 if x_dims > 1 else 1, y_core = 2 if y_dims > 1 else 1
    if not (type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE) or type_number != cnp.PyArray_TYPE(y):
        return None
    cdef const Kernels* kernels = typed_kernels[type_number]
    if kernels == NULL or not (PyArray_ISBEHAVED_RO(x) and PyArray_ISBEHAVED_RO(y)):
        return None
    if not 0 < x_dims <= MAX_DIMS - 2 or not 0 < y_dims <= MAX_DIMS - 2:
        return None
    cdef Product g
    cdef Batch batch
    cdef Leading lead
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x)
    lead.operands = 5
    if not (set_matrices(&g, x, x_core, y, 1) and broadcast_leading(&lead, &batch, x, x_core, y, y_core)):
        return None
    if y_core == 2:
        g.n = cnp.PyArray_DIM(y, y_dims - 2)
        g.b_col = cnp.PyArray_STRIDE(y, y_dims - 2) // size
    c = result_of(&g, &batch, &lead, x, x_core == 2, y, y_core == 2, out)
    if c is None:
        return None
    if batch.count and g.m and g.n:
        scale_strides(&lead, &batch, 3, x, x_core, g.m)
        scale_strides(&lead, &batch, 4, y, y_core, g.n)
        if not run_cosine(kernels, &g, &batch, &lead, x, y, own):
            return None
    return c if out is not None or cnp.PyArray_NDIM(c) else c[()]


cdef enum:
    LONG_COSINE_BYTES = 1 << 20     # of the longer operand, from which it does not wait in cache for the product ...
    LONG_COSINE_VECTORS = 256       # ... of so few vectors with it that reading it counts


# False: a row is out of range, and what has been written means nothing.
cdef bint run_cosine(const Kernels* kernels, Product* g, Batch* batch, Leading* lead, cnp.ndarray x, cnp.ndarray y,
                     bint own) except -1:
    global raised
    cdef unsigned flags = raised
    cdef CosineEpilogue cosine
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x), x_rows = rows_of(x), y_rows = 0 if own else rows_of(y)
    cdef Py_ssize_t side = g.m if g.m > g.n else g.n
    cdef bint safe = False, long_x = False, long_y = False
    cdef char* scales
    if batch.dims == 0 and not own and g.k and side * g.k * size >= LONG_COSINE_BYTES:
        long_x = g.m >= g.n and g.n <= LONG_COSINE_VECTORS and g.a_col > 0
        long_y = g.m < g.n and g.m <= LONG_COSINE_VECTORS and g.b_row > 0
    scales = <char*>scratch_take((x_rows + y_rows) * size)
    if scales == NULL:
        raise MemoryError("no memory for the norms of a cosine similarity")
    try:
        safe = (long_x or inverse_norms(kernels, x, scales)) and \
            (own or long_y or inverse_norms(kernels, y, scales + x_rows * size))
        if safe:
            cosine.epilogue.apply = kernels.scale_and_clamp
            cosine.epilogue.symmetric = True
            cosine.epilogue.folds = not own
            cosine.batch = batch
            cosine.row_scale = scales
            cosine.column_scale = scales if own else scales + x_rows * size
            cosine.own = own
            g.epilogue = &cosine.epilogue
            if long_x or long_y:
                safe = run_long_cosine(kernels, g, scales if long_x else scales + x_rows * size)
            else:
                run_product(kernels, g, batch, lead)
    finally:
        scratch_give(scales)
        raised = flags              # a cosine similarity warns of nothing
    return safe


# The scales of g's longer side are computed as well. False: a row of it is out of range.
cdef bint run_long_cosine(const Kernels* kernels, const Product* g, void* scales) except -1:
    cdef Runtime runtime
    cdef Reduction norms
    cdef int unsafe = False, status
    memset(&norms, 0, sizeof(Reduction))
    norms.result = REDUCE_INVERSE
    norms.order = ORDER_TWO
    norms.to = scales
    norms.length = g.k
    norms.x_stride = g.a_col if g.m >= g.n else g.b_row
    norms.unsafe = &unsafe
    fill(&runtime)
    with cython.nogil:
        status = kernels.cosine_of_long(g, &norms, &runtime)
    end("no memory for the packed operands of a cosine similarity", status)
    return not unsafe


cdef object compiled_cosine(PyObject** arguments, Entry row):
    return cosine_of(<object>arguments[0], <object>arguments[1], <object>arguments[row.out])


def cosine(x, y, out):
    """cosine_of for operands that have been converted and scaled."""
    return cosine_of(x, y, out)
