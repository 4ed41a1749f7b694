# What becomes of a layer's sums: activation(sum + bias) * factor + residual.

cdef extern from "activations.h":
    vec activate(const int activation, vec x) noexcept nogil


# A vector of results. What a layer lacks is neutral: a bias or residual of -0, a factor of 1.
cdef inline vec layer_result(const int activation, vec sums, vec bias, vec factor, vec residual) noexcept nogil:
    return activate(activation, sums + bias) * factor + residual


# LANES numbers at p + j, or the first `part` of them; `neutral` where there are none.
cdef inline vec operand(const real* p, Py_ssize_t j, const bint whole, Py_ssize_t part, real neutral) noexcept nogil:
    return splat(neutral) if p == NULL else load(p + j) if whole else load_part(p + j, part)


# A row of sums in its place. The activation is a literal at every call.
cdef inline void finish_row(const int activation, real* c, Py_ssize_t columns, const real* bias, const real* factor,
                            const real* residual) noexcept nogil:
    cdef Py_ssize_t j = 0, part
    cdef vec bias_vec, factor_vec, residual_vec
    while j + LANES <= columns:
        bias_vec = operand(bias, j, True, 0, -0.0)
        factor_vec = operand(factor, j, True, 0, 1)
        residual_vec = operand(residual, j, True, 0, -0.0)
        store(c + j, layer_result(activation, load(c + j), bias_vec, factor_vec, residual_vec))
        j += LANES
    if j < columns:
        part = columns - j
        bias_vec = operand(bias, j, False, part, -0.0)
        factor_vec = operand(factor, j, False, part, 1)
        residual_vec = operand(residual, j, False, part, -0.0)
        store_part(c + j, layer_result(activation, load_part(c + j, part), bias_vec, factor_vec, residual_vec), part)


cdef inline void finish_rows(const int activation, real* c, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t c_row,
                             const real* bias, const real* factor, Py_ssize_t factor_row, const real* residual,
                             Py_ssize_t residual_row) noexcept nogil:
    cdef real repeated[LANES * LANES]
    cdef Py_ssize_t i = 0, j
    if columns < LANES and rows >= LANES and c_row == columns and (factor == NULL or factor_row == columns) and \
            (residual == NULL or residual_row == columns):
        # Short rows that continue each other: as many as a vector has lanes are one row of whole vectors.
        for i in range(LANES if bias != NULL else 0):
            for j in range(columns):
                repeated[i * columns + j] = bias[j]
        i = 0
        while i + LANES <= rows:
            finish_row(activation, c + i * columns, LANES * columns, NULL if bias == NULL else repeated,
                       NULL if factor == NULL else factor + i * columns,
                       NULL if residual == NULL else residual + i * columns)
            i += LANES
    while i < rows:
        finish_row(activation, c + i * c_row, columns, bias, NULL if factor == NULL else factor + i * factor_row,
                   NULL if residual == NULL else residual + i * residual_row)
        i += 1


# The literals.
cdef void finish_rows_any(int activation, real* c, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t c_row,
                          const real* bias, const real* factor, Py_ssize_t factor_row, const real* residual,
                          Py_ssize_t residual_row) noexcept nogil:
    if activation == ACTIVATION_RELU:
        finish_rows(ACTIVATION_RELU, c, rows, columns, c_row, bias, factor, factor_row, residual, residual_row)
    elif activation == ACTIVATION_GELU:
        finish_rows(ACTIVATION_GELU, c, rows, columns, c_row, bias, factor, factor_row, residual, residual_row)
    elif activation == ACTIVATION_GELU_TANH:
        finish_rows(ACTIVATION_GELU_TANH, c, rows, columns, c_row, bias, factor, factor_row, residual, residual_row)
    elif activation == ACTIVATION_SILU:
        finish_rows(ACTIVATION_SILU, c, rows, columns, c_row, bias, factor, factor_row, residual, residual_row)
    elif activation == ACTIVATION_SIGMOID:
        finish_rows(ACTIVATION_SIGMOID, c, rows, columns, c_row, bias, factor, factor_row, residual, residual_row)
    elif activation == ACTIVATION_TANH:
        finish_rows(ACTIVATION_TANH, c, rows, columns, c_row, bias, factor, factor_row, residual, residual_row)
    else:
        finish_rows(ACTIVATION_NONE, c, rows, columns, c_row, bias, factor, factor_row, residual, residual_row)


# The same with a function of the user's as the activation, if there is one. Its status.
cdef int finish_rows_by(const UserFunction* function, int activation, real* c, Py_ssize_t rows, Py_ssize_t columns,
                        Py_ssize_t c_row, const real* bias, const real* factor, Py_ssize_t factor_row,
                        const real* residual, Py_ssize_t residual_row) noexcept nogil:
    if function.call == NULL:
        finish_rows_any(activation, c, rows, columns, c_row, bias, factor, factor_row, residual, residual_row)
        return KERNEL_OK
    if bias != NULL:
        finish_rows(ACTIVATION_NONE, c, rows, columns, c_row, bias, NULL, 0, NULL, 0)
    if function.call(c, rows, columns, c_row, 1, NULL, NULL, NULL, NULL, 0, 0, function.captured) != KERNEL_OK:
        return KERNEL_RAISED
    if factor != NULL or residual != NULL:
        finish_rows(ACTIVATION_NONE, c, rows, columns, c_row, NULL, factor, factor_row, residual, residual_row)
    return KERNEL_OK


cdef inline const real* rows_at(const void* x, Py_ssize_t at, Py_ssize_t row, Py_ssize_t x_row,
                                Py_ssize_t column) noexcept nogil:
    return NULL if x == NULL else <const real*>x + at + row * x_row + column


cdef int finish_layer(const Epilogue* self, void* block, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t c_row,
                      Py_ssize_t first_row, Py_ssize_t first_column, Py_ssize_t item) noexcept nogil:
    cdef const LayerEpilogue* layer = <const LayerEpilogue*>self
    cdef Py_ssize_t at[5]
    at[3] = at[4] = 0
    if layer.batch.dims:
        batch_offsets(layer.batch, item, 5, at)
    return finish_rows_by(
        &layer.function, layer.activation, <real*>block, rows, columns, c_row,
        rows_at(layer.bias, 0, 0, 0, first_column),
        rows_at(layer.factor, at[4], first_row, layer.factor_row, first_column), layer.factor_row,
        rows_at(layer.residual, at[3], first_row, layer.residual_row, first_column), layer.residual_row)
