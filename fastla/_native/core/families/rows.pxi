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
    cdef const Kernels* kernels = kernels_of(capsule)
    cdef Softmax s
    cdef Runtime runtime
    cdef Py_ssize_t shape[MAX_DIMS]
    cdef Py_ssize_t x_stride[MAX_DIMS]
    cdef Py_ssize_t out_stride[MAX_DIMS]
    cdef unsigned flags = fp_status_get()
    cdef int status, d, side = -1
    s.kind = SOFTMAX_KINDS[kind]
    s.type = NUMBER_TYPES[x.dtype.name]
    s.x = <const char*>cnp.PyArray_DATA(x)
    s.out = <char*>cnp.PyArray_DATA(out)
    s.n = cnp.PyArray_DIM(x, axis)
    s.x_step = cnp.PyArray_STRIDE(x, axis)
    s.out_step = cnp.PyArray_STRIDE(out, axis)
    # Lines are read side by side along an axis whose numbers lie closer together than theirs do.
    for d in range(cnp.PyArray_NDIM(x)):
        if d != axis and cnp.PyArray_DIM(x, d) > 1 and s.n > 1 and \
                0 < abs(cnp.PyArray_STRIDE(x, d)) < abs(s.x_step) and \
                (side < 0 or abs(cnp.PyArray_STRIDE(x, d)) < abs(cnp.PyArray_STRIDE(x, side))):
            side = d
    s.columns = 1
    s.x_column = s.out_column = 0
    s.dims = 0
    s.count = 1
    for d in range(cnp.PyArray_NDIM(x)):
        if d == side:
            s.columns = cnp.PyArray_DIM(x, d)
            s.x_column = cnp.PyArray_STRIDE(x, d)
            s.out_column = cnp.PyArray_STRIDE(out, d)
        elif d != axis:
            shape[s.dims] = cnp.PyArray_DIM(x, d)
            x_stride[s.dims] = cnp.PyArray_STRIDE(x, d)
            out_stride[s.dims] = cnp.PyArray_STRIDE(out, d)
            s.count *= shape[s.dims]
            s.dims += 1
    s.shape = shape
    s.x_stride = x_stride
    s.out_stride = out_stride
    fill(&runtime)
    with cython.nogil:
        status = kernels.softmax(&s, &runtime)
    fp_status_set(flags)
    end("no memory for softmax", status)
