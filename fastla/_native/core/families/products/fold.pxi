# Fewer and better products of a batch.

# A batch in as few products as can be: dimensions of length 1 drop out, those along which b is one matrix become rows
# of one product, and those that continue each other in all operands become one.
cdef void fold(Product* g, Batch* batch, Leading* lead) noexcept nogil:
    squeeze_leading(batch, lead)
    if g.epilogue == NULL:          # which would see rows and columns exchanged
        exchange_if_better(g, batch, lead)
    cdef int last = batch.dims - 1
    cdef bint folds = g.epilogue == NULL or g.epilogue.folds
    while folds and last >= 0 and lead.strides[1][last] == 0 and rows_follow(g, lead, last):
        if g.m == 1:
            g.a_row = lead.strides[0][last]
            g.c_row = lead.strides[2][last]
        g.m *= lead.shape[last]
        batch.count //= lead.shape[last]
        last -= 1
    batch.dims = last + 1
    merge_leading(batch, lead)


# Whether the items along a leading dimension are further rows of a and of c. A single row has no stride of its own.
cdef inline bint rows_follow(const Product* g, const Leading* lead, int d) noexcept nogil:
    if lead.operands > 3 and lead.strides[3][d] != g.m:         # numbers that belong to rows
        return False
    if g.m == 1:
        return lead.strides[2][d] >= g.n
    return lead.strides[0][d] == g.m * g.a_row and lead.strides[2][d] == g.m * g.c_row


# Where a is one matrix and b a batch of vectors, they exchange places: c.T = b.T @ a.T, whose rows are b's vectors.
cdef void exchange_if_better(Product* g, Batch* batch, Leading* lead) noexcept nogil:
    cdef int last = batch.dims - 1, d
    cdef Product t = g[0]
    cdef Py_ssize_t stride
    if last < 0 or g.n != 1 or lead.strides[0][last] != 0 or lead.strides[1][last] == 0 or g.m > 1 and g.c_row != 1:
        return
    g.a = t.b
    g.b = t.a
    g.m = 1
    g.n = t.m
    g.a_row = g.k
    g.a_col = t.b_row
    g.b_row = t.a_col
    g.b_col = t.a_row if t.m > 1 else 1
    g.c_row = g.n
    for d in range(batch.dims):
        stride = lead.strides[0][d]
        lead.strides[0][d] = lead.strides[1][d]
        lead.strides[1][d] = stride
