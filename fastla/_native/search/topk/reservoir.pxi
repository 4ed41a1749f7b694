# A top-k reservoir: the best k of a stream of candidates, by a higher score, then a lower id.
#
# Candidates that reach the threshold are collected; when there is no more room all but the best k are dropped, and the
# worst of these is the new threshold: a few operations a candidate, whatever k, where a heap takes log k. Only numbers
# are candidates: NaN reaches no threshold.

cdef struct Reservoir:
    Candidate* items
    Py_ssize_t count
    Candidate worst     # of the best k so far: what a candidate must be better than
    output threshold        # of computed scores, for rows whose ids come before the worst's
    output threshold_after  # and for those after it, where a tie is no gain


cdef inline Py_ssize_t room_for(Py_ssize_t k) noexcept nogil:
    return 2 * k


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


cdef void start_reservoir(Reservoir* best, Candidate* items) noexcept nogil:
    best.items = items
    best.count = 0
    best.worst.score = best.threshold = best.threshold_after = <output>-infinity()
    best.worst.id = PTRDIFF_MAX


# Room again: the best k stay.
cdef void shrink(Reservoir* best, Py_ssize_t k) noexcept nogil:
    select(best.items, best.count, k)
    best.count = k
    best.worst = best.items[k - 1]


# One more candidate. Returns whether the worst of the best k has changed, and so the thresholds have to.
cdef inline bint offer(Reservoir* best, Py_ssize_t k, output score, Py_ssize_t id) noexcept nogil:
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
