# cython: language_level=3, boundscheck=False, wraparound=False
# The selection of the best k by itself, its comparisons counted: test_selection.py puts the files' text here.
from libc.stdlib cimport free, malloc

ctypedef double output


cdef extern from *:
    """
    typedef double output;
    """


cdef inline Py_ssize_t larger(Py_ssize_t x, Py_ssize_t y) noexcept nogil:
    return x if x > y else y


# CANDIDATES


cdef enum:
    RANKED = 8


cdef void rank_sort(Candidate* items, Py_ssize_t n) noexcept nogil:
    """Which compares without better()."""
    insertion_sort(items, n)


# SELECTION


cdef Py_ssize_t comparisons, heap_sorts
# McIlroy's adversary ("A killer adversary for quicksort", 1999) makes up scores while they are compared, so that every
# pivot is a bad one: those not known yet are above all that are, and become known, the lowest left, when two of them
# meet. By ids; NULL: scores are what they are. The lowest are the best, or the worst: what is left of the others is
# where a selection of many, or of few, goes on.
cdef Py_ssize_t* made_up = NULL
cdef Py_ssize_t known, of_all, pivot
cdef bint lowest_best


cdef void make_up(Py_ssize_t x, Py_ssize_t y) noexcept nogil:
    global known, pivot
    if made_up[x] == of_all and made_up[y] == of_all:
        made_up[x if x == pivot else y] = known
        known += 1
    if made_up[x] == of_all:
        pivot = x
    elif made_up[y] == of_all:
        pivot = y


cdef inline bint better(const Candidate* x, const Candidate* y) noexcept nogil:
    global comparisons
    comparisons += 1
    if made_up == NULL:
        return really_better(x, y)
    make_up(x.id, y.id)
    return made_up[x.id] < made_up[y.id] if lowest_best else made_up[x.id] > made_up[y.id]


cdef void heap_sort(Candidate* items, Py_ssize_t n) noexcept nogil:
    global heap_sorts
    heap_sorts += 1
    really_heap_sort(items, n)


def run(double[:] scores, Py_ssize_t k, adversary=None):
    """The ids of the best k, sorted, of scores whose ids are their places; comparisons and heap sorts.

    adversary: "best" or "worst", what its pivots are, then scores are what it makes up.
    """
    global comparisons, heap_sorts, made_up, known, of_all, pivot, lowest_best
    cdef Py_ssize_t n = len(scores), i
    cdef Candidate* items = <Candidate*>malloc(n * sizeof(Candidate))
    comparisons = heap_sorts = known = 0
    of_all, pivot, lowest_best = n, -1, adversary == "best"
    if adversary is not None:
        made_up = <Py_ssize_t*>malloc(n * sizeof(Py_ssize_t))
        for i in range(n):
            made_up[i] = n
    for i in range(n):
        items[i].score, items[i].id = scores[i], i
    if k < n:
        select(items, n, k)
    sort(items, k)
    ids = [items[i].id for i in range(k)]
    if adversary is not None:
        for i in range(n):
            scores[i] = -<double>made_up[i] if lowest_best else <double>made_up[i]
        free(made_up)
        made_up = NULL
    free(items)
    return ids, comparisons, heap_sorts
