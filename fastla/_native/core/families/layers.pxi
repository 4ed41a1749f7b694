# Layers: products with an epilogue (raw weights of the type that is computed in), layers by blocks of outputs (packed
# weights, and 16-bit numbers), norms of rows with weight and bias. None of them warns of anything.

ACTIVATIONS = {
    "relu": ACTIVATION_RELU, "gelu": ACTIVATION_GELU, "gelu_tanh": ACTIVATION_GELU_TANH, "silu": ACTIVATION_SILU,
    "sigmoid": ACTIVATION_SIGMOID, "tanh": ACTIVATION_TANH,
}


# The number of an activation by its name; -1: it is none of these.
cdef inline int activation_of(object name) except -2:
    if name is None:
        return ACTIVATION_NONE
    return ACTIVATIONS.get(name, -1) if type(name) is str else -1


# What a layer applies to its sums: an activation by its name, or a compiled function of the user's. False: neither.
cdef bint set_activation(int* number, UserFunction* function, object activation) except -1:
    number[0] = activation_of(activation)
    function[0] = user_function(None)
    if number[0] < 0 and hasattr(activation, "block_address"):
        number[0] = ACTIVATION_NONE
        function[0] = user_function(activation)
    return number[0] >= 0


# Whether an array has x's shape but for its last axis, of n adjacent numbers, and x's type.
cdef inline bint like_rows(object object_, cnp.ndarray x, Py_ssize_t n) noexcept:
    cdef cnp.ndarray y
    cdef int d, last = cnp.PyArray_NDIM(x) - 1
    if not is_plain(object_):
        return False
    y = <cnp.ndarray>object_
    if cnp.PyArray_TYPE(y) != cnp.PyArray_TYPE(x) or cnp.PyArray_NDIM(y) != last + 1 or not PyArray_ISBEHAVED_RO(y):
        return False
    for d in range(last):
        if cnp.PyArray_DIM(y, d) != cnp.PyArray_DIM(x, d):
            return False
    if cnp.PyArray_DIM(y, last) != n:
        return False
    return n <= 1 or cnp.PyArray_STRIDE(y, last) == cnp.PyArray_ITEMSIZE(y) or cnp.PyArray_SIZE(y) == 0


# Whether it is n adjacent numbers of x's type, or None.
cdef inline bint is_bias(object object_, cnp.ndarray x, Py_ssize_t n) noexcept:
    cdef cnp.ndarray y
    if object_ is None:
        return True
    if not is_plain(object_):
        return False
    y = <cnp.ndarray>object_
    return cnp.PyArray_NDIM(y) == 1 and cnp.PyArray_DIM(y, 0) == n and PyArray_ISBEHAVED_RO(y) and \
        cnp.PyArray_TYPE(y) == cnp.PyArray_TYPE(x) and (n <= 1 or cnp.PyArray_STRIDE(y, 0) == cnp.PyArray_ITEMSIZE(y))


cdef inline const void* data_or_null(object x) noexcept:
    return NULL if x is None else cnp.PyArray_DATA(<cnp.ndarray>x)


# An array for the result, x.shape[:-1] + (n,).
cdef inline cnp.ndarray new_result(cnp.ndarray x, Py_ssize_t n):
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef int d, last = cnp.PyArray_NDIM(x) - 1
    for d in range(last):
        shape[d] = cnp.PyArray_DIM(x, d)
    shape[last] = n
    return <cnp.ndarray>cnp.PyArray_EMPTY(last + 1, shape, cnp.PyArray_TYPE(x), 0)


# --- products with an epilogue ---
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


