# Entries: the compiled side of the public functions.
#
# A public function is a Python function that checks, converts and explains, behind an entry that answers the common
# case first: plain arrays of a type that the target owns, as the kernels want them. A row of the table, written as a
# decorator above the Python function, says which compiled function tries (`kernel`) and what the operands are
# (`signature`, as NumPy's gufuncs write it, "?" marking a dimension that a vector lacks). The arguments are bound to
# the Python function's own parameters, so names and defaults stand in one place. Whatever does not bind, and whatever
# the compiled function does not take (it returns None), goes to the Python function; that may hand it on to NumPy's
# function by returning NotImplemented.

cdef enum:
    MOST_PARAMETERS = 16

cdef extern from *:
    """
    /* Instances of this type are called by the vectorcall protocol, by the function `offset` bytes from their start,
     * and are methods where they stand in a class. */
    static void call_by_vector(PyObject *type, Py_ssize_t offset)
    {
        ((PyTypeObject *)type)->tp_vectorcall_offset = offset;
        ((PyTypeObject *)type)->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR;
    }
    static _Thread_local unsigned raised;
    """
    void call_by_vector(object type, Py_ssize_t offset)
    unsigned raised             # floating-point exceptions met by this thread's calls and not yet reported
    object PyObject_Vectorcall(object function, PyObject* const* arguments, size_t flags, PyObject* names)
    object PyVectorcall_Call(object function, tuple arguments, dict keywords)
    Py_ssize_t PyVectorcall_NARGS(size_t flags) noexcept
    object PyMethod_New(object function, object instance)


cdef class Entry:
    """A public function: a row of the table, called as the Python function that it stands before."""
    cdef object (*call)(object row, PyObject* const* arguments, size_t flags, PyObject* names)
    cdef dict __dict__                      # name, docstring ... of the Python function
    cdef object __weakref__
    cdef object function, numpy_function
    cdef tuple names, defaults              # of the parameters; those that have no default have `missing`
    cdef int positional_only, positional, required, parameters, out
    cdef int core_dims[2]                   # of the operands; 0: two, or one for a vector
    cdef int most_dims                      # of the second operand
    cdef bint takes_out
    cdef object (*kernel)(PyObject** arguments, Entry row)

    def __call__(self, *arguments, **keywords):
        return PyVectorcall_Call(self, arguments, keywords)

    def __get__(self, instance, owner):
        return self if instance is None else PyMethod_New(self, instance)

    def __repr__(self):
        return f"<function {self.__qualname__}>"

    def __reduce__(self):
        return self.__qualname__

cdef object missing = object()


# The compiled functions, by the names that rows give them.
cdef int set_kernel(Entry row, str kernel) except -1:
    if kernel == "product":
        row.kernel = compiled_product
    elif kernel == "cosine":
        row.kernel = compiled_cosine
    elif kernel == "knn":
        row.kernel = compiled_knn
    elif kernel == "range":
        row.kernel = compiled_range
    elif kernel == "index":
        row.kernel = compiled_index
    elif kernel == "index_range":
        row.kernel = compiled_index_range
    elif kernel == "norm":
        row.kernel = compiled_norm
    elif kernel == "normalize":
        row.kernel = compiled_normalize
    elif kernel == "paired":
        row.kernel = compiled_paired
    elif kernel == "attention":
        row.kernel = compiled_attention
    elif kernel == "softmax":
        row.kernel = compiled_softmax
    elif kernel == "log_softmax":
        row.kernel = compiled_log_softmax
    elif kernel == "logsumexp":
        row.kernel = compiled_logsumexp
    elif kernel == "linear":
        row.kernel = compiled_linear
    elif kernel == "gated_linear":
        row.kernel = compiled_gated_linear
    elif kernel == "layer_norm":
        row.kernel = compiled_layer_norm
    elif kernel == "rms_norm":
        row.kernel = compiled_rms_norm
    else:
        raise ValueError(f"no compiled function {kernel!r}")
    return 0


