# Cosines of pairs of vectors.

cdef object paired_of(object x_object, object y_object):
    """Cosines of each vector of x with the same of y, along the last axis, or None."""
    cdef const Kernels* kernels = reducing_kernels(x_object)
    if kernels == NULL or kernels != reducing_kernels(y_object):
        return None
    cdef cnp.ndarray x = <cnp.ndarray>x_object, y = <cnp.ndarray>y_object, cosines = None
    cdef int x_last = cnp.PyArray_NDIM(x) - 1, y_last = cnp.PyArray_NDIM(y) - 1, d
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x), stride = 1
    cdef Reduction r
    cdef Batch batch
    cdef Leading lead
    cdef double number
    if x_last < 0 or y_last < 0 or cnp.PyArray_DIM(x, x_last) != cnp.PyArray_DIM(y, y_last):
        return None
    lead.operands = 3
    if not broadcast_leading(&lead, &batch, x, 1, y, 1):
        return None
    r.result = REDUCE_COSINE
    r.order = ORDER_TWO
    r.power = 0
    r.x = cnp.PyArray_DATA(x)
    r.y = cnp.PyArray_DATA(y)
    r.to = &number
    r.unsafe = NULL
    r.length = cnp.PyArray_DIM(x, x_last)
    r.x_stride = cnp.PyArray_STRIDE(x, x_last) // size if r.length > 1 else 1
    r.y_stride = cnp.PyArray_STRIDE(y, y_last) // size if r.length > 1 else 1
    r.to_stride = 0
    if batch.dims:
        cosines = <cnp.ndarray>cnp.PyArray_EMPTY(batch.dims, <cnp.npy_intp*>lead.shape, cnp.PyArray_TYPE(x), 0)
        r.to = cnp.PyArray_DATA(cosines)
    for d in range(batch.dims - 1, -1, -1):
        lead.strides[2][d] = stride
        stride *= lead.shape[d]
    if r.x_stride < 0:
        r.x = <const char*>r.x + (r.length - 1) * r.x_stride * size
        r.y = <const char*>r.y + (r.length - 1) * r.y_stride * size
        r.x_stride = -r.x_stride
        r.y_stride = -r.y_stride
    squeeze_leading(&batch, &lead)
    sort_leading(&batch, &lead, NULL)
    finish_leading(&r, &batch, &lead, size)
    run_reduction(kernels, &r, &batch, size)
    return cosines if cosines is not None else PyArray_Scalar(&number, cnp.PyArray_DescrFromType(cnp.PyArray_TYPE(x)),
                                                              None)


cdef object compiled_paired(PyObject** arguments, Entry row):
    return paired_of(<object>arguments[0], <object>arguments[1])


def paired(x, y):
    """paired_of for operands that have been converted."""
    return paired_of(x, y)
