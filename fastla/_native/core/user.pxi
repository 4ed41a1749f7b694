# Functions of the user, compiled elsewhere (_jit/functions/user_function.py): addresses as kernels call them.

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


# --- a mask's answers, kept -------------------------------------------------------------------------------------------
cdef enum:
    ASKED_ANSWERS = 262144  # of a task: Ctrl-C is answered between tasks
    ASKED_ALONE = 20000     # up to here by one thread


cdef struct AskedMask:
    UserFunction function
    unsigned char* seen     # [item][head][query][key], contiguous
    const int32_t* ids      # 0, 1, ..
    Py_ssize_t heads, queries, keys
    Py_ssize_t rows, parts  # of a task, and of a head
    int status


# Some queries of a head. Several tasks may fail at once: all write the same.
cdef void ask_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef AskedMask* mask = <AskedMask*>arg
    cdef Py_ssize_t head = index // mask.parts, first = index % mask.parts * mask.rows, rows = mask.rows
    if mask.queries - first < rows:
        rows = mask.queries - first
    if mask.status == KERNEL_OK and mask.function.call(
            mask.seen + (head * mask.queries + first) * mask.keys, rows, mask.keys, mask.keys, 1, mask.ids + first,
            mask.ids, NULL, NULL, head // mask.heads, head % mask.heads, mask.function.captured) != KERNEL_OK:
        mask.status = KERNEL_RAISED


def ask_mask(function, cnp.ndarray seen, cnp.ndarray ids):
    """Set to 0 what a mask's function says no to, of bytes seen[b, h, i, j]; ids: int32 numbers from 0 on."""
    cdef AskedMask mask
    cdef Runtime runtime
    cdef unsigned flags = fp_status_get()
    cdef int status = KERNEL_OK
    cdef Py_ssize_t tasks
    if cnp.PyArray_SIZE(seen) == 0:
        return
    mask.function = user_function(function)
    mask.seen = <unsigned char*>cnp.PyArray_DATA(seen)
    mask.ids = <const int32_t*>cnp.PyArray_DATA(ids)
    mask.heads, mask.queries, mask.keys = seen.shape[1], seen.shape[2], seen.shape[3]
    mask.rows = ASKED_ANSWERS // mask.keys + 1
    mask.parts = (mask.queries + mask.rows - 1) // mask.rows
    mask.status = KERNEL_OK
    tasks = seen.shape[0] * mask.heads * mask.parts
    fill(&runtime)
    if cnp.PyArray_SIZE(seen) <= ASKED_ALONE:
        runtime.threads = 1
    with cython.nogil:
        status = runtime.parallel_for(ask_task, &mask, tasks, runtime.threads, 1)
    fp_status_set(flags)
    end("no memory for a mask", status if status != KERNEL_OK else mask.status)
