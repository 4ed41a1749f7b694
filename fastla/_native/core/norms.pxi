# Norms, vectors of norm 1, cosines of pairs: from arrays and axes to a Reduction and its Batch.

from libc.stdint cimport PTRDIFF_MAX

cdef extern from "numpy/arrayobject.h":
    object PyArray_Scalar(void* data, cnp.dtype descr, object base)
    object PyArray_NewLikeArray(cnp.ndarray prototype, int order, PyObject* descr, int subok)
    enum:
        NPY_KEEPORDER

cdef extern from *:
    """
    #include <math.h>
    """
    const double INFINITY

cdef extern from "Python.h":
    long PyLong_AsLongAndOverflow(object, int*) noexcept

cdef enum:
    KEEP_GIL_BYTES = 65536      # about 3 us
    MOST_POWER = 64             # orders up to here are products


# The kernels of arrays that they take as they are; NULL: something must be converted.
cdef inline const Kernels* reducing_kernels(object x) noexcept:
    cdef int type_number
    if not is_plain(x):
        return NULL
    type_number = cnp.PyArray_TYPE(<cnp.ndarray>x)
    if not (type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE):
        return NULL
    if not PyArray_ISBEHAVED_RO(<cnp.ndarray>x) or cnp.PyArray_SIZE(<cnp.ndarray>x) == 0:
        return NULL
    return typed_kernels[type_number]


# --- dimensions ----------------------------------------------------------------------------------------------------
cdef inline Py_ssize_t steepness(const Leading* lead, int d) noexcept nogil:
    cdef Py_ssize_t x = lead.strides[0][d], y = lead.strides[1][d]
    x = -x if x < 0 else x
    y = -y if y < 0 else y
    x = x if x > y else y
    return x if x else PTRDIFF_MAX           # what is repeated comes outermost


# Dimensions in the order in which memory lies, the steepest outermost; those of length 1 drop out. places[d], where not
# NULL, belongs to dimension d.
cdef void sort_leading(Batch* batch, Leading* lead, int* places) noexcept nogil:
    cdef int d, e, spare = MAX_DIMS - 1, place = 0
    for d in range(1, batch.dims):
        if steepness(lead, d) <= steepness(lead, d - 1):
            continue
        move_dimension(lead, spare, d)
        if places != NULL:
            place = places[d]
        e = d
        while e > 0 and steepness(lead, e - 1) < steepness(lead, spare):
            move_dimension(lead, e, e - 1)
            if places != NULL:
                places[e] = places[e - 1]
            e -= 1
        move_dimension(lead, e, spare)
        if places != NULL:
            places[e] = place


# Dimensions along which x (or y, where x is repeated) runs backwards are turned round.
cdef void turn_leading(Reduction* r, Batch* batch, Leading* lead, Py_ssize_t size) noexcept nogil:
    cdef int d, o
    cdef Py_ssize_t reach[3]
    for d in range(batch.dims):
        if lead.strides[0][d] < 0 or lead.strides[0][d] == 0 and lead.strides[1][d] < 0:
            for o in range(3):
                reach[o] = (lead.shape[d] - 1) * lead.strides[o][d] * size
                lead.strides[o][d] = -lead.strides[o][d]
            r.x = <const char*>r.x + reach[0]
            r.y = <const char*>r.y + reach[1] if r.y != NULL else NULL
            r.to = <char*>r.to + reach[2]


# A batch as the kernels want it: as few dimensions as can be, at least one.
cdef void finish_leading(Reduction* r, Batch* batch, Leading* lead, Py_ssize_t size) noexcept nogil:
    cdef int o
    turn_leading(r, batch, lead, size)
    merge_leading(batch, lead)
    if batch.dims == 0:
        batch.dims = 1
        lead.shape[0] = 1
        for o in range(3):
            lead.strides[o][0] = 0
    point_batch(batch, lead)


# The reduced axes as one: their length and stride in elements. False: they do not follow each other in memory.
cdef bint set_vectors(Reduction* r, cnp.ndarray x, const bint* reduced) noexcept:
    cdef Leading lead
    cdef Batch batch
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x)
    cdef int d
    lead.operands = 2
    batch.dims = 0
    for d in range(cnp.PyArray_NDIM(x)):
        if reduced[d] and cnp.PyArray_DIM(x, d) != 1:
            lead.shape[batch.dims] = cnp.PyArray_DIM(x, d)
            lead.strides[0][batch.dims] = cnp.PyArray_STRIDE(x, d) // size
            lead.strides[1][batch.dims] = 0
            if lead.strides[0][batch.dims] < 0 and r.result != REDUCE_NORMALIZE:
                r.x = <const char*>r.x + (lead.shape[batch.dims] - 1) * cnp.PyArray_STRIDE(x, d)
                lead.strides[0][batch.dims] = -lead.strides[0][batch.dims]
            batch.dims += 1
    sort_leading(&batch, &lead, NULL)
    merge_leading(&batch, &lead)
    r.length = lead.shape[0] if batch.dims else 1
    r.x_stride = lead.strides[0][0] if batch.dims else 1
    return batch.dims <= 1


