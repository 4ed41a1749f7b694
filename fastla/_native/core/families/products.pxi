# Matrix products: from arrays to a Product and its Batch.

cdef enum:
    KEEP_GIL_FLOPS = 200000     # about 2 us: releasing and taking back the GIL costs 0.1


# A batch in as few products as can be: dimensions of length 1 drop out, those along which b is one matrix become rows
# of one product, and those that continue each other in all operands become one.
cdef void fold(Product* g, Batch* batch, Leading* lead) noexcept nogil:
    squeeze_leading(batch, lead)
    if g.epilogue == NULL:          # which would see rows and columns exchanged
        exchange_if_better(g, batch, lead)
    cdef int last = batch.dims - 1
    cdef bint folds = g.epilogue == NULL or g.epilogue.folds
    while folds and last >= 0 and lead.strides[1][last] == 0 and rows_follow(g, lead, last):
        if g.m == 1:
            g.a_row = lead.strides[0][last]
            g.c_row = lead.strides[2][last]
        g.m *= lead.shape[last]
        batch.count //= lead.shape[last]
        last -= 1
    batch.dims = last + 1
    merge_leading(batch, lead)


# Whether the items along a leading dimension are further rows of a and of c. A single row has no stride of its own.
cdef inline bint rows_follow(const Product* g, const Leading* lead, int d) noexcept nogil:
    if lead.operands > 3 and lead.strides[3][d] != g.m:         # numbers that belong to rows
        return False
    if g.m == 1:
        return lead.strides[2][d] >= g.n
    return lead.strides[0][d] == g.m * g.a_row and lead.strides[2][d] == g.m * g.c_row


# Where a is one matrix and b a batch of vectors, they exchange places: c.T = b.T @ a.T, whose rows are b's vectors.
cdef void exchange_if_better(Product* g, Batch* batch, Leading* lead) noexcept nogil:
    cdef int last = batch.dims - 1, d
    cdef Product t = g[0]
    cdef Py_ssize_t stride
    if last < 0 or g.n != 1 or lead.strides[0][last] != 0 or lead.strides[1][last] == 0 or g.m > 1 and g.c_row != 1:
        return
    g.a = t.b
    g.b = t.a
    g.m = 1
    g.n = t.m
    g.a_row = g.k
    g.a_col = t.b_row
    g.b_row = t.a_col
    g.b_col = t.a_row if t.m > 1 else 1
    g.c_row = g.n
    for d in range(batch.dims):
        stride = lead.strides[0][d]
        lead.strides[0][d] = lead.strides[1][d]
        lead.strides[1][d] = stride


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


# Whether the kernels can write an output: of the product's shape, its columns adjacent, its rows apart.
cdef bint writeable(const Product* g, cnp.ndarray c, int type_number, int dims, const cnp.npy_intp* shape,
                    bint has_rows,
                    bint has_columns) noexcept:
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
    # Strides of length 1 mean nothing: let them be what routes like.
    if g.m == 1:
        g.a_row = g.k
    if g.n == 1:
        g.b_col = 1
    return c


cdef object product_of(object a_object, object b_object, object out, int a_core, int b_core,
                       const Epilogue* epilogue=NULL):
    """a @ b where nothing needs converting; None where something does, or is wrong. a_core, b_core: the core
    dimensions, 1 for stacks of vectors; 0: 2, or 1 for a vector."""
    if not (is_plain(a_object) and is_plain(b_object) and (out is None or PyArray_CheckExact(out))):
        return None
    cdef cnp.ndarray a = <cnp.ndarray>a_object, b = <cnp.ndarray>b_object, c
    cdef int type_number = cnp.PyArray_TYPE(a), a_dims = cnp.PyArray_NDIM(a), b_dims = cnp.PyArray_NDIM(b)
    if not 0 <= type_number < TYPE_NUMBERS or type_number != cnp.PyArray_TYPE(b):
        return None
    cdef const Kernels* kernels = typed_kernels[type_number]
    if kernels == NULL or not (PyArray_ISBEHAVED_RO(a) and PyArray_ISBEHAVED_RO(b)):
        return None
    cdef bint as_matmul = a_core == 0 and b_core == 0
    a_core = a_core or (2 if a_dims > 1 else 1)
    b_core = b_core or (2 if b_dims > 1 else 1)
    if a_dims < a_core or b_dims < b_core or a_dims > MAX_DIMS - 2 or b_dims > MAX_DIMS - 2:
        return None
    cdef Product g
    cdef Batch batch
    cdef Leading lead
    lead.operands = 3
    if not (set_matrices(&g, a, a_core, b, b_core) and broadcast_leading(&lead, &batch, a, a_core, b, b_core)):
        return None
    if epilogue == NULL and 2.0 * batch.count * g.m * g.n * g.k >= numpy_flops[type_number]:
        if not as_matmul:
            return None
        return numpy_matmul(a, b) if out is None else numpy_matmul(a, b, out)
    c = result_of(&g, &batch, &lead, a, a_core == 2, b, b_core == 2, out)
    if c is None:
        return None
    g.epilogue = epilogue
    if batch.count and g.m and g.n:
        run_product(kernels, &g, &batch, &lead)
    return c if out is not None or cnp.PyArray_NDIM(c) else c[()]


