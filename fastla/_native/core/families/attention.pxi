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


# A number type; a dtype's name takes a microsecond.
cdef inline int type_of(cnp.ndarray x) except -1:
    cdef int number = cnp.PyArray_TYPE(x)
    if number == cnp.NPY_FLOAT32:
        return TYPE_float32
    if number == cnp.NPY_FLOAT64:
        return TYPE_float64
    if number == cnp.NPY_BOOL:
        return TYPE_uint8
    return NUMBER_TYPES[x.dtype.name]


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


# --- the compiled entry ---
cdef enum:
    MOST_ITEMS = 64             # of a compiled call; beside the work of more, Python's part is nothing

cdef enum:                      # attention's parameters, in their order
    QUERY, KEY, VALUE, ATTN_MASK, IS_CAUSAL, Q_OFFSET, KV_LENGTHS, WINDOW, SCALE


# Whether it has the shape's leading axes (all but the last three), and numbers as the kernels read them.
cdef inline bint has_heads(object x, cnp.ndarray like, int before) noexcept:
    cdef int d
    if not is_plain(x) or cnp.PyArray_NDIM(<cnp.ndarray>x) != before + 3 or not PyArray_ISBEHAVED_RO(<cnp.ndarray>x):
        return False
    for d in range(before):
        if cnp.PyArray_DIM(<cnp.ndarray>x, d) != cnp.PyArray_DIM(like, d):
            return False
    return True


# Whether it is None, or truth values or numbers of the query's type that broadcast to the scores.
cdef inline bint is_mask(object x, const Attention* a, cnp.ndarray query) noexcept:
    cdef cnp.ndarray mask
    cdef int d, last = cnp.PyArray_NDIM(query) - 1, axis
    cdef Py_ssize_t length
    if x is None:
        return True
    if not is_plain(x) or not PyArray_ISBEHAVED_RO(<cnp.ndarray>x):
        return False
    mask = <cnp.ndarray>x
    if cnp.PyArray_TYPE(mask) != cnp.NPY_BOOL and cnp.PyArray_TYPE(mask) != cnp.PyArray_TYPE(query):
        return False
    for d in range(cnp.PyArray_NDIM(mask)):
        axis = d + last + 1 - cnp.PyArray_NDIM(mask)
        length = a.keys if axis == last else cnp.PyArray_DIM(query, axis) if axis >= 0 else 1
        if cnp.PyArray_DIM(mask, d) != 1 and cnp.PyArray_DIM(mask, d) != length:
            return False
    return cnp.PyArray_NDIM(mask) <= last + 1


# The window's sides, of a pair of integers; False: it is something else.
cdef inline bint set_window(Attention* a, object window) except -1:
    cdef object left, right
    a.left = a.right = -1
    if window is None:
        return True
    if type(window) is not tuple or len(<tuple>window) != 2:
        return False
    left, right = <tuple>window
    if type(left) is not int or type(right) is not int or not (-1 <= left < 1 << 40 and -1 <= right < 1 << 40):
        return False
    a.left = left
    a.right = right
    return True


# What a call has beside its arrays.
cdef struct Seen:
    bint causal
    bint at_end                         # the last query stands at the last key
    const Py_ssize_t* lengths           # of each item; NULL: all keys