def entry(str kernel, str signature, numpy_function=None, *, int most_dims=MAX_DIMS, bint takes_out=True):
    """Decorate a public function with its compiled side.

    kernel: which compiled function tries first (set_kernel). signature: the operands' core dimensions, for example
    "(m?,k),(k,n?)->(m?,n?)". numpy_function: called where the Python function answers NotImplemented, and to report
    floating-point exceptions under its name, from here: its warnings then name the user's line, for this module has no
    Python frame. most_dims: the compiled side takes second operands of up to so many dimensions. takes_out: whether it
    takes an `out`.
    """
    def decorate(function):
        cdef Entry row = Entry()
        parameters = [p for p in inspect_signature(function).parameters.values() if p.kind is not p.VAR_KEYWORD]
        operands = signature.partition("->")[0].strip("()").split("),(")
        if len(parameters) > MOST_PARAMETERS:
            raise ValueError(f"{function.__name__} has more than {MOST_PARAMETERS} parameters")
        row.function = function
        row.numpy_function = numpy_function
        row.names = tuple(p.name for p in parameters)
        row.defaults = tuple(missing if p.default is p.empty else p.default for p in parameters)
        row.parameters = len(parameters)
        row.required = sum(p.default is p.empty for p in parameters)        # they come first
        row.positional_only = sum(p.kind is p.POSITIONAL_ONLY for p in parameters)
        row.positional = sum(p.kind is not p.KEYWORD_ONLY for p in parameters)
        row.out = row.names.index("out") if "out" in row.names else -1
        for i, operand in enumerate(operands[:2]):
            row.core_dims[i] = 0 if "?" in operand else len(operand.split(","))
        row.most_dims = most_dims
        row.takes_out = takes_out
        set_kernel(row, kernel)
        row.call = call_entry
        call_by_vector(Entry, <char*>&row.call - <char*><PyObject*>row)
        return update_wrapper(row, function)
    return decorate


# The compiled function's answer; where it has none the Python function's, and where that has none NumPy's.
cdef object call_entry(object entry, PyObject* const* arguments, size_t flags, PyObject* names):
    cdef Entry row = <Entry>entry
    cdef PyObject* bound[MOST_PARAMETERS]
    cdef object result = None
    if bind(row, bound, arguments, PyVectorcall_NARGS(flags), names):
        result = row.kernel(bound, row)
    if result is None:
        result = PyObject_Vectorcall(row.function, arguments, flags, names)
        if result is NotImplemented:
            return PyObject_Vectorcall(row.numpy_function, arguments, flags, names)
    if raised:
        report(row)
    return result


# The arguments in the order of the parameters. False: they do not bind; the Python function says why.
cdef bint bind(Entry row, PyObject** bound, PyObject* const* arguments, Py_ssize_t given, PyObject* names) except -1:
    cdef Py_ssize_t i, named
    if given > row.positional:
        return False
    for i in range(given):
        bound[i] = arguments[i]
    for i in range(given, row.parameters):
        bound[i] = PyTuple_GET_ITEM(row.defaults, i)
    for named in range(len(<tuple>names) if names != NULL else 0):
        i = place_of(row, <object>PyTuple_GET_ITEM(<tuple>names, named))
        if i < row.positional_only or i < given:
            return False
        bound[i] = arguments[given + named]
    for i in range(given, row.required):
        if bound[i] == <PyObject*>missing:
            return False
    return True


# Which parameter a keyword names; -1: none. Names in a program's text are interned, as the row's are.
cdef inline Py_ssize_t place_of(Entry row, object key) except -2:
    cdef Py_ssize_t i
    for i in range(row.parameters):
        if PyTuple_GET_ITEM(row.names, i) == <PyObject*>key:
            return i
    for i in range(row.parameters):
        if row.names[i] == key:
            return i
    return -1


# Whether an argument is the one that the function has by default.
cdef inline bint is_default(Entry row, PyObject** arguments, Py_ssize_t i) noexcept:
    return arguments[i] == PyTuple_GET_ITEM(row.defaults, i)


# Warns or raises as np.errstate says, by letting NumPy's function of that name meet the same exceptions.
cdef int report(Entry row) except -1:
    global raised
    cdef unsigned flags = raised
    cdef int o
    raised = 0
    pairs = [(left, right) for flag, left, right in ((FP_OVERFLOW, 1e300, 1e300), (FP_UNDERFLOW, 1e-300, 1e-300),
                                                     (FP_INVALID, float("inf"), 0.0)) if flags & <unsigned>flag]
    if pairs:
        # A batch of products of single numbers. In one sum a fused multiply-add would hide an underflow behind an
        # overflow.
        row.numpy_function(*[array(numbers).reshape((-1,) + (1,) * (row.core_dims[o] or 2)) for o,
                             numbers in enumerate(zip(*pairs))])
    return 0
