# Part of the core: matrix products. From arrays to a Stack for the kernels, and the entries of the public functions.

cdef inline bint overlap(cnp.ndarray x, cnp.ndarray y) noexcept:
    """Whether the two extents of memory score_query_block; what lies between their elements counts too."""
    cdef const char* low[2]
    cdef const char* high[2]
    cdef cnp.ndarray z
    cdef Py_ssize_t reach
    cdef int s, d
    for s in range(2):
        z = x if s == 0 else y
        low[s] = high[s] = <const char*>cnp.PyArray_DATA(z)
        for d in range(cnp.PyArray_NDIM(z)):
            reach = (cnp.PyArray_DIM(z, d) - 1) * cnp.PyArray_STRIDE(z, d)
            if reach > 0:
                high[s] += reach
            else:
                low[s] += reach
        high[s] += cnp.PyArray_ITEMSIZE(z)
    return low[0] < high[1] and low[1] < high[0]


cdef struct Leading:
    Py_ssize_t shape[MAX_DIMS]
    Py_ssize_t a_stride[MAX_DIMS]
    Py_ssize_t b_stride[MAX_DIMS]
    Py_ssize_t c_stride[MAX_DIMS]


cdef void fold(Batch* batch, Leading* lead) noexcept nogil:
    """Fewer leading dimensions: those of one drop out, a batch of rows @ one matrix becomes one product with
    more rows, and dimensions that continue each other in all three operands become one."""
    cdef Product* g = &batch.first
    cdef int d, kept = 0
    for d in range(batch.dims):
        if lead.shape[d] != 1:
            lead.shape[kept] = lead.shape[d]
            lead.a_stride[kept] = lead.a_stride[d]
            lead.b_stride[kept] = lead.b_stride[d]
            lead.c_stride[kept] = lead.c_stride[d]
            kept += 1
    while kept and lead.b_stride[kept - 1] == 0 and lead.c_stride[kept - 1] == g.m * g.c_row and \
            lead.a_stride[kept - 1] == g.m * g.a_row:
        g.m *= lead.shape[kept - 1]
        batch.count //= lead.shape[kept - 1]
        kept -= 1
    d = kept - 2
    while d >= 0:
        if lead.a_stride[d] == lead.shape[d + 1] * lead.a_stride[d + 1] and \
                lead.b_stride[d] == lead.shape[d + 1] * lead.b_stride[d + 1] and \
                lead.c_stride[d] == lead.shape[d + 1] * lead.c_stride[d + 1]:
            lead.shape[d] *= lead.shape[d + 1]
            lead.a_stride[d] = lead.a_stride[d + 1]
            lead.b_stride[d] = lead.b_stride[d + 1]
            lead.c_stride[d] = lead.c_stride[d + 1]
            memmove_down(lead, d + 1, kept)
            kept -= 1
        d -= 1
    batch.dims = kept


cdef void memmove_down(Leading* lead, int d, int kept) noexcept nogil:
    while d < kept - 1:
        lead.shape[d] = lead.shape[d + 1]
        lead.a_stride[d] = lead.a_stride[d + 1]
        lead.b_stride[d] = lead.b_stride[d + 1]
        lead.c_stride[d] = lead.c_stride[d + 1]
        d += 1