# A call of float32 or float64 queries, or None: something needs converting, or is wrong, or it is a large batch. key
# and value hold numbers of the query's type, or what `stored` names.
cdef object attention_of(object query_object, object key, object value, object mask, const Seen* seen, object window,
                         object scale, object stored, object key_scale, object value_scale):
    cdef cnp.ndarray query, out
    cdef Attention a
    cdef Strides batch[ATTENTION_ARRAYS]
    cdef Py_ssize_t shape[MAX_DIMS]
    cdef Py_ssize_t offsets[MOST_ITEMS]
    cdef Py_ssize_t lengths[MOST_ITEMS]
    cdef Py_ssize_t b
    cdef int type_number, d, i
    if not is_plain(query_object):
        return None
    query = <cnp.ndarray>query_object
    type_number = cnp.PyArray_TYPE(query)
    d = cnp.PyArray_NDIM(query) - 3
    if not (type_number == cnp.NPY_FLOAT or type_number == cnp.NPY_DOUBLE) or not 0 <= d <= MAX_DIMS - 3:
        return None
    if not (has_heads(query, query, d) and has_heads(key, query, d) and has_heads(value, query, d)):
        return None
    if stored is None and not (cnp.PyArray_TYPE(<cnp.ndarray>key) == cnp.PyArray_TYPE(<cnp.ndarray>value) ==
                               type_number):
        return None
    memset(&a, 0, sizeof(Attention))
    a.dims = d
    a.batch = 1
    for i in range(d):
        shape[i] = cnp.PyArray_DIM(query, i)
        a.batch *= shape[i]
    a.shape = shape
    a.keys = length_of(key, -2)
    a.value_width = length_of(value, -1)
    if a.batch > MOST_ITEMS or not set_window(&a, window) or not is_mask(mask, &a, query):
        return None
    if length_of(key, -1) != length_of(query, -1) or length_of(value, -2) != a.keys or \
            length_of(key, -3) != length_of(value, -3) or length_of(key, -3) == 0 or \
            length_of(query, -3) % length_of(key, -3):
        return None
    a.scale = 1.0 if length_of(query, -1) == 0 else pow(length_of(query, -1), -0.5)      # as Python has it
    if scale is not None:
        if type(scale) is not float or scale != scale:
            return None
        a.scale = scale
    if a.value_width == length_of(query, -1):
        out = <cnp.ndarray>PyArray_NewLikeArray(query, NPY_KEEPORDER, NULL, 0)
    elif cnp.PyArray_IS_C_CONTIGUOUS(query):
        out = new_result(query, a.value_width)
    else:
        return None
    set_operands(&a, batch, query, key, value, out, mask, None, None, key_scale, value_scale)
    if stored is not None:
        a.key.type = a.value.type = NUMBER_TYPES[stored]
    for b in range(a.batch):
        lengths[b] = a.keys if seen.lengths == NULL else seen.lengths[b]
        offsets[b] = lengths[b] - a.queries if seen.at_end else 0
    a.offsets = offsets
    a.lengths = lengths
    a.causal = seen.causal
    run_attention(typed_kernels[type_number], &a)
    return out


# attention(query, key, value, attn_mask, is_causal, q_offset, kv_lengths, window, scale, ...): what comes after scale
# is as the function has it by default.
cdef object compiled_attention(PyObject** arguments, Entry row):
    cdef object causal = <object>arguments[IS_CAUSAL], offset = <object>arguments[Q_OFFSET]
    cdef Seen seen
    cdef int i
    for i in range(SCALE + 1, row.parameters):
        if not is_default(row, arguments, i):
            return None
    seen.lengths = NULL
    seen.causal = causal is True
    seen.at_end = type(offset) is str and <str>offset == "end"
    if <object>arguments[KV_LENGTHS] is not None or not (causal is True or causal is False) or \
            not (seen.at_end or is_default(row, arguments, Q_OFFSET)):
        return None
    return attention_of(<object>arguments[QUERY], <object>arguments[KEY], <object>arguments[VALUE],
                        <object>arguments[ATTN_MASK], &seen, <object>arguments[WINDOW], <object>arguments[SCALE],
                        None, None, None)


def attend(query, cnp.ndarray key, cnp.ndarray value, cnp.ndarray lengths, str stored, list scales, causal, window,
           scale):
    """KVCache.attend's usual call: arrays that it has checked or made, scales of key and value or none; or None."""
    cdef Seen seen
    if not (causal is True or causal is False):
        return None
    seen.lengths = integers(lengths)
    seen.causal = causal is True
    seen.at_end = True
    return attention_of(query, key, value, None, &seen, window, scale, stored, scales[0] if scales else None,
                        scales[1] if scales else None)
