# Part of the core: attention. Shapes and dtypes were checked by _validate.

ctypedef Py_ssize_t Strides[MAX_DIMS]


# x as rows by item, head, row and column: its last three axes, and those before them, aligned with the call's. An
# axis of length 1 is repeated.
cdef int set_heads(Heads* heads, Py_ssize_t* batch, int dims, x) except -1:
    cdef cnp.ndarray array
    cdef int d, before
    heads.batch = batch
    memset(batch, 0, dims * sizeof(Py_ssize_t))
    heads.data = NULL
    heads.type = TYPE_float32
    heads.head = heads.row = heads.column = 0
    if x is None:
        return 0
    array = x
    heads.data = <char*>cnp.PyArray_DATA(array)
    heads.type = type_of(array)
    heads.head = stride_of(array, -3)
    heads.row = stride_of(array, -2)
    heads.column = stride_of(array, -1)
    before = cnp.PyArray_NDIM(array) - 3
    for d in range(dims):
        if before - dims + d >= 0:
            batch[d] = stride_of(array, -3 - dims + d)
    return 0


cdef inline Py_ssize_t stride_of(cnp.ndarray x, int axis) noexcept:
    cdef int d = cnp.PyArray_NDIM(x) + axis
    return 0 if d < 0 or cnp.PyArray_DIM(x, d) == 1 else cnp.PyArray_STRIDE(x, d)


cdef inline Py_ssize_t length_of(cnp.ndarray x, int axis) noexcept:
    return cnp.PyArray_DIM(x, cnp.PyArray_NDIM(x) + axis)


cdef const Py_ssize_t* integers(cnp.ndarray x) noexcept:
    return <const Py_ssize_t*>cnp.PyArray_DATA(x)


# The arrays of a call; the leading axes are set already. None: there is none.
cdef int set_operands(Attention* a, Strides* batch, query, key, value, out, mask, lse, slopes, key_scale,
                      value_scale) except -1:
    set_heads(&a.query, batch[0], a.dims, query)
    set_heads(&a.key, batch[1], a.dims, key)
    set_heads(&a.value, batch[2], a.dims, value)
    set_heads(&a.out, batch[3], a.dims, out)
    set_heads(&a.mask, batch[4], a.dims, mask)
    set_heads(&a.lse, batch[5], a.dims, None if lse is None else lse[..., None])
    set_heads(&a.slopes, batch[6], a.dims, None if slopes is None else slopes[..., None, None])
    set_heads(&a.key_scale, batch[7], a.dims, None if key_scale is None else key_scale[..., None])
    set_heads(&a.value_scale, batch[8], a.dims, None if value_scale is None else value_scale[..., None])
    a.heads = length_of(query, -3)
    a.queries = length_of(query, -2)
    a.width = length_of(query, -1)
    a.kv_heads = length_of(key, -3)
    a.keys = length_of(key, -2)
    a.value_width = length_of(value, -1)
    return 0


cdef int run_attention(const Kernels* kernels, Attention* a) except -1:
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status
    make_ready(kernels, ENTRY_attention)
    fill(&runtime)
    with cython.nogil:
        status = call_attention(kernels, a, &runtime)
    fp_status_set(flags)            # it warns of nothing
    return end("no memory for the blocks of attention", status)


def attention(capsule, call):
    """out, and lse unless it is None, of a call that _validate.attention has made."""
    cdef Attention a
    cdef Strides batch[ATTENTION_ARRAYS]
    cdef Py_ssize_t shape[MAX_DIMS]
    cdef int d
    memset(&a, 0, sizeof(Attention))
    lead = call.lead
    a.dims = len(lead)
    a.batch = 1
    for d in range(a.dims):
        shape[d] = lead[d]
        a.batch *= shape[d]
    a.shape = shape
    set_operands(&a, batch, call.query, call.key, call.value, call.out, call.mask, call.lse, call.slopes,
                 call.key_scale, call.value_scale)
    if call.stored is not None:
        a.key.type = a.value.type = NUMBER_TYPES[call.stored]
    a.sinks = data_or_null(call.sinks)
    if call.query_starts is not None:
        a.query_starts = integers(call.query_starts)
        a.key_starts = integers(call.key_starts)
    a.offsets = integers(call.offsets)
    a.lengths = integers(call.lengths)
    a.causal = call.causal
    a.left, a.right = call.window
    a.scale = call.scale
    a.softcap = call.softcap
    a.score_mod = user_function(call.score_mod)
    a.mask_mod = user_function(call.mask_mod)
    run_attention(kernels_of(capsule), &a)


ATTENTION_ROUTE_NAMES = {ROUTE_FORWARD: "forward", ROUTE_DECODE: "decode", ROUTE_SHORT: "short"}


def attention_route(cnp.ndarray query, cnp.ndarray key):
    """Which way attention takes for arrays of one owned type, with three axes."""
    cdef Attention a
    cdef Py_ssize_t length = length_of(key, -2), offset = 0
    memset(&a, 0, sizeof(Attention))
    a.heads = length_of(query, -3)
    a.kv_heads = length_of(key, -3)
    a.queries = length_of(query, -2)
    a.lengths = &length
    a.offsets = &offset
    return ATTENTION_ROUTE_NAMES[typed_kernels[cnp.PyArray_TYPE(query)].attention_route(&a)]
