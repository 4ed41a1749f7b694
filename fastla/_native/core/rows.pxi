# Part of the core: softmax and its like, and the vector functions. Shapes and dtypes were checked by _validate.

MATH = {"exp": MATH_EXP, "exp_weight": MATH_EXP_WEIGHT, "log": MATH_LOG, "tanh": MATH_TANH, "erf": MATH_ERF, "erfc": MATH_ERFC}


def vector_math(capsule, name, cnp.ndarray x, cnp.ndarray out):
    """out = name(x) by a target's vector functions, both adjacent and of the kernels' type."""
    cdef unsigned flags = fp_status_get()
    kernels_of(capsule).vector_math(MATH[name], cnp.PyArray_DATA(x), cnp.PyArray_DATA(out), cnp.PyArray_SIZE(x))
    fp_status_set(flags)
