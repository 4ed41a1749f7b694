# Functions of the user, compiled elsewhere (_jit/user_function.py): addresses as kernels call them.

cdef enum:
    USER_ROWS = 64          # of a tile that an epilogue hands on: their numbers lie on the stack
    USER_COLUMNS = 512


# The epilogue of a product.
cdef struct UserEpilogue:
    Epilogue epilogue
    UserFunction function
    Py_ssize_t size         # of an element


# function: what has the addresses; None: there is none.
cdef UserFunction user_function(function) except *:
    cdef UserFunction result
    result.call = NULL
    result.captured = NULL
    if function is not None:
        (<void**>&result.call)[0] = <void*><size_t>function.address
        result.captured = <void*><size_t>function.block_address
    return result


cdef int apply_user_epilogue(const Epilogue* self, void* c, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t c_row,
                             Py_ssize_t first_row, Py_ssize_t first_column, Py_ssize_t item) noexcept nogil:
    cdef const UserEpilogue* user = <const UserEpilogue*>self
    cdef int32_t row_ids[USER_ROWS]
    cdef int32_t column_ids[USER_COLUMNS]
    cdef unsigned flags = fp_status_get()       # what the function meets is not the product's to report
    cdef int status = KERNEL_OK
    cdef Py_ssize_t row, column, i, m, n
    cdef char* tile
    for row from 0 <= row < rows by USER_ROWS:
        m = rows - row if rows - row < USER_ROWS else USER_ROWS
        for i in range(m):
            row_ids[i] = <int32_t>(first_row + row + i)
        for column from 0 <= column < columns by USER_COLUMNS:
            n = columns - column if columns - column < USER_COLUMNS else USER_COLUMNS
            for i in range(n):
                column_ids[i] = <int32_t>(first_column + column + i)
            tile = <char*>c + (row * c_row + column) * user.size
            status = user.function.call(tile, m, n, c_row, 1, row_ids, column_ids, NULL, NULL, item, 0,
                                        user.function.captured)
            if status != KERNEL_OK:
                fp_status_set(flags)
                return KERNEL_RAISED
    fp_status_set(flags)
    return KERNEL_OK


def product_with(a, b, function):
    """a @ b by the kernels, each element of which meets an epilogue, once; for operands that _validate has prepared."""
    cdef UserEpilogue user
    user.epilogue.apply = apply_user_epilogue
    user.epilogue.symmetric = user.epilogue.folds = False
    user.function = user_function(function)
    user.size = cnp.PyArray_ITEMSIZE(<cnp.ndarray>a)
    return product_of(a, b, None, 0, 0, &user.epilogue)
