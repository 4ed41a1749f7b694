# The best k of a stream of candidates: a higher score, then a lower id.
#
# Candidates that reach the bar are collected; when there is no more room all but the best k are dropped, and the worst of
# these is the new bar: a few operations a candidate, whatever k, where a heap takes log k. Numbers alone are candidates: NaN reaches no bar.

cdef struct Candidate:
    output score
    Py_ssize_t id


cdef struct Best:
    Candidate* items
    Py_ssize_t count
    Candidate worst     # of the best k so far: what a candidate must be better than
    output bar, bar_after   # for computed scores, whose ids come before the worst's; and after it, where a tie is no gain


cdef inline Py_ssize_t room_for(Py_ssize_t k) noexcept nogil:
    return 2 * k + 8


cdef inline bint better(const Candidate* x, const Candidate* y) noexcept nogil:
    return x.score > y.score or (x.score == y.score and x.id < y.id)


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


# Hoare's partition around the median of three: the better part comes first; its length is returned, 0 < length < n. n > 2.
cdef Py_ssize_t partition(Candidate* items, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i = -1, j = n, middle = n // 2
    cdef Candidate pivot
    if better(&items[middle], &items[0]):
        exchange(&items[middle], &items[0])
    if better(&items[n - 1], &items[0]):
        exchange(&items[n - 1], &items[0])
    if better(&items[n - 1], &items[middle]):
        exchange(&items[n - 1], &items[middle])
    pivot = items[middle]
    while True:
        i += 1
        while better(&items[i], &pivot):
            i += 1
        j -= 1
        while better(&pivot, &items[j]):
            j -= 1
        if i >= j:
            return j + 1
        exchange(&items[i], &items[j])


# The best k come first, 0 < k <= n, in no order.
cdef void select(Candidate* items, Py_ssize_t n, Py_ssize_t k) noexcept nogil:
    cdef Py_ssize_t length
    while n > 16:
        length = partition(items, n)
        if k < length:
            n = length
        elif k == length:
            return
        else:
            items += length
            n -= length
            k -= length
    insertion_sort(items, n)


cdef void sort(Candidate* items, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t length
    while n > 16:
        length = partition(items, n)
        if length < n - length:
            sort(items, length)
            items += length
            n -= length
        else:
            sort(items + length, n - length)
            n = length
    insertion_sort(items, n)


# The lowest number above x, which is no NaN.
cdef extern from *:
    """
    static output next_above(output x)
    {
        int64_t bits = 0;
        int negative = x < 0;
        if (!(x < (output)__builtin_inf()))
            return x;
        x += 0;         /* -0 is 0 */
        memcpy(&bits, &x, sizeof x);
        bits += negative ? -1 : 1;
        memcpy(&x, &bits, sizeof x);
        return x;
    }
    """
    output next_above(output x) noexcept nogil


cdef void start_best(Best* best, Candidate* items) noexcept nogil:
    best.items = items
    best.count = 0
    best.worst.score = best.bar = best.bar_after = <output>-infinity()
    best.worst.id = PTRDIFF_MAX


# Room again: the best k stay.
cdef void shrink(Best* best, Py_ssize_t k) noexcept nogil:
    cdef Py_ssize_t i, last = 0
    select(best.items, best.count, k)
    best.count = k
    for i in range(1, k):
        if better(&best.items[last], &best.items[i]):
            last = i
    best.worst = best.items[last]


# True where the worst of the best k has changed, and so the bars have to.
cdef inline bint offer(Best* best, Py_ssize_t k, output score, Py_ssize_t id) noexcept nogil:
    cdef Candidate candidate
    candidate.score = score
    candidate.id = id
    if not score >= best.worst.score or not better(&candidate, &best.worst):
        return False
    best.items[best.count] = candidate
    best.count += 1
    if best.count < room_for(k):
        return False
    shrink(best, k)
    return True
