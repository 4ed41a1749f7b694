# Norms, and vectors of norm 1.

# An array for norms, laid out in the order of x's kept axes, and operand 2 of the batch.
cdef cnp.ndarray new_norms(Batch* batch, Leading* lead, cnp.ndarray x, const bint* reduced, bint keepdims,
                           const int* axes):
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef cnp.npy_intp strides[MAX_DIMS]
    cdef int place[MAX_DIMS]
    cdef int dims = 0, d
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x), stride = 1
    cdef bint in_order = True
    for d in range(cnp.PyArray_NDIM(x)):
        if not reduced[d] or keepdims:
            place[d] = dims
            shape[dims] = 1 if reduced[d] else cnp.PyArray_DIM(x, d)
            strides[dims] = size
            dims += 1
    for d in range(batch.dims - 1, -1, -1):
        lead.strides[2][d] = stride
        strides[place[axes[d]]] = stride * size
        stride *= lead.shape[d]
        in_order = in_order and (d == 0 or axes[d - 1] < axes[d])
    if in_order:
        return <cnp.ndarray>cnp.PyArray_EMPTY(dims, shape, cnp.PyArray_TYPE(x), 0)
    return <cnp.ndarray>cnp.PyArray_New(ndarray, dims, shape, cnp.PyArray_TYPE(x), strides, NULL, 0, 0, None)


cdef object norm_of(object x_object, object axis, bint keepdims, double order):
    """Norms along axes, or None: something needs converting, is not for the kernels, or is wrong."""
    cdef const Kernels* kernels = reducing_kernels(x_object)
    cdef Reduction r
    if kernels == NULL or not set_order(&r, order):
        return None
    cdef cnp.ndarray x = <cnp.ndarray>x_object, norms = None
    cdef bint reduced[MAX_DIMS]
    cdef int axes[MAX_DIMS]
    cdef int unsafe = False
    cdef double number
    cdef Batch batch
    cdef Leading lead
    if not mark_axes(axis, cnp.PyArray_NDIM(x), reduced):
        return None
    r.result = REDUCE_NORM
    r.x = cnp.PyArray_DATA(x)
    r.y = NULL
    r.y_stride = r.to_stride = 0
    r.unsafe = &unsafe
    if not set_vectors(&r, x, reduced):
        return None
    set_kept(&batch, &lead, x, reduced, axes)
    sort_leading(&batch, &lead, axes)
    r.to = &number
    if batch.dims or keepdims or cnp.PyArray_NDIM(x) > MAX_DIMS - 1 or has_kept(x, reduced):
        norms = new_norms(&batch, &lead, x, reduced, keepdims, axes)
        r.to = cnp.PyArray_DATA(norms)
    finish_leading(&r, &batch, &lead, cnp.PyArray_ITEMSIZE(x))
    run_reduction(kernels, &r, &batch, cnp.PyArray_ITEMSIZE(x))
    if r.order == ORDER_POWER and unsafe:
        return None
    return norms if norms is not None else PyArray_Scalar(&number, cnp.PyArray_DescrFromType(cnp.PyArray_TYPE(x)), None)


cdef bint has_kept(cnp.ndarray x, const bint* reduced) noexcept:
    cdef int d
    for d in range(cnp.PyArray_NDIM(x)):
        if not reduced[d]:
            return True
    return False


cdef object normalized_of(object x_object, object axis, object out):
    """Vectors along an axis divided by their norms, into `out` (None: a new array), or None."""
    cdef const Kernels* kernels = reducing_kernels(x_object)
    if kernels == NULL:
        return None
    cdef cnp.ndarray x = <cnp.ndarray>x_object, y
    cdef bint reduced[MAX_DIMS]
    cdef int axes[MAX_DIMS]
    cdef int dims = cnp.PyArray_NDIM(x), d
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x)
    cdef Reduction r
    cdef Batch batch
    cdef Leading lead
    if type(axis) is not int or not mark_axes(axis, dims, reduced):
        return None
    y = PyArray_NewLikeArray(x, NPY_KEEPORDER, NULL, 0) if out is None else <cnp.ndarray>out
    r.result = REDUCE_NORMALIZE
    r.order = ORDER_TWO
    r.power = 0
    r.x = cnp.PyArray_DATA(x)
    r.y = NULL
    r.y_stride = 0
    r.to = cnp.PyArray_DATA(y)
    r.unsafe = NULL
    set_vectors(&r, x, reduced)
    r.to_stride = 1
    for d in range(dims if r.length > 1 else 0):
        if reduced[d]:
            r.to_stride = cnp.PyArray_STRIDE(y, d) // size
    if r.x_stride < 0:
        r.x = <const char*>r.x + (r.length - 1) * r.x_stride * size
        r.to = <char*>r.to + (r.length - 1) * r.to_stride * size
        r.x_stride = -r.x_stride
        r.to_stride = -r.to_stride
    set_kept(&batch, &lead, x, reduced, axes)
    for d in range(batch.dims):
        lead.strides[2][d] = cnp.PyArray_STRIDE(y, axes[d]) // size
    sort_leading(&batch, &lead, NULL)
    finish_leading(&r, &batch, &lead, size)
    run_reduction(kernels, &r, &batch, size)
    return y


# --- entries ---
cdef inline bint is_number(object x) noexcept:
    return type(x) is int or isinstance(x, float)


cdef object compiled_norm(PyObject** arguments, Entry row):
    cdef object keepdims = <object>arguments[2], order = <object>arguments[3]
    if not (keepdims is True or keepdims is False) or not is_number(order):
        return None
    return norm_of(<object>arguments[0], <object>arguments[1], keepdims, order)


cdef object compiled_normalize(PyObject** arguments, Entry row):
    return normalized_of(<object>arguments[0], <object>arguments[1], None)


def norm(x, axis, keepdims, double order):
    """norm_of for arguments that have been checked."""
    return norm_of(x, axis, keepdims, order)


def normalized(x, axis, out):
    """normalized_of for arguments that have been checked."""
    return normalized_of(x, axis, out)
