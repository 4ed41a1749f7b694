# Sums become results: one division a row, or a part's record that is merged with the others.

# What a part of the keys has found of a row: the largest score, the sum of weights, then value_width sums.
cdef inline Py_ssize_t record_size(const Attention* a) noexcept nogil:
    return line_stride(a.value_width + 2, sizeof(real))


# out and lse of a row of the unit whose first head is `head`. The sums are divided in place.
cdef void write_result(const Attention* a, const Item* item, Py_ssize_t head, Py_ssize_t row, real top, real total, real* sums) noexcept nogil:
    cdef Py_ssize_t query = row % item.queries, d
    cdef real high = top, factor = 1, sink
    head += row // item.queries
    if a.sinks != NULL:
        sink = (<const real*>a.sinks)[head]
        if not sink <= high:
            high = sink
        if high != -REAL_INFINITY:
            factor = exp_weight_of(top - high)
            total = total * factor + exp_weight_of(sink - high)
    if a.lse.data != NULL:
        (<real*>(item.lse + head * a.lse.head + query * a.lse.row))[0] = -REAL_INFINITY if total == 0 else high + log_of(total)
    factor = 0 if total == 0 else factor / total
    for d in range(a.value_width):
        sums[d] = sums[d] * factor
    write_row(item.out + head * a.out.head + query * a.out.row, a.out.column, <output*>sums, a.value_width, a.out.type)


# The records of a row's parts, in their order, as a result.
cdef void merge_records(const Attention* a, const Item* item, Py_ssize_t head, Py_ssize_t row, Py_ssize_t parts, real* records,
                        Py_ssize_t part_stride) noexcept nogil:
    cdef real top = -REAL_INFINITY, total = 0, factor
    cdef real* sums = records + 2           # part 0 is read before it is written
    cdef Py_ssize_t part, d
    cdef const real* record
    for part in range(parts):
        if not records[part * part_stride] <= top:
            top = records[part * part_stride]
    for part in range(parts):
        record = records + part * part_stride
        factor = 0 if record[0] == -REAL_INFINITY else exp_weight_of(record[0] - top)
        total = total + record[1] * factor
        for d in range(a.value_width):
            sums[d] = record[2 + d] * factor + (sums[d] if part else 0)
    write_result(a, item, head, row, top, total, sums)


# What a panel has found, row by row: sums[row * sum_row] has value_width adjacent numbers. records: where the part's records of the unit begin, or
# NULL: the part is the whole.
cdef void finish_rows(const Attention* a, const Item* item, Py_ssize_t head, const Panel* panel, real* sums, Py_ssize_t sum_row,
                      real* records) noexcept nogil:
    cdef Py_ssize_t i, d
    cdef real* record
    for i in range(panel.count):
        if records == NULL:
            write_result(a, item, head, panel.first + i, panel.top[i], panel.total[i], sums + i * sum_row)
            continue
        record = records + (panel.first + i) * record_size(a)
        record[0] = panel.top[i]
        record[1] = panel.total[i]
        for d in range(a.value_width):
            record[2 + d] = sums[i * sum_row + d]
