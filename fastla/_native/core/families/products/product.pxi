# Matrix products: the compiled entry, and the call of the kernels.

cdef enum:
    KEEP_GIL_FLOPS = 200000     # about 2 us: releasing and taking back the GIL costs 0.1


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


# Whether b is a's transpose, the same memory.
cdef inline bint is_own_transpose(const Product* g) noexcept nogil:
    return g.m > 1 and g.a == g.b and g.m == g.n and g.a_row == g.b_col and g.a_col == g.b_row


cdef int run_product(const Kernels* kernels, Product* g, Batch* batch, Leading* lead) except -1:
    global raised
    cdef Runtime runtime
    cdef int status, d
    if batch.dims:
        fold(g, batch, lead)
    g.syrk = is_own_transpose(g)
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
    set_idle_strides(&g)
    g.c_row = g.n
    g.syrk = is_own_transpose(&g)
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
