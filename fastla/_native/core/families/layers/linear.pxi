# Linear layers of raw weights, of the type that is computed in: products with an epilogue.

# Strides of an array's leading axes as operand o, in elements; None: there is none.
cdef inline void set_strides(Leading* lead, int o, int dims, object x) noexcept:
    cdef int d
    for d in range(dims):
        lead.strides[o][d] = 0 if x is None else \
            cnp.PyArray_STRIDE(<cnp.ndarray>x, d) // cnp.PyArray_ITEMSIZE(<cnp.ndarray>x)


# The leading axes as rows of one product, and a batch of them where they do not continue each other.
cdef void fold_rows(Product* g, Batch* batch, Leading* lead, LayerEpilogue* layer, cnp.ndarray x) noexcept:
    cdef int d
    batch.dims = cnp.PyArray_NDIM(x) - 1
    batch.count = 1
    for d in range(batch.dims):
        lead.shape[d] = cnp.PyArray_DIM(x, d)
        batch.count *= lead.shape[d]
    squeeze_leading(batch, lead)
    merge_leading(batch, lead)
    if batch.dims == 0 or batch.count == 0:
        return
    batch.dims -= 1
    d = batch.dims
    g.m = lead.shape[d]
    batch.count //= g.m
    g.a_row = lead.strides[0][d]
    g.c_row = lead.strides[2][d]
    layer.residual_row = lead.strides[3][d]
    layer.factor_row = lead.strides[4][d]


cdef object linear_of(object x_object, object w_object, object bias, object activation, object residual,
                      object factor, object out):
    """activation(x @ w.T + bias) * factor + residual, or None: something needs converting, or is wrong."""
    if not (is_plain(x_object) and is_plain(w_object) and (out is None or PyArray_CheckExact(out))):
        return None
    cdef cnp.ndarray x = <cnp.ndarray>x_object, w = <cnp.ndarray>w_object, c
    cdef int type_number = cnp.PyArray_TYPE(x), last = cnp.PyArray_NDIM(x) - 1
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x)
    cdef Product g
    cdef Batch batch
    cdef Leading lead
    cdef LayerEpilogue layer
    if not (type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE) or type_number != cnp.PyArray_TYPE(w):
        return None
    if cnp.PyArray_NDIM(w) != 2 or not 0 <= last < MAX_DIMS - 1 or cnp.PyArray_DIM(x, last) != cnp.PyArray_DIM(w, 1):
        return None
    memset(&g, 0, sizeof(Product))
    memset(&layer, 0, sizeof(LayerEpilogue))
    if not set_activation(&layer.activation, &layer.function, activation):
        return None
    g.n = cnp.PyArray_DIM(w, 0)
    g.k = cnp.PyArray_DIM(w, 1)
    if not (PyArray_ISBEHAVED_RO(x) and PyArray_ISBEHAVED_RO(w) and is_bias(bias, x, g.n)):
        return None
    if residual is not None and not like_rows(residual, x, g.n) or factor is not None and \
            not like_rows(factor, x, g.n):
        return None
    if out is None:
        c = new_result(x, g.n)
    else:
        c = <cnp.ndarray>out
        if not (PyArray_ISBEHAVED(c) and like_rows(c, x, g.n)):
            return None
        for operand in (x, w, bias, residual, factor):
            if operand is not None and overlap(c, <cnp.ndarray>operand):
                return None
    lead.operands = 5
    set_strides(&lead, 0, last, x)
    set_strides(&lead, 1, last, None)
    set_strides(&lead, 2, last, c)
    set_strides(&lead, 3, last, residual)
    set_strides(&lead, 4, last, factor)
    g.m = 1
    g.a = cnp.PyArray_DATA(x)
    g.b = cnp.PyArray_DATA(w)
    g.c = cnp.PyArray_DATA(c)
    g.a_col = cnp.PyArray_STRIDE(x, last) // size
    g.b_row = cnp.PyArray_STRIDE(w, 1) // size
    fold_rows(&g, &batch, &lead, &layer, x)
    # Strides of length 1 mean nothing: let them be what routes like.
    g.a_row = g.a_row if g.m > 1 else g.k
    g.c_row = g.c_row if g.m > 1 else g.n
    g.b_col = cnp.PyArray_STRIDE(w, 0) // size if g.n > 1 else 1
    if -g.n < g.c_row < g.n:            # an output whose rows meet
        return None
    if batch.count and g.n:
        run_layer(typed_kernels[type_number], &g, &batch, &lead, &layer, bias, residual, factor)
    return c


cdef int run_layer(const Kernels* kernels, Product* g, Batch* batch, Leading* lead, LayerEpilogue* layer, object bias,
                   object residual, object factor) except -1:
    global raised
    cdef unsigned flags = raised
    layer.epilogue.apply = kernels.finish_layer
    layer.batch = batch
    layer.bias = data_or_null(bias)
    layer.residual = data_or_null(residual)
    layer.factor = data_or_null(factor)
    if layer.activation or layer.function.call or layer.bias or layer.residual or layer.factor:
        g.epilogue = &layer.epilogue
    try:
        run_product(kernels, g, batch, lead)
    finally:
        raised = flags
    return 0


def linear(x, weight, bias, activation, residual, factor, out):
    """linear_of for operands that have been converted."""
    return linear_of(x, weight, bias, activation, residual, factor, out)


# linear(x, weight, bias, activation, residual, out)
cdef object compiled_linear(PyObject** arguments, Entry row):
    cdef object weight = <object>arguments[1]
    cdef int activation = activation_of(<object>arguments[3])
    if activation < 0:
        return None
    if isinstance(weight, Weight):
        return packed_linear(<object>arguments[0], <Weight>weight, None, <object>arguments[2], activation,
                             <object>arguments[4], <object>arguments[5])
    return linear_of(<object>arguments[0], weight, <object>arguments[2], <object>arguments[3], <object>arguments[4],
                     None, <object>arguments[5])
