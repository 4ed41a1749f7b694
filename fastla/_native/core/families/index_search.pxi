# The compiled sides of FlatIndex.search and FlatIndex.range_search: plain float32 or float64 queries, plain masks and
# excluded ids; masks only where no vector is removed.

# All of a search of an index's blocks but what is sought. Returns the kernels' capsule, and the blocks, mask and
# excluded rows, to be held during the search; None: not for these.
cdef tuple set_plain_index(Search* search, object index, object queries, object mask, object exclude):
    cdef object store = index._store, state = store.state, blocks = state.blocks, capsule, positions = None
    memset(search, 0, sizeof(Search))
    if not is_plain(queries) or not (set_plain_rows(&search.queries, <cnp.ndarray>queries, cnp.NPY_FLOAT, True) or
                                     set_plain_rows(&search.queries, <cnp.ndarray>queries, cnp.NPY_DOUBLE, True)):
        return None
    if state.removed or exclude is not None:
        if mask is not None or exclude is not None and not are_plain_ids(exclude, search.queries.n):
            return None
        blocks, mask, positions = store.snapshot(exclude)
    capsule = STORAGE_KERNELS.get(blocks.storage)
    if capsule is None or search.queries.d != blocks.dim:
        return None
    set_blocks(&search.blocks, blocks)
    search.metric = METRICS[blocks.metric]
    search.allowed = search.blocks.n
    if not set_plain_mask(search, mask) or positions is not None and not set_plain_exclude(search, positions):
        return None
    return capsule, blocks, mask, positions


# Plain int64, one for each of m queries, none below -1.
cdef bint are_plain_ids(object ids, Py_ssize_t m) noexcept:
    cdef const int64_t* numbers
    cdef Py_ssize_t i
    if not is_plain_column(ids, m):
        return False
    numbers = <const int64_t*>cnp.PyArray_DATA(<cnp.ndarray>ids)
    for i in range(m):
        if numbers[i] < -1:
            return False
    return True


# Positions become the ids that stand there; -1 stays.
cdef void put_ids(cnp.ndarray positions, cnp.ndarray ids) noexcept:
    cdef const int64_t* known = <const int64_t*>cnp.PyArray_DATA(ids)
    cdef int64_t* found = <int64_t*>cnp.PyArray_DATA(positions)
    cdef Py_ssize_t i
    for i in range(cnp.PyArray_SIZE(positions)):
        if found[i] >= 0:
            found[i] = known[found[i]]


# FlatIndex.search(self, queries, k, mask, exclude, pad)
cdef object compiled_index(PyObject** arguments, Entry row):
    cdef Search search
    cdef tuple found, plain = set_plain_index(&search, <object>arguments[0], <object>arguments[1],
                                              <object>arguments[3], <object>arguments[4])
    if plain is None or not set_plain_k(&search, <object>arguments[2], <object>arguments[5]):
        return None
    found = best_of(kernels_of(plain[0]), &search, cnp.PyArray_NDIM(<cnp.ndarray>arguments[1]) == 1)
    put_ids(found[1], plain[1].ids)
    return found


# FlatIndex.range_search(self, queries, threshold, mask, exclude)
cdef object compiled_index_range(PyObject** arguments, Entry row):
    cdef Search search
    cdef tuple found, plain = set_plain_index(&search, <object>arguments[0], <object>arguments[1],
                                              <object>arguments[3], <object>arguments[4])
    if plain is None or not set_plain_threshold(&search, <object>arguments[2]):
        return None
    found = all_reaching(kernels_of(plain[0]), &search)
    put_ids(found[2], plain[1].ids)
    return found
