# Along axes, in the order memory lies: from arrays and axes to a Reduction and its Batch.

from libc.stdint cimport PTRDIFF_MAX

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
