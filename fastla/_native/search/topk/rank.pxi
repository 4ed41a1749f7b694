# Few candidates in order, by their ranks: how many scores are better than a lane's own. Three operations for each pair
# of LANES and one, no branches: docs/measurements.md, "Ranks".

cdef extern from *:
    """
    enum { RANKED = 8 * LANES };        /* items up to which ranks take less than a quicksort */
    """
    enum:
        RANKED

cdef enum:
    INSERTED = 8        # up to which they are sorted by insertion


# rank[base + lane]: how many of n scores are better than a lane's, and of equal ones those before it.
cdef inline void rank_lanes(Py_ssize_t n, Py_ssize_t base, const output* scores, const output* lanes,
                            output* rank) noexcept nogil:
    cdef out_vec own = load_out(scores + base)
    cdef counts worse = no_counts(), ahead = no_counts()
    cdef Py_ssize_t j
    for j in range(base):
        worse = count_above(worse, own, splat_out(scores[j]))
    for j in range(base, smaller(base + LANES, n)):
        ahead = count_before(ahead, splat_out(scores[j]), own, load_out(lanes), <output>(j - base))
    for j in range(base + LANES, n):
        ahead = count_above(ahead, splat_out(scores[j]), own)
    store_out(rank + base, splat_out(<output>base) - counts_to_out(worse) + counts_to_out(ahead))


# Best first; n <= RANKED.
cdef void rank_sort(Candidate* items, Py_ssize_t n) noexcept nogil:
    cdef output scores[RANKED + LANES]
    cdef output rank[RANKED + LANES]
    cdef output lanes[LANES]
    cdef Candidate copies[RANKED]
    cdef Py_ssize_t i
    cdef bint ties = False
    if n <= INSERTED:
        insertion_sort(items, n)
        return
    for i in range(LANES):
        lanes[i] = <output>i
        scores[n + i] = 0
    for i in range(n):
        scores[i] = items[i].score
        copies[i] = items[i]
    for i from 0 <= i < n by LANES:
        rank_lanes(n, i, scores, lanes, rank)
    for i in range(n):
        items[<Py_ssize_t>rank[i]] = copies[i]
    for i in range(1, n):
        ties |= items[i].score == items[i - 1].score
    if ties:
        insertion_sort(items, n)        # by ids