cdef object common(a_object, b_object, out):
    """a @ b where nothing needs converting; None where something does, or is wrong."""
    if not (PyArray_CheckExact(a_object) and PyArray_CheckExact(b_object)):
        return None
    cdef cnp.ndarray a = <cnp.ndarray>a_object, b = <cnp.ndarray>b_object, c
    cdef int type_number = cnp.PyArray_TYPE(a), a_dims = cnp.PyArray_NDIM(a), b_dims = cnp.PyArray_NDIM(b), dims, d, i, j
    if not 0 <= type_number < TYPES or type_number != cnp.PyArray_TYPE(b) or a_dims == 0 or b_dims == 0:
        return None
    cdef const Kernels* kernels = owned[type_number]
    if kernels == NULL or not (PyArray_ISBEHAVED_RO(a) and PyArray_ISBEHAVED_RO(b)):
        return None
    cdef Batch batch
    cdef Leading lead
    cdef Product* g = &batch.first
    cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(a), a_length, b_length
    cdef cnp.npy_intp shape[MAX_DIMS + 2]
    cdef cnp.npy_intp* a_shape = cnp.PyArray_DIMS(a)
    cdef cnp.npy_intp* b_shape = cnp.PyArray_DIMS(b)
    cdef cnp.npy_intp* a_strides = cnp.PyArray_STRIDES(a)
    cdef cnp.npy_intp* b_strides = cnp.PyArray_STRIDES(b)
    cdef cnp.npy_intp* c_strides

    # the matrices: a 1-D operand is a row of a, a column of b
    g.k = a_shape[a_dims - 1]
    g.a_col = a_strides[a_dims - 1] // size
    g.m = 1
    g.a_row = 0
    if a_dims > 1:
        g.m = a_shape[a_dims - 2]
        g.a_row = a_strides[a_dims - 2] // size
    g.n = 1
    g.b_col = 1
    if b_dims > 1:
        g.n = b_shape[b_dims - 1]
        g.b_col = b_strides[b_dims - 1] // size
    i = b_dims - 2 if b_dims > 1 else 0
    if b_shape[i] != g.k:
        return None
    g.b_row = b_strides[i] // size

    # the leading dimensions, broadcast
    batch.dims = (a_dims if a_dims > b_dims else b_dims) - 2
    if batch.dims < 0:
        batch.dims = 0
    batch.count = 1
    for d in range(batch.dims):
        i = d + a_dims - 2 - batch.dims
        j = d + b_dims - 2 - batch.dims
        a_length = a_shape[i] if i >= 0 else 1
        b_length = b_shape[j] if j >= 0 else 1
        if a_length != b_length and a_length != 1 and b_length != 1:
            return None
        shape[d] = lead.shape[d] = b_length if a_length == 1 else a_length
        lead.a_stride[d] = a_strides[i] // size if a_length != 1 else 0
        lead.b_stride[d] = b_strides[j] // size if b_length != 1 else 0
        batch.count *= lead.shape[d]
    dims = batch.dims
    if a_dims > 1:
        shape[dims] = g.m
        dims += 1
    if b_dims > 1:
        shape[dims] = g.n
        dims += 1
    if dims > MAX_DIMS:
        return None

    if 2.0 * batch.count * g.m * g.n * g.k >= numpy_flops[type_number]:
        return numpy_matmul(a, b) if out is None else numpy_matmul(a, b, out)

    # the output
    if out is None:
        c = <cnp.ndarray>cnp.PyArray_EMPTY(dims, shape, type_number, 0)
    else:
        if not PyArray_CheckExact(out):
            return None
        c = <cnp.ndarray>out
        if cnp.PyArray_TYPE(c) != type_number or cnp.PyArray_NDIM(c) != dims or not PyArray_ISBEHAVED(c):
            return None
        for d in range(dims):
            if cnp.PyArray_DIM(c, d) != shape[d]:
                return None
        if overlap(c, a) or overlap(c, b):
            return None
    c_strides = cnp.PyArray_STRIDES(c)
    for d in range(batch.dims):
        lead.c_stride[d] = c_strides[d] // size if shape[d] != 1 else 0
    g.c_row = g.n
    if a_dims > 1:
        g.c_row = c_strides[batch.dims] // size
    if out is not None:
        # The kernels want adjacent columns, and rows that do not run into each other.
        if b_dims > 1 and g.n > 1 and c_strides[dims - 1] != size:
            return None
        if g.m > 1 and -g.n < g.c_row < g.n:
            return None
    g.a = cnp.PyArray_DATA(a)
    g.b = cnp.PyArray_DATA(b)
    g.c = cnp.PyArray_DATA(c)
    if batch.count == 0 or g.m == 0 or g.n == 0:
        return c if dims or out is not None else c[()]
    if g.k == 0:
        c[...] = 0
        return c if dims or out is not None else c[()]
    if g.m == 1:
        g.a_row = g.k
        g.c_row = g.n
    if g.n == 1:
        g.b_col = 1
    if batch.dims:
        fold(&batch, &lead)
    g.syrk = g.m > 1 and g.a == g.b and g.m == g.n and g.a_row == g.b_col and g.a_col == g.b_row
    for d in range(batch.dims):
        g.syrk &= lead.a_stride[d] == lead.b_stride[d]
    batch.shape = lead.shape
    batch.a_stride = lead.a_stride
    batch.b_stride = lead.b_stride
    batch.c_stride = lead.c_stride
    run(kernels, &batch)
    return c if dims or out is not None else c[()]


