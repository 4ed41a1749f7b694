# Part of the core: softmax and its like, and the vector functions. Shapes and dtypes were checked by _validate.

MATH = {"exp": MATH_EXP, "exp_weight": MATH_EXP_WEIGHT, "log": MATH_LOG, "tanh": MATH_TANH, "erf": MATH_ERF,
        "erfc": MATH_ERFC}


def vector_math(capsule, name, cnp.ndarray x, cnp.ndarray out):
    """out = name(x) by a target's vector functions, both adjacent and of the kernels' type."""
    cdef unsigned flags = fp_status_get()
    kernels_of(capsule).vector_math(MATH[name], cnp.PyArray_DATA(x), cnp.PyArray_DATA(out), cnp.PyArray_SIZE(x))
    fp_status_set(flags)


SOFTMAX_KINDS = {"softmax": SOFTMAX, "log_softmax": LOG_SOFTMAX, "logsumexp": LOGSUMEXP}


def softmax(capsule, kind, cnp.ndarray x, int axis, cnp.ndarray out):
    """out = softmax, log_softmax or logsumexp (whose out has length 1 there) of x along an axis; of one dtype."""
    run_softmax(kernels_of(capsule), SOFTMAX_KINDS[kind], x, axis, out)


cdef int run_softmax(const Kernels* kernels, int kind, cnp.ndarray x, int axis, cnp.ndarray out) except -1:
    cdef Softmax s
    cdef Runtime runtime
    cdef Leading lead
    cdef Batch batch
    cdef unsigned flags = fp_status_get()
    cdef int status, d, side
    s.kind = kind
    s.type = type_of(x)
    s.x = <const char*>cnp.PyArray_DATA(x)
    s.out = <char*>cnp.PyArray_DATA(out)
    s.n = cnp.PyArray_DIM(x, axis)
    s.x_step = cnp.PyArray_STRIDE(x, axis)
    s.out_step = cnp.PyArray_STRIDE(out, axis)
    # The other axes, as few as can be. Strides are bytes here.
    lead.operands = 2
    batch.dims = 0
    s.count = 1
    for d in range(cnp.PyArray_NDIM(x)):
        if d != axis and cnp.PyArray_DIM(x, d) != 1:
            lead.shape[batch.dims] = cnp.PyArray_DIM(x, d)
            lead.strides[0][batch.dims] = cnp.PyArray_STRIDE(x, d)
            lead.strides[1][batch.dims] = cnp.PyArray_STRIDE(out, d)
            s.count *= lead.shape[batch.dims]
            batch.dims += 1
    sort_leading(&batch, &lead, NULL)
    merge_leading(&batch, &lead)
    # Lines are read side by side along an axis whose numbers lie closer together than theirs do; single numbers anyway.
    s.columns = 1
    s.x_column = s.out_column = 0
    side = batch.dims - 1
    if side >= 0 and s.count and lead.strides[0][side] and \
            (s.n == 1 or abs(lead.strides[0][side]) < abs(s.x_step)):
        s.columns = lead.shape[side]
        s.x_column = lead.strides[0][side]
        s.out_column = lead.strides[1][side]
        s.count //= s.columns
        batch.dims -= 1
    s.dims = batch.dims
    s.shape = lead.shape
    s.x_stride = lead.strides[0]
    s.out_stride = lead.strides[1]
    fill(&runtime)
    with cython.nogil:
        status = kernels.softmax(&s, &runtime)
    fp_status_set(flags)
    return end("no memory for softmax", status)


# --- entries ---
# The axis of a plain array of float32 or float64; -1: something needs converting, or is wrong.
cdef inline int plain_axis(object x, object axis) except -2:
    cdef cnp.ndarray array
    cdef bint marked[MAX_DIMS]
    cdef int d
    if not is_plain(x) or type(axis) is not int:
        return -1
    array = <cnp.ndarray>x
    if not PyArray_ISBEHAVED_RO(array) or \
            not (cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT or cnp.PyArray_TYPE(array) == cnp.NPY_DOUBLE):
        return -1
    for d in range(cnp.PyArray_NDIM(array)):
        marked[d] = False
    if not mark_axis(axis, cnp.PyArray_NDIM(array), marked):
        return -1
    for d in range(cnp.PyArray_NDIM(array)):
        if marked[d]:
            return d
    return -1


cdef object softmax_of(int kind, PyObject** arguments):
    cdef int axis = plain_axis(<object>arguments[0], <object>arguments[1])
    cdef cnp.ndarray x, out
    if axis < 0 or <object>arguments[2] is not None:
        return None
    x = <cnp.ndarray>arguments[0]
    out = <cnp.ndarray>PyArray_NewLikeArray(x, NPY_KEEPORDER, NULL, 0)
    run_softmax(typed_kernels[cnp.PyArray_TYPE(x)], kind, x, axis, out)
    return out


# softmax(x, axis, out)
cdef object compiled_softmax(PyObject** arguments, Entry row):
    return softmax_of(SOFTMAX, arguments)


# log_softmax(x, axis, out)
cdef object compiled_log_softmax(PyObject** arguments, Entry row):
    return softmax_of(LOG_SOFTMAX, arguments)


# logsumexp(x, axis, keepdims)
cdef object compiled_logsumexp(PyObject** arguments, Entry row):
    cdef int axis = plain_axis(<object>arguments[0], <object>arguments[1]), d
    cdef object keepdims = <object>arguments[2]
    cdef cnp.npy_intp shape[MAX_DIMS]
    cdef cnp.ndarray x, out
    if axis < 0 or not (keepdims is True or keepdims is False):
        return None
    x = <cnp.ndarray>arguments[0]
    for d in range(cnp.PyArray_NDIM(x)):
        shape[d] = 1 if d == axis else cnp.PyArray_DIM(x, d)
    out = <cnp.ndarray>cnp.PyArray_EMPTY(cnp.PyArray_NDIM(x), shape, cnp.PyArray_TYPE(x), 0)
    run_softmax(typed_kernels[cnp.PyArray_TYPE(x)], LOGSUMEXP, x, axis, out)
    return out if keepdims else out.squeeze(axis)[()]