# --- packed weights, 16-bit numbers ---
cdef class Weight:
    """Numbers of a weight (n, d) as LayerWeight has them, and the arrays that hold them."""
    cdef LayerWeight weight
    cdef readonly object elements, scale, starts
    cdef readonly str stored

    def __init__(self, cnp.ndarray elements, Py_ssize_t n, Py_ssize_t d, str stored, scale=None, starts=None):
        """elements, scale and starts are contiguous; stored names what the elements are."""
        cdef Py_ssize_t rows = (n + BLOCK_ROWS - 1) // BLOCK_ROWS * BLOCK_ROWS, side = 4 if stored == "int8" else 1
        cdef Py_ssize_t parts = max(1, (d + LEVELS_SUMMED - 1) // LEVELS_SUMMED)
        if stored not in ("int8", "float16", "bfloat16", "float32", "float64"):
            raise ValueError(f"no weights are stored as {stored!r}")
        if n < 0 or d < 0 or elements.size != rows * ((d + side - 1) // side * side) or \
                elements.dtype.itemsize != {"int8": 1, "float32": 4, "float64": 8}.get(stored, 2) or \
                stored == "int8" and (scale.size != rows or scale.dtype != "float32" or
                                      starts.size != rows * parts or starts.dtype != "int32"):
            raise ValueError(f"a packed weight of shape ({n}, {d}), {stored}, has arrays of other sizes")
        self.elements = elements
        self.scale = scale
        self.starts = starts
        self.stored = stored
        memset(&self.weight, 0, sizeof(LayerWeight))
        self.weight.rows.n = n
        self.weight.rows.d = d
        self.weight.rows.type = NUMBER_TYPES[stored]
        self.weight.blocks = cnp.PyArray_DATA(elements)
        self.weight.scale = <const float*>data_or_null(scale)
        self.weight.starts = <const int32_t*>data_or_null(starts)


cdef int set_weight(LayerWeight* to, object weight) except -1:
    if isinstance(weight, Weight):
        to[0] = (<Weight>weight).weight
        return 0
    memset(to, 0, sizeof(LayerWeight))
    set_matrix(&to.rows, weight)
    return 0


# As set_rows, without a name for the usual types.
cdef inline int set_matrix(Rows* rows, cnp.ndarray x) except -1:
    rows.type = type_of(x)
    rows.data = <const char*>cnp.PyArray_DATA(x)
    rows.n = cnp.PyArray_DIM(x, 0)
    rows.d = cnp.PyArray_DIM(x, 1)
    rows.row = cnp.PyArray_STRIDE(x, 0)
    rows.column = cnp.PyArray_STRIDE(x, 1)
    return 0


cdef int run_linear(const Kernels* kernels, const Linear* layer) except -1:
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    fill(&runtime)
    with cython.nogil:
        status = kernels.linear(layer, &runtime)
    fp_status_set(flags)
    return end("no memory for the rows of a layer", status)


def linear_by_blocks(capsule, cnp.ndarray x, weight, up, bias, activation, residual, cnp.ndarray out):
    """out = activation(x @ weight.T + bias) * (x @ up.T) + residual of matrices of any floating type; weights may be
    Weights. bias is of the type computed in, and adjacent; up, bias and residual may be None."""
    cdef Linear layer
    memset(&layer, 0, sizeof(Linear))
    set_matrix(&layer.x, x)
    set_matrix(&layer.out, out)
    if residual is not None:
        set_matrix(&layer.residual, residual)
    set_weight(&layer.weight, weight)
    if up is not None:
        set_weight(&layer.up, up)
        layer.gated = True
    set_activation(&layer.activation, &layer.function, activation)
    layer.bias = data_or_null(bias)
    run_linear(kernels_of(capsule), &layer)


# As set_matrix, of an array of any dimensions whose rows continue each other: False if they do not.
cdef inline bint set_flat(Rows* rows, cnp.ndarray x) noexcept:
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x), d = cnp.PyArray_DIM(x, cnp.PyArray_NDIM(x) - 1)
    if not cnp.PyArray_IS_C_CONTIGUOUS(x):
        return False
    rows.type = TYPE_float32 if cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT else TYPE_float64
    rows.data = <const char*>cnp.PyArray_DATA(x)
    rows.n = cnp.PyArray_SIZE(x) // d if d else 0
    rows.d = d
    rows.row = d * size
    rows.column = size
    return d > 0


# The common call of packed weights: contiguous arrays of the type computed in, and no `out`.
cdef object packed_linear(object x_object, Weight weight, object up, object bias, int activation, object residual,
                          object out):
    if not is_plain(x_object) or out is not None:
        return None
    cdef cnp.ndarray x = <cnp.ndarray>x_object, c
    cdef Py_ssize_t n = weight.weight.rows.n
    cdef int type_number = cnp.PyArray_TYPE(x), last = cnp.PyArray_NDIM(x) - 1
    cdef Linear layer
    if type_number != (cnp.NPY_DOUBLE if weight.weight.rows.type == TYPE_float64 else cnp.NPY_FLOAT) or last < 0:
        return None
    if cnp.PyArray_DIM(x, last) != weight.weight.rows.d or not (PyArray_ISBEHAVED_RO(x) and is_bias(bias, x, n)):
        return None
    if n == 0 or residual is not None and not like_rows(residual, x, n):
        return None
    memset(&layer, 0, sizeof(Linear))
    if up is not None:
        layer.up = (<Weight>up).weight
        layer.gated = True
        if layer.up.rows.n != n or layer.up.rows.d != weight.weight.rows.d or \
                (layer.up.rows.type == TYPE_float64) != (weight.weight.rows.type == TYPE_float64):
            return None
    if not set_flat(&layer.x, x) or residual is not None and not set_flat(&layer.residual, <cnp.ndarray>residual):
        return None
    c = new_result(x, n)
    set_flat(&layer.out, c)
    layer.weight = weight.weight
    layer.activation = activation
    layer.bias = data_or_null(bias)
    run_linear(typed_kernels[type_number], &layer)
    return c


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


# gated_linear(x, gate, up, activation, out)
cdef object compiled_gated_linear(PyObject** arguments, Entry row):
    cdef object gate = <object>arguments[1], up = <object>arguments[2], product
    cdef int activation = activation_of(<object>arguments[3])
    if activation < 0 or isinstance(gate, Weight) != isinstance(up, Weight):
        return None
    if isinstance(gate, Weight):
        return packed_linear(<object>arguments[0], <Weight>gate, up, None, activation, None, <object>arguments[4])
    product = linear_of(<object>arguments[0], up, None, None, None, None, None)
    if product is None:
        return None
    return linear_of(<object>arguments[0], gate, None, <object>arguments[3], None, product, <object>arguments[4])


# --- norms ---
def row_norm(capsule, cnp.ndarray x, residual, weight, bias, double eps, bint centered, cnp.ndarray out, total):
    """Norms of the rows of matrices of one floating type: into out, and x + residual into total unless residual is
    None. weight and bias are of the type computed in, and adjacent, or None."""
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef RowNorm norm
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    memset(&norm, 0, sizeof(RowNorm))
    set_matrix(&norm.x, x)
    set_matrix(&norm.out, out)
    if residual is not None:
        set_matrix(&norm.residual, residual)
        set_matrix(&norm.sum, total)
    norm.weight = data_or_null(weight)
    norm.bias = data_or_null(bias)
    norm.eps = eps
    norm.centered = centered
    fill(&runtime)
    with cython.nogil:
        status = kernels.row_norm(&norm, &runtime)
    fp_status_set(flags)
    end("no memory for the rows of a norm", status)
