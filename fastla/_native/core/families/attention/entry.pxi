# The compiled entry of attention, and of KVCache.attend.

cdef enum:
    MOST_ITEMS = 1024           # of a compiled call; beside the work of more, Python's part is nothing

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
