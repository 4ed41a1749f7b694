# A block of keys and values: where they lie, or staged as adjacent reals where they are of another type, not
# adjacent, or so far apart that their rows evict each other.
#
# 0 * NaN is NaN: values that are not finite would reach rows that do not see them. So sums that turn out not to be
# finite are found again carefully: with zeros in the place of such values, which then join the sums of the rows that
# see them. The other sums have the same bits.

cdef struct KeyBlock:
    Py_ssize_t first, count             # keys
    const real* key
    const real* value
    Py_ssize_t key_row, value_row


# Rows that are reals where they lie.
cdef inline bint as_they_lie(const Heads* heads, Py_ssize_t width) noexcept nogil:
    return heads.type == TYPE_REAL and (heads.column == sizeof(real) or width <= 1) and \
        (<size_t>heads.data | <size_t>heads.row | <size_t>heads.head) % sizeof(real) == 0


# Rows a multiple of 1 KiB apart, and more than that, would meet in few sets of L1.
cdef inline bint aliases(const Heads* heads) noexcept nogil:
    return heads.row % 1024 == 0 and (heads.row >= 2048 or heads.row <= -2048)


cdef inline bint staged(const Heads* heads, Py_ssize_t width) noexcept nogil:
    return not as_they_lie(heads, width) or aliases(heads)


# Elements from one staged row to the next: never a multiple of a quarter of 4 KiB.
cdef inline Py_ssize_t staged_row(Py_ssize_t width) noexcept nogil:
    cdef Py_ssize_t row = line_stride(larger(1, width), sizeof(real))
    return row if row * <Py_ssize_t>sizeof(real) % 1024 else row + LINE // <Py_ssize_t>sizeof(real)


cdef void stage_rows(const Heads* heads, const char* source, Py_ssize_t count, Py_ssize_t width, const Heads* scales,
                     const char* scale, real* to,
                     Py_ssize_t to_row) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef real times
    for i in range(count):
        read_row(<output*>(to + i * to_row), source + i * heads.row, heads.column, width, heads.type)
        if scale != NULL:
            times = (<const float*>(scale + i * scales.row))[0]
            for j in range(width):
                to[i * to_row + j] = to[i * to_row + j] * times


# The scale of a head's row, or NULL.
cdef inline const char* head_scale(const Heads* scales, const char* item, Py_ssize_t head,
                                   Py_ssize_t row) noexcept nogil:
    if item != NULL:
        item += head * scales.head + row * scales.row
    return item


cdef inline bint is_finite(real x) noexcept nogil:
    return x - x == 0


# `count` rows from `source` on where they lie, or staged in `room`; row: elements from one to the next.
cdef inline const real* real_rows(const Heads* heads, const char* source, Py_ssize_t count, Py_ssize_t width,
                                  const Heads* scales, const char* scale, real* room, Py_ssize_t* row) noexcept nogil:
    if not staged(heads, width):
        row[0] = heads.row // <Py_ssize_t>sizeof(real)
        return <const real*>source
    row[0] = staged_row(width)
    stage_rows(heads, source, count, width, scales, scale, room, row[0])
    return room


# The block of keys [first, first + count) for the heads that share `kv_head`. careful: values that are not finite are
# zeros.
cdef void find_block(const Attention* a, const Item* item, Py_ssize_t kv_head, Py_ssize_t first, Py_ssize_t count,
                     real* key_room, real* value_room, bint careful, KeyBlock* block) noexcept nogil:
    cdef const char* key = item.key + kv_head * a.key.head + first * a.key.row
    cdef const char* value = item.value + kv_head * a.value.head + first * a.value.row
    cdef Py_ssize_t i, j
    block.first = first
    block.count = count
    block.key = real_rows(&a.key, key, count, a.width, &a.key_scale,
                          head_scale(&a.key_scale, item.key_scale, kv_head, first), key_room, &block.key_row)
    block.value = real_rows(&a.value, value, count, a.value_width, &a.value_scale,
                            head_scale(&a.value_scale, item.value_scale, kv_head, first), value_room, &block.value_row)
    if careful:
        for i in range(count):
            for j in range(a.value_width):
                value_room[i * staged_row(a.value_width) + j] = \
                    block.value[i * block.value_row + j] if is_finite(block.value[i * block.value_row + j]) else 0
        block.value = value_room
        block.value_row = staged_row(a.value_width)


# Value `column` of key i of a block, as it lies.
cdef real value_at(const Attention* a, const Item* item, Py_ssize_t kv_head, Py_ssize_t key,
                   Py_ssize_t column) noexcept nogil:
    cdef real x
    read_row(<output*>&x, item.value + kv_head * a.value.head + key * a.value.row + column * a.value.column, 0, 1,
             a.value.type)
    return x


# The values of a block that are not finite join the sums of the rows that see them, and only theirs. A row's weight
# of key i is weights[row * weight_row + i * weight_key], its bias likewise (NULL: none), its sum of column d sums[row
# * sum_row + d * sum_column].
cdef void add_not_finite(const Attention* a, const Item* item, Py_ssize_t kv_head, const KeyBlock* block,
                         const Panel* panel, const real* weights,
                         const real* bias, Py_ssize_t weight_row, Py_ssize_t weight_key, real* sums, Py_ssize_t sum_row,
                         Py_ssize_t sum_column) noexcept nogil:
    cdef Py_ssize_t i, d, row, key, at
    cdef real value
    for i in range(block.count):
        key = block.first + i
        for d in range(a.value_width):
            if block.value[i * block.value_row + d] != 0:
                continue
            value = value_at(a, item, kv_head, key, d)
            if is_finite(value):
                continue
            for row in range(panel.count):
                at = row * weight_row + i * weight_key
                if panel.row_low[row] <= key < panel.row_high[row] and (bias == NULL or bias[at] != -REAL_INFINITY):
                    sums[row * sum_row + d * sum_column] = sums[row * sum_row + d * sum_column] + weights[at] * value
