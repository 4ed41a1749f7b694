# Packing: operands copied into the order in which the micro-kernel reads them.


# to[p, w] = source[w * w_step + p * p_step] for w < width, p < k, rows of `width` elements adjacent.
# From `valid` on the last valid element is repeated: lanes that are computed and dropped then raise no floating-point
# exception that the real elements do not.
cdef void pack_panel(real* to, Py_ssize_t width, Py_ssize_t valid, Py_ssize_t k,
                     const stored* source, Py_ssize_t w_step, Py_ssize_t p_step) noexcept nogil:
    cdef Py_ssize_t p, w, whole = 0
    if p_step == 1:
        whole = valid - valid % LANES
        for w from 0 <= w < whole by LANES:
            pack_transposed(to + w, width, k, source + w * w_step, w_step)
        for w in range(whole, valid):
            for p in range(k):
                to[p * width + w] = source[w * w_step + p]
    elif w_step == 1:
        for p in range(k):
            for w in range(valid):
                to[p * width + w] = source[p * p_step + w]
    else:
        for p in range(k):
            for w in range(valid):
                to[p * width + w] = source[p * p_step + w * w_step]
    if valid < width:
        for p in range(k):
            for w in range(valid, width):
                to[p * width + w] = to[p * width + valid - 1]


# LANES rows of `source` (adjacent along p) become LANES adjacent columns of `to`.
cdef void pack_transposed(real* to, Py_ssize_t width, Py_ssize_t k,
                          const stored* source, Py_ssize_t w_step) noexcept nogil:
    cdef Py_ssize_t p, w
    for p in range(k):
        for w in range(LANES):
            to[p * width + w] = source[w * w_step + p]
