# Candidates and their order: by a higher score, then a lower id.

cdef struct Candidate:
    output score
    Py_ssize_t id


cdef inline bint better(const Candidate* x, const Candidate* y) noexcept nogil:
    return (x.score > y.score) | ((x.score == y.score) & (x.id < y.id))


cdef inline void exchange(Candidate* x, Candidate* y) noexcept nogil:
    cdef Candidate z = x[0]
    x[0] = y[0]
    y[0] = z


cdef void insertion_sort(Candidate* items, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef Candidate item
    for i in range(1, n):
        item = items[i]
        j = i
        while j > 0 and better(&item, &items[j - 1]):
            items[j] = items[j - 1]
            j -= 1
        items[j] = item
