# Overlays: a native target's table, some entries of which another target (Numba's) takes over. They are compiled when
# they are first called, and may decline a call, which is then the native target's.

cdef dict ENTRIES = {"matmul": ENTRY_matmul, "search": ENTRY_search, "symmetric_product": ENTRY_symmetric_product,
                     "attention": ENTRY_attention}
cdef object compile_entry = None        # compile_entry(element, entry) sets the entry
cdef list kept = []                     # what tables point to: they live as long as the process


def overlay(native, str element, int vector_bytes, int mr, int nr, entries):
    """A capsule: the native capsule's table, or for None an empty one, whose `entries` are pending."""
    cdef Kernels* table = <Kernels*>calloc(1, sizeof(Kernels))
    cdef bytes name = element.encode()
    if table == NULL:
        raise MemoryError("no memory for a table of kernels")
    kept.append(name)
    if native is not None:
        memcpy(table, kernels_of(native), sizeof(Kernels))
        table.fallback = kernels_of(native)
    table.target = "numba"
    table.element = name
    table.vector_bytes = vector_bytes
    table.mr = mr
    table.nr = nr
    table.numpy_flops = 1e300           # of no product
    for entry_name in entries:
        table.pending |= 1u << <unsigned>ENTRIES[entry_name]
    return PyCapsule_New(table, "fastla.kernels", NULL)


def on_pending(function):
    """function(element, entry) is to call set_entry before it returns; errors come out of the call that needed it."""
    global compile_entry
    compile_entry = function


def set_entry(capsule, str entry_name, size_t address):
    """The compiled function of an overlay's entry."""
    cdef Kernels* table = <Kernels*>PyCapsule_GetPointer(capsule, "fastla.kernels")
    cdef unsigned number = ENTRIES[entry_name]
    if number == ENTRY_matmul:
        table.matmul = <int (*)(const Product*, const Batch*, const Runtime*) noexcept nogil>address
    elif number == ENTRY_search:
        table.search = <int (*)(Search*, const Runtime*) noexcept nogil>address
    elif number == ENTRY_symmetric_product:
        table.symmetric_product = <int (*)(const SymmetricProduct*, const Runtime*) noexcept nogil>address
    else:
        table.attention = <int (*)(const Attention*, const Runtime*) noexcept nogil>address
    table.pending &= ~(1u << number)


# Before an entry is called, with the GIL held.
cdef inline int make_ready(const Kernels* kernels, int number) except -1:
    if kernels.pending >> number & 1:
        for name in ENTRIES:
            if ENTRIES[name] == number:
                compile_entry(kernels.element.decode(), name)
    return 0


cdef inline int call_matmul(const Kernels* kernels, const Product* g, const Batch* batch,
                            const Runtime* runtime) noexcept nogil:
    cdef int status = kernels.matmul(g, batch, runtime)
    return kernels.fallback.matmul(g, batch, runtime) if status == KERNEL_DECLINED else status


cdef inline int call_search(const Kernels* kernels, Search* search, const Runtime* runtime) noexcept nogil:
    cdef int status = kernels.search(search, runtime)
    return kernels.fallback.search(search, runtime) if status == KERNEL_DECLINED else status


cdef inline int call_symmetric_product(const Kernels* kernels, const SymmetricProduct* product,
                                       const Runtime* runtime) noexcept nogil:
    cdef int status = kernels.symmetric_product(product, runtime)
    return kernels.fallback.symmetric_product(product, runtime) if status == KERNEL_DECLINED else status


cdef inline int call_attention(const Kernels* kernels, const Attention* attention,
                               const Runtime* runtime) noexcept nogil:
    cdef int status = kernels.attention(attention, runtime)
    return kernels.fallback.attention(attention, runtime) if status == KERNEL_DECLINED else status


def contract_sizes():
    """{struct of the contract: its bytes}, for tests of what reads kernels.h otherwise."""
    return {"Runtime": sizeof(Runtime), "Epilogue": sizeof(Epilogue), "Product": sizeof(Product),
            "Batch": sizeof(Batch), "Rows": sizeof(Rows), "Search": sizeof(Search), "Blocks": sizeof(Blocks),
            "SymmetricProduct": sizeof(SymmetricProduct), "Heads": sizeof(Heads), "Attention": sizeof(Attention),
            "Kernels": sizeof(Kernels)}
