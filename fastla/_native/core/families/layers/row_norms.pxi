# Norms of rows with weight and bias.

cdef int run_row_norm(const Kernels* kernels, const RowNorm* norm) except -1:
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    fill(&runtime)
    with cython.nogil:
        status = kernels.row_norm(norm, &runtime)
    fp_status_set(flags)
    return end("no memory for the rows of a norm", status)


def row_norm(capsule, cnp.ndarray x, residual, weight, bias, double eps, bint centered, cnp.ndarray out, total):
    """Norms of the rows of matrices of one floating type: into out, and x + residual into total unless residual is
    None. weight and bias are of the type computed in, and adjacent, or None."""
    cdef RowNorm norm
    memset(&norm, 0, sizeof(RowNorm))
    set_rows(&norm.x, x)
    set_rows(&norm.out, out)
    if residual is not None:
        set_rows(&norm.residual, residual)
        set_rows(&norm.sum, total)
    norm.weight = data_or_null(weight)
    norm.bias = data_or_null(bias)
    norm.eps = eps
    norm.centered = centered
    run_row_norm(kernels_of(capsule), &norm)


# The common call: contiguous arrays of float32 or float64, and no `out`. None: it is not that, or wrong.
cdef object row_norm_of(object x_object, object weight, object bias, object eps, object residual, object out,
                        bint centered):
    if not is_plain(x_object) or out is not None or not isinstance(eps, float):
        return None
    cdef cnp.ndarray x = <cnp.ndarray>x_object, y, total = None
    cdef int type_number = cnp.PyArray_TYPE(x), last = cnp.PyArray_NDIM(x) - 1
    cdef Py_ssize_t d
    cdef RowNorm norm
    if not (type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE) or last < 0 or not PyArray_ISBEHAVED_RO(x):
        return None
    d = cnp.PyArray_DIM(x, last)
    memset(&norm, 0, sizeof(RowNorm))
    norm.eps = eps
    norm.centered = centered
    if not (is_bias(weight, x, d) and is_bias(bias, x, d) and 0 <= norm.eps < INFINITY and set_flat(&norm.x, x)):
        return None
    if residual is not None:
        if not (like_rows(residual, x, d) and set_flat(&norm.residual, <cnp.ndarray>residual)):
            return None
        total = new_result(x, d)
        set_flat(&norm.sum, total)
    y = new_result(x, d)
    set_flat(&norm.out, y)
    norm.weight = data_or_null(weight)
    norm.bias = data_or_null(bias)
    run_row_norm(typed_kernels[type_number], &norm)
    return y if residual is None else (y, total)


# layer_norm(x, weight, bias, eps, residual, out)
cdef object compiled_layer_norm(PyObject** arguments, Entry row):
    return row_norm_of(<object>arguments[0], <object>arguments[1], <object>arguments[2], <object>arguments[3],
                       <object>arguments[4], <object>arguments[5], True)


# rms_norm(x, weight, eps, residual, out)
cdef object compiled_rms_norm(PyObject** arguments, Entry row):
    return row_norm_of(<object>arguments[0], <object>arguments[1], None, <object>arguments[2], <object>arguments[3],
                       <object>arguments[4], False)