# Operand 0 of a batch: the kept axes that are longer than 1. axes[d]: which each is.
cdef void set_kept(Batch* batch, Leading* lead, cnp.ndarray x, const bint* reduced, int* axes) noexcept:
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(x)
    cdef int d
    lead.operands = 3
    batch.dims = 0
    batch.count = 1
    for d in range(cnp.PyArray_NDIM(x)):
        if not reduced[d] and cnp.PyArray_DIM(x, d) != 1:
            axes[batch.dims] = d
            lead.shape[batch.dims] = cnp.PyArray_DIM(x, d)
            lead.strides[0][batch.dims] = cnp.PyArray_STRIDE(x, d) // size
            lead.strides[1][batch.dims] = 0
            batch.count *= lead.shape[batch.dims]
            batch.dims += 1


# --- calling -------------------------------------------------------------------------------------------------------
cdef int run_reduction(const Kernels* kernels, const Reduction* r, const Batch* batch, Py_ssize_t size) except -1:
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    fill(&runtime)
    if batch.count * r.length * size < KEEP_GIL_BYTES:
        status = kernels.reduce(r, batch, &runtime)
    else:
        with cython.nogil:
            status = kernels.reduce(r, batch, &runtime)
    fp_status_set(flags)            # norms warn of nothing
    return end("no memory for the sums of norms", status)


# Which order of norms the kernels know a number as. False: none.
cdef bint set_order(Reduction* r, double order) noexcept:
    r.power = 0
    if order == 2:
        r.order = ORDER_TWO
    elif order == 1:
        r.order = ORDER_ONE
    elif order == 0:
        r.order = ORDER_ZERO
    elif order == INFINITY:
        r.order = ORDER_MOST
    elif order == -INFINITY:
        r.order = ORDER_LEAST
    elif 2 < order <= MOST_POWER and order == <int>order:
        r.order = ORDER_POWER
        r.power = <int>order
    else:
        return False
    return True


# Marks the axes that an argument names. False: it is not an axis or a tuple of them, or names one that is not there.
cdef bint mark_axes(object axis, int dims, bint* marked) except -1:
    cdef int d
    cdef object one
    for d in range(dims):
        marked[d] = axis is None
    if axis is None:
        return True
    if type(axis) is int:
        return mark_axis(axis, dims, marked)
    if type(axis) is not tuple:
        return False
    for one in <tuple>axis:
        if type(one) is not int or not mark_axis(one, dims, marked):
            return False
    return True


cdef bint mark_axis(object axis, int dims, bint* marked) noexcept:
    cdef int overflow = 0
    cdef long d = PyLong_AsLongAndOverflow(axis, &overflow)
    if d < 0:
        d += dims
    if overflow or not 0 <= d < dims or marked[d]:
        return False
    marked[d] = True
    return True


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


# The inverse norms of x's rows (its last axis), in the order of its leading dimensions, into contiguous memory; 0 of
# rows of zeros. False: a row is out of the range in which its products with others lose nothing.
cdef bint inverse_norms(const Kernels* kernels, cnp.ndarray x, void* norms) except -1:
    cdef Reduction r
    cdef Batch batch
    cdef Leading lead
    cdef bint reduced[MAX_DIMS]
    cdef int axes[MAX_DIMS]
    cdef int dims = cnp.PyArray_NDIM(x), d, unsafe = False
    cdef Py_ssize_t stride = 1, i
    for d in range(dims):
        reduced[d] = d == dims - 1
    if cnp.PyArray_SIZE(x) == 0:
        for d in range(dims - 1):
            stride *= cnp.PyArray_DIM(x, d)
        memset(norms, 0, stride * cnp.PyArray_ITEMSIZE(x))
        return True
    r.result = REDUCE_INVERSE
    r.order = ORDER_TWO
    r.power = 0
    r.x = cnp.PyArray_DATA(x)
    r.y = NULL
    r.to = norms
    r.y_stride = r.to_stride = 0
    r.unsafe = &unsafe
    set_vectors(&r, x, reduced)
    set_kept(&batch, &lead, x, reduced, axes)
    for d in range(batch.dims - 1, -1, -1):
        lead.strides[2][d] = stride
        stride *= lead.shape[d]
    sort_leading(&batch, &lead, NULL)
    finish_leading(&r, &batch, &lead, cnp.PyArray_ITEMSIZE(x))
    run_reduction(kernels, &r, &batch, cnp.PyArray_ITEMSIZE(x))
    return not unsafe


# --- entries -------------------------------------------------------------------------------------------------------
cdef inline bint is_number(object x) noexcept:
    return type(x) is int or isinstance(x, float)


cdef object compiled_norm(PyObject** arguments, Entry row):
    cdef object keepdims = <object>arguments[2], order = <object>arguments[3]
    if not (keepdims is True or keepdims is False) or not is_number(order):
        return None
    return norm_of(<object>arguments[0], <object>arguments[1], keepdims, order)


cdef object compiled_normalize(PyObject** arguments, Entry row):
    return normalized_of(<object>arguments[0], <object>arguments[1], None)


cdef object compiled_paired(PyObject** arguments, Entry row):
    return paired_of(<object>arguments[0], <object>arguments[1])


def norm(x, axis, keepdims, double order):
    """norm_of for arguments that have been checked."""
    return norm_of(x, axis, keepdims, order)


def normalized(x, axis, out):
    """normalized_of for arguments that have been checked."""
    return normalized_of(x, axis, out)


def paired(x, y):
    """paired_of for operands that have been converted."""
    return paired_of(x, y)
