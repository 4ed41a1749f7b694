# Distances from the numbers themselves. |x|^2 + |y|^2 - 2 x.y has no digits left of a small one, so that products only
# say which rows are measured.

# The sum of (x - y)^2 times `scale` squared; the numbers of x are `step` apart.
cdef inline double sum_of_squares(Py_ssize_t d, const output* x, Py_ssize_t step, const output* y,
                                  double scale) noexcept nogil:
    cdef double sums[8]
    cdef double sum = 0, difference
    cdef Py_ssize_t p, whole = d - d % 8
    cdef int j
    for j in range(8):
        sums[j] = 0
    for p from 0 <= p < whole by 8:
        for j in range(8):
            # Not x * scale - y * scale: a fused one leaves a rounding error of equals.
            difference = (<double>x[(p + j) * step] - <double>y[p + j]) * scale
            sums[j] = sums[j] + difference * difference
    for p in range(whole, d):
        difference = (<double>x[p * step] - y[p]) * scale
        sum += difference * difference
    for j in range(8):
        sum += sums[j]
    return sum


# The sum of the squared differences of a query and a block's row, times `scale` squared.
cdef double squared_differences(const Plan* plan, const Block* block, int lane, Py_ssize_t query,
                                double scale) noexcept nogil:
    cdef const output* y = plan.work.queries.plain + query * plan.d
    cdef const output* x
    cdef const stored* elements
    cdef real element
    cdef double sum = 0, difference
    cdef Py_ssize_t p, i
    if block.rows != NULL:
        x = <const output*>(block.rows + lane * block.rows_row)
        if block.rows_column == 1:
            return sum_of_squares(plan.d, x, 1, y, scale)
        return sum_of_squares(plan.d, x, block.rows_column, y, scale)
    elements = block.data + lane
    for p in range(plan.depth):
        element = widen(elements[p * BLOCK_ROWS])
        for i in range(smaller(ELEMENT_WIDTH, plan.d - p * ELEMENT_WIDTH)):
            difference = <double>number(element, <int>i) * block.scale[lane] - y[p * ELEMENT_WIDTH + i]
            difference *= scale
            sum += difference * difference
    return sum


# The distance, even where its square is out of float64's range.
cdef double exact_distance(const Plan* plan, const Block* block, int lane, Py_ssize_t query) noexcept nogil:
    cdef double squares = squared_differences(plan, block, lane, query, 1), scale
    if 1e-280 < squares < 1e280 or squares != squares:
        return root(squares)
    scale = 1e-160 if squares > 1 else 1e160
    return root(squared_differences(plan, block, lane, query, scale)) / scale
