# The selection of the best k candidates, and their order. Quickselect and quicksort down to RANKED items, and where
# they lie in a bad order a heap: n + k log k steps whatever the order.

cdef enum:
    NINE_ITEMS = 64     # from which a pivot is the median of nine


cdef inline Py_ssize_t median(const Candidate* items, Py_ssize_t i, Py_ssize_t j, Py_ssize_t k) noexcept nogil:
    cdef bint ij = better(&items[i], &items[j]), jk = better(&items[j], &items[k])
    if ij == jk:
        return j
    return k if ij == better(&items[i], &items[k]) else i


# Of three items, or of many three medians of three, which halves them better: one pass in five less.
cdef inline Py_ssize_t pivot_of(const Candidate* items, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t middle = n // 2, step = n // 8, last = n - 1
    if n <= NINE_ITEMS:
        return median(items, 0, middle, last)
    return median(items, median(items, 0, step, 2 * step), median(items, middle - step, middle, middle + step),
                  median(items, last - 2 * step, last - step, last))


# Those better than one of them, it itself, and the others; returns its place. n > 2. No branch depends on what is
# compared (Lomuto's partition, not Hoare's), and items are moved field by field, since a vector's load would wait for
# the fields' stores: docs/measurements.md, "Selecting the best k".
cdef Py_ssize_t partition(Candidate* items, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t place = 0, i
    cdef Candidate pivot, item
    exchange(&items[pivot_of(items, n)], &items[n - 1])
    pivot = items[n - 1]
    for i in range(n - 1):
        item.score = items[i].score
        item.id = items[i].id
        items[i].score = items[place].score
        items[i].id = items[place].id
        items[place].score = item.score
        items[place].id = item.id
        place += better(&item, &pivot)
    exchange(&items[place], &items[n - 1])
    return place


# The worst of items[at], whose place is free, and its children moves up, and so on: a heap, the worst item first.
cdef void sift_down(Candidate* items, Py_ssize_t n, Py_ssize_t at, Candidate item) noexcept nogil:
    cdef Py_ssize_t child = 2 * at + 1
    while child < n:
        if child + 1 < n and better(&items[child], &items[child + 1]):
            child += 1
        if not better(&item, &items[child]):
            break
        items[at] = items[child]
        at = child
        child = 2 * at + 1
    items[at] = item


cdef void heap_sort(Candidate* items, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef Candidate item
    for i in range(n // 2 - 1, -1, -1):
        sift_down(items, n, i, items[i])
    for i in range(n - 1, 0, -1):
        item = items[i]
        items[i] = items[0]
        sift_down(items, i, 0, item)


# How many partitions may leave more than seven eighths of what they part before a heap sorts the rest: few do, but of
# items that lie in a bad order all might.
cdef inline int bad_partitions(Py_ssize_t n) noexcept nogil:
    cdef int count = 4
    while n:
        count += 1
        n >>= 1
    return count


# The best k come first, 0 < k <= n, in no order but that the worst of them is the last.
cdef void select(Candidate* items, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    cdef Py_ssize_t place, before
    cdef int bad = bad_partitions(n)
    while n > RANKED and bad:
        before = n
        place = partition(items, n)
        if place == k - 1:
            return
        if place >= k:
            n = place
        else:
            items += place + 1
            n -= place + 1
            k -= place + 1
        bad -= n > before - before // 8
    if n > RANKED:
        heap_sort(items, n)
    else:
        rank_sort(items, n)


cdef void sort_part(Candidate* items, Py_ssize_t n, int bad) noexcept nogil:
    cdef Py_ssize_t place, rest
    while n > RANKED and bad:
        place = partition(items, n)
        rest = n - place - 1
        bad -= larger(place, rest) > n - n // 8
        if place < rest:
            sort_part(items, place, bad)
            items += place + 1
            n = rest
        else:
            sort_part(items + place + 1, rest, bad)
            n = place
    if n > RANKED:
        heap_sort(items, n)
    else:
        rank_sort(items, n)


# Best first.
cdef inline void sort(Candidate* items, Py_ssize_t n) noexcept nogil:
    sort_part(items, n, bad_partitions(n))