cdef int run_product(const Kernels* kernels, Product* g, Batch* batch, Leading* lead) except -1:
    global raised
    cdef Runtime runtime
    cdef int status, d
    if batch.dims:
        fold(g, batch, lead)
    g.syrk = g.m > 1 and g.a == g.b and g.m == g.n and g.a_row == g.b_col and g.a_col == g.b_row
    for d in range(batch.dims):
        g.syrk &= lead.strides[0][d] == lead.strides[1][d]
    point_batch(batch, lead)
    make_ready(kernels, ENTRY_matmul)
    fill(&runtime)
    fp_status_set(0)
    if 2.0 * batch.count * g.m * g.n * g.k < KEEP_GIL_FLOPS:
        status = call_matmul(kernels, g, batch, &runtime)
    else:
        with cython.nogil:
            status = call_matmul(kernels, g, batch, &runtime)
    raised |= fp_status_get()
    if status != KERNEL_OK:
        raised = 0                  # there is no result to warn of
    return end("no memory for the packed operands of a matrix product", status)


cdef object compiled_product(PyObject** arguments, Entry row):
    cdef object out = <object>arguments[row.out], b = <object>arguments[1]
    cdef Py_ssize_t i
    for i in range(2, row.parameters):
        if i != row.out and not is_default(row, arguments, i):
            return None
    if not row.takes_out and out is not None or is_plain(b) and cnp.PyArray_NDIM(<cnp.ndarray>b) > row.most_dims:
        return None
    return product_of(<object>arguments[0], b, out, row.core_dims[0], row.core_dims[1])


def product(a, b, out):
    """a @ b by the kernels, for operands that _validate has prepared; None where `out` is not for them to write."""
    return product_of(a, b, out, 0, 0)


PRODUCT_ROUTE_NAMES = {
    ROUTE_DOT: "dot", ROUTE_GEMV: "gemv", ROUTE_SPLIT_K: "split k", ROUTE_INNER: "inner", ROUTE_TRANSPOSED:
    "transposed", ROUTE_TRANSPOSE_B: "transpose b", ROUTE_STREAM: "stream", ROUTE_ROWS: "rows", ROUTE_IN_PLACE:
    "in place", ROUTE_PACK_B: "pack b", ROUTE_PACK_BOTH: "pack both",
}


def product_route(cnp.ndarray a, cnp.ndarray b):
    """Which way the product of two matrices of one owned type takes."""
    cdef Product g
    set_matrices(&g, a, 2, b, 2)
    if g.m == 1:
        g.a_row = g.k
    if g.n == 1:
        g.b_col = 1
    g.c_row = g.n
    g.syrk = g.m > 1 and g.a == g.b and g.m == g.n and g.a_row == g.b_col and g.a_col == g.b_row
    return PRODUCT_ROUTE_NAMES[typed_kernels[cnp.PyArray_TYPE(a)].product_route(&g)]


# For tests: what an epilogue may rely on. Each element gains its place, 2^20 item + 8192 row + column, in its own type.
cdef struct MarkPlaces:
    Epilogue epilogue
    bint is_float32


cdef int mark_places(const Epilogue* self, void* c, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t c_row,
                     Py_ssize_t first_row, Py_ssize_t first_column, Py_ssize_t item) noexcept nogil:
    cdef Py_ssize_t i, j, place
    for i in range(rows):
        for j in range(columns):
            place = (item << 20) + 8192 * (first_row + i) + first_column + j
            if (<const MarkPlaces*>self).is_float32:
                (<float*>c)[i * c_row + j] += place
            else:
                (<double*>c)[i * c_row + j] += place
    return KERNEL_OK


def marked_product(cnp.ndarray a, cnp.ndarray b):
    """For tests: a @ b by the kernels, each element of which has met an epilogue that adds its place."""
    cdef MarkPlaces mark
    mark.epilogue.apply = mark_places
    mark.epilogue.symmetric = mark.epilogue.folds = False
    mark.is_float32 = cnp.PyArray_ITEMSIZE(a) == sizeof(float)
    return product_of(a, b, None, 0, 0, <const Epilogue*>&mark)
