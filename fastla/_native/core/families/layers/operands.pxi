# What layers are made of: activations by their names, and whether arrays are as the kernels take them. No layer warns
# of anything.

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


# As set_rows, of an array of any dimensions whose rows continue each other: False if they do not.
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
