# Arrays as kernels see them.

# Arrays whose results are NumPy's own arrays: memory maps count too (NumPy's functions return plain arrays for them).
cdef inline bint is_plain(object x) noexcept:
    return PyArray_CheckExact(x) or type(x) is memmap


# The memory between an array's first and last byte.
cdef inline void set_extent(cnp.ndarray x, const char** low, const char** high) noexcept:
    cdef const cnp.npy_intp* shape = cnp.PyArray_DIMS(x)
    cdef const cnp.npy_intp* strides = cnp.PyArray_STRIDES(x)
    cdef Py_ssize_t below = 0, above = cnp.PyArray_ITEMSIZE(x), reach
    cdef int d
    for d in range(cnp.PyArray_NDIM(x)):
        reach = (shape[d] - 1) * strides[d]
        below += reach if reach < 0 else 0
        above += reach if reach > 0 else 0
    low[0] = <const char*>cnp.PyArray_DATA(x) + below
    high[0] = <const char*>cnp.PyArray_DATA(x) + above


# Whether the extents of two arrays meet; what lies between their elements counts too.
cdef inline bint overlap(cnp.ndarray x, cnp.ndarray y) noexcept:
    cdef const char* low[2]
    cdef const char* high[2]
    set_extent(x, &low[0], &high[0])
    set_extent(y, &low[1], &high[1])
    return low[0] < high[1] and low[1] < high[0]


# The leading dimensions of a call: the memory behind its Batch.
cdef struct Leading:
    int operands
    Py_ssize_t shape[MAX_DIMS]
    Py_ssize_t strides[BATCH_OPERANDS][MAX_DIMS]


cdef void point_batch(Batch* batch, Leading* lead) noexcept nogil:
    cdef int o
    batch.shape = lead.shape
    for o in range(BATCH_OPERANDS):
        batch.strides[o] = lead.strides[o]


cdef inline void move_dimension(Leading* lead, int to, int source) noexcept nogil:
    cdef int o
    lead.shape[to] = lead.shape[source]
    for o in range(lead.operands):
        lead.strides[o][to] = lead.strides[o][source]


# Broadcasts the leading dimensions of two arrays into operands 0 and 1, strides in elements. False: they do not fit.
cdef bint broadcast_leading(Leading* lead, Batch* batch, cnp.ndarray a, int a_core, cnp.ndarray b, int b_core) noexcept:
    cdef int a_lead = cnp.PyArray_NDIM(a) - a_core, b_lead = cnp.PyArray_NDIM(b) - b_core, d, i, j
    cdef Py_ssize_t a_length, b_length, size = cnp.PyArray_ITEMSIZE(a)
    batch.dims = a_lead if a_lead > b_lead else b_lead
    batch.count = 1
    for d in range(batch.dims):
        i = d + a_lead - batch.dims
        j = d + b_lead - batch.dims
        a_length = cnp.PyArray_DIM(a, i) if i >= 0 else 1
        b_length = cnp.PyArray_DIM(b, j) if j >= 0 else 1
        if a_length != b_length and a_length != 1 and b_length != 1:
            return False
        lead.shape[d] = b_length if a_length == 1 else a_length
        lead.strides[0][d] = cnp.PyArray_STRIDE(a, i) // size if a_length != 1 else 0
        lead.strides[1][d] = cnp.PyArray_STRIDE(b, j) // size if b_length != 1 else 0
        batch.count *= lead.shape[d]
    return True


# Dimensions of length 1 drop out.
cdef void squeeze_leading(Batch* batch, Leading* lead) noexcept nogil:
    cdef int d, kept = 0
    for d in range(batch.dims):
        if lead.shape[d] != 1:
            move_dimension(lead, kept, d)
            kept += 1
    batch.dims = kept


# Dimensions that continue each other in all operands become one.
cdef void merge_leading(Batch* batch, Leading* lead) noexcept nogil:
    cdef int d, o, i
    cdef bint continues
    for d in range(batch.dims - 2, -1, -1):
        continues = True
        for o in range(lead.operands):
            continues = continues and lead.strides[o][d] == lead.shape[d + 1] * lead.strides[o][d + 1]
        if continues:
            lead.shape[d + 1] *= lead.shape[d]
            for i in range(d, batch.dims - 1):
                move_dimension(lead, i, i + 1)
            batch.dims -= 1
