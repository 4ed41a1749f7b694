# Numbers of any type, and rows of them, as kernels read them.

cdef extern from *:
    """
    #define TYPE_NAME(name, c_type, value) #name,
    static const char *const type_names[] = {NUMBER_TYPES(TYPE_NAME)};
    """
    const char* const* type_names

NUMBER_TYPES = {type_names[i].decode(): i for i in range(TYPE_COUNT)}        # a dtype's name -> what kernels call it
NUMBER_TYPES["bool"] = NUMBER_TYPES["uint8"]


# What kernels call an array's numbers, whatever their byte order; a dtype's name takes a microsecond.
cdef inline int type_of(cnp.ndarray x) except -1:
    cdef int number = cnp.PyArray_TYPE(x)
    if number == cnp.NPY_FLOAT32:
        return TYPE_float32
    if number == cnp.NPY_FLOAT64:
        return TYPE_float64
    if number == cnp.NPY_BOOL:
        return TYPE_uint8
    return NUMBER_TYPES[x.dtype.name]


# Rows (n, d) of any type, layout and byte order.
cdef int set_rows(Rows* rows, cnp.ndarray x) except -1:
    rows.type = type_of(x) + (0 if PyArray_ISNOTSWAPPED(x) else TYPE_SWAPPED)
    rows.data = <const char*>cnp.PyArray_DATA(x)
    rows.n = cnp.PyArray_DIM(x, 0)
    rows.d = cnp.PyArray_DIM(x, 1)
    rows.row = cnp.PyArray_STRIDE(x, 0)
    rows.column = cnp.PyArray_STRIDE(x, 1)
    return 0
