# Sums become results: one factor a row, or a part's record that is merged with the others.

# What a part of the keys has found of a row: the largest score, the sum of weights, then value_width sums.
cdef inline Py_ssize_t record_size(const Attention* a) noexcept nogil:
    return line_stride(a.value_width + 2, sizeof(real))


# The sinks of a unit's rows, a lane a row.
cdef inline vec sinks_of(const Attention* a, const Item* item, Py_ssize_t head, Py_ssize_t row,
                         Py_ssize_t last) noexcept nogil:
    cdef real sinks[LANES]
    cdef Py_ssize_t i
    for i in range(LANES):
        sinks[i] = (<const real*>a.sinks)[head + smaller(row + i, last) // item.queries]
    return load(sinks)


cdef extern from *:
    """
    INLINE vec where_zero(vec x, vec yes, vec no) { return blend(x == zero(), yes, no); }
    """
    vec where_zero(vec x, vec yes, vec no) noexcept nogil


# What the sums of a vector of rows are multiplied by, from their largest scores, sums of weights and sinks, if there
# are any; and their lse, if that is wanted.
cdef inline vec row_factors(const Attention* a, vec high, vec sum, vec sink, real* lse) noexcept nogil:
    cdef vec times = splat(1), base
    if a.sinks != NULL:
        base = finite_base(larger_of(high, sink))
        times = vec_exp_weight(high - base)
        sum = sum * times + vec_exp_weight(sink - base)
        high = larger_of(high, sink)
    if a.lse.data != NULL:
        store(lse, where_zero(sum, splat(-REAL_INFINITY), high + vec_log(sum)))
    return where_zero(sum, zero(), times / sum)


# What the sums of rows [row, row + count) of the unit whose first head is `head` are multiplied by, in whole vectors;
# their lse is written. top and total are whole vectors too.
cdef void finish_weights(const Attention* a, const Item* item, Py_ssize_t head, Py_ssize_t row, Py_ssize_t count,
                         const real* top,
                         const real* total, real* factor) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef vec sink = zero()
    cdef real lse[LANES]
    for i from 0 <= i < count by LANES:
        if a.sinks != NULL:
            sink = sinks_of(a, item, head, row + i, row + count - 1)
        store(factor + i, row_factors(a, load(top + i), load(total + i), sink, lse))
        if a.lse.data != NULL:
            for j in range(smaller(LANES, count - i)):
                (<real*>(item.lse + (head + (row + i + j) // item.queries) * a.lse.head
                         + (row + i + j) % item.queries * a.lse.row))[0] = lse[j]


cdef inline char* out_row(const Attention* a, const Item* item, Py_ssize_t head, Py_ssize_t row) noexcept nogil:
    return item.out + (head + row // item.queries) * a.out.head + row % item.queries * a.out.row


# A row of sums times its factor goes out.
cdef void write_scaled(const Attention* a, const Item* item, Py_ssize_t head, Py_ssize_t row, real factor,
                       real* sums) noexcept nogil:
    cdef Py_ssize_t d
    for d in range(a.value_width):
        sums[d] = sums[d] * factor
    write_row(out_row(a, item, head, row), a.out.column, <output*>sums, a.value_width, a.out.type)


cdef void write_record(const Attention* a, real top, real total, const real* sums, real* record) noexcept nogil:
    cdef Py_ssize_t d
    record[0] = top
    record[1] = total
    for d in range(a.value_width):
        record[2 + d] = sums[d]


# The records of a row's parts, in their order, as a result.
cdef void merge_records(const Attention* a, const Item* item, Py_ssize_t head, Py_ssize_t row, Py_ssize_t parts,
                        real* records,
                        Py_ssize_t part_stride) noexcept nogil:
    cdef real high = -REAL_INFINITY, sum = 0, factor
    cdef real top[LANES]
    cdef real total[LANES]
    cdef real times[LANES]
    cdef real* sums = records + 2           # part 0 is read before it is written
    cdef Py_ssize_t part, d, i
    cdef const real* record
    for part in range(parts):
        if not records[part * part_stride] <= high:
            high = records[part * part_stride]
    for part in range(parts):
        record = records + part * part_stride
        factor = 0 if record[0] == -REAL_INFINITY else exp_weight_of(record[0] - high)
        sum = sum + record[1] * factor
        for d in range(a.value_width):
            sums[d] = record[2 + d] * factor + (sums[d] if part else 0)
    for i in range(LANES):
        top[i] = high
        total[i] = sum
    finish_weights(a, item, head, row, 1, top, total, times)
    write_scaled(a, item, head, row, times[0], sums)
