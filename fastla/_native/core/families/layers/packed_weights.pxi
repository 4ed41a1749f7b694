# Layers by blocks of outputs: of packed weights, of 16-bit numbers.

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
    set_rows(&to.rows, weight)
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
    set_rows(&layer.x, x)
    set_rows(&layer.out, out)
    if residual is not None:
        set_rows(&layer.residual, residual)
    set_weight(&layer.weight, weight)
    if up is not None:
        set_weight(&layer.up, up)
        layer.gated = True
    set_activation(&layer.activation, &layer.function, activation)
    layer.bias = data_or_null(bias)
    run_linear(kernels_of(capsule), &layer)


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