# Floating-point exceptions met by this thread's products and not yet reported.
cdef extern from *:
    """
    static _Thread_local unsigned raised;
    """
    unsigned raised


cdef int run(const Kernels* kernels, const Batch* batch) except -1:
    global raised
    cdef Runtime runtime
    cdef int status
    fill(&runtime)
    fp_status_set(0)
    if 2.0 * batch.count * batch.first.m * batch.first.n * batch.first.k < KEEP_GIL_FLOPS:
        status = kernels.matmul(batch, &runtime)
    else:
        with cython.nogil:
            status = kernels.matmul(batch, &runtime)
    raised |= fp_status_get()
    if status != KERNEL_OK:
        raised = 0                  # there is no result to warn of
    return end("no memory for the packed operands of a matrix product", status)


# --- entries --------------------------------------------------------------------------------------------------------
def product(a, b, out):
    """a @ b by the kernels, for operands that _validate has chunk; None where `out` is not for them to write."""
    return common(a, b, out)


cdef int report(numpy_function, x_shape, y_shape) except -1:
    """Warn or raise as np.errstate says, by letting NumPy's function of that name score_query_block the same exceptions. From here the
    warning names the user's line: this module has no Python frame."""
    global raised
    cdef unsigned flags = raised
    raised = 0
    x, y = [], []
    for flag, left, right in ((FP_OVERFLOW, 1e300, 1e300), (FP_UNDERFLOW, 1e-300, 1e-300), (FP_INVALID, float("inf"), 0.0)):
        if flags & <unsigned>flag:
            x.append(left)
            y.append(right)
    if x:
        # Each pair meets alone: in one sum a fused multiply-add hides an underflow behind an overflow.
        numpy_function(array(x).reshape(x_shape), array(y).reshape(y_shape))
    return 0


cdef object missing = object()


def entry(numpy_function, int matmul_dims, bint any_out, x_shape, y_shape):
    """Decorate the Python function of a product, which answers NotImplemented to what is NumPy's to do. What floating-point
    exceptions the kernels met is reported under the NumPy function's name. NumPy is called from here: its warnings too
    name the user's line.

    Where the function is matmul for a second operand of up to matmul_dims dimensions (0: it is not), and for an `out` as matmul
    takes it (any_out), operands that need no converting skip the Python function. x_shape and y_shape: how the NumPy
    function takes pairs of numbers. Arguments that do not fit are the Python function's to refuse: it has the names."""
    def decorate(function):
        def other(*arguments, **keywords):
            result = function(*arguments, **keywords)
            if result is NotImplemented:
                return numpy_function(*arguments, **keywords)
            if raised:
                report(numpy_function, x_shape, y_shape)
            return result

        def matmul(x1=missing, x2=missing, /, out=None, *rest, **keywords):
            if not (keywords or rest) and PyArray_CheckExact(x2) and cnp.PyArray_NDIM(x2) <= matmul_dims and \
                    (any_out or out is None):
                result = common(x1, x2, out)
                if result is not None:
                    if raised:
                        report(numpy_function, x_shape, y_shape)
                    return result
            if rest:
                return other(x1, x2, out, *rest, **keywords)
            if out is not None:
                keywords["out"] = out
            return other(*[x for x in (x1, x2) if x is not missing], **keywords)
        return update_wrapper(matmul if matmul_dims else other, function)
    return decorate
