# Thresholds: what a computed score must reach to be of interest to the result handler.

cdef extern from *:
    """
    #define LOST (sizeof(output) == 8 ? 1e-310 : 1e-40)     /* more than what is lost of a score that is denormal */
    """
    const double LOST

cdef extern from "atomic.h":
    output load_shared(const output* p) noexcept nogil
    void store_shared(output* p, output value) noexcept nogil


# The computed score from which a row may be within a distance of a query.
cdef inline output distance_threshold(const Plan* plan, Py_ssize_t query, double distance) noexcept nogil:
    cdef double squares = plan.work.queries.squares[query]
    cdef double threshold = (squares * (1 - slack(plan.d)) - distance * distance) / 2 - LOST
    return <output>threshold if squares < HUGE_SQUARES and threshold == threshold else <output>-infinity()


cdef inline Reservoir* reservoir_of(const Plan* plan, Py_ssize_t query, int slot) noexcept nogil:
    return plan.work.reservoirs + (slot * plan.m if plan.groups == 1 else 0) + query


# The k best have changed. Threads with a reservoir each for a query share its threshold: another's k best count too.
# What is read may be old, or a lower threshold have been written over a higher one: each is some thread's, so none is
# too high, and results do not depend on them.
cdef inline void raise_threshold(Plan* plan, Reservoir* best, Py_ssize_t query) noexcept nogil:
    cdef output* shared = plan.work.thresholds + query
    if plan.search.metric == METRIC_EUCLIDEAN:
        best.threshold = best.threshold_after = distance_threshold(plan, query, -<double>best.worst.score)
    else:
        best.threshold = best.worst.score
        best.threshold_after = next_above(best.worst.score)
    if best.threshold > load_shared(shared):
        store_shared(shared, best.threshold)


# The threshold of a query for rows from the one with this id on.
cdef inline output threshold_of(const Plan* plan, Py_ssize_t id, Py_ssize_t query, int slot) noexcept nogil:
    cdef const Search* s = plan.search
    cdef const Reservoir* best
    cdef output threshold, shared
    if s.result == RESULT_TOPK:
        best = reservoir_of(plan, query, slot)
        threshold = best.threshold if id < best.worst.id else best.threshold_after
        shared = load_shared(plan.work.thresholds + query)
        if shared > threshold:
            threshold = shared
    elif s.metric == METRIC_EUCLIDEAN:
        threshold = distance_threshold(plan, query, s.threshold)
    else:
        threshold = <output>s.threshold
    # What is computed of a cosine may be a little outside of [-1, 1].
    return <output>-infinity() if s.metric == METRIC_COSINE and threshold <= -1 else threshold


# Those of a block of queries while it is scored against a chunk: a query's rises when it takes a score.
cdef struct Thresholds:
    output value[QUERY_BLOCK]   # NaN, which nothing reaches, where there is no query: some rows' scores are infinite
    Py_ssize_t id               # the chunk's lowest
    Py_ssize_t first, rows      # the queries
    int slot
    bint dense                  # too many rows may be near for a prefilter
    bint open                   # every row reaches some of them


cdef inline void update_threshold(const Plan* plan, Thresholds* thresholds, Py_ssize_t query) noexcept nogil:
    thresholds.value[query - thresholds.first] = threshold_of(plan, thresholds.id, query, thresholds.slot)


cdef void set_thresholds(const Plan* plan, Thresholds* thresholds, Py_ssize_t id, Py_ssize_t first, Py_ssize_t rows,
                         int slot) noexcept nogil:
    cdef Py_ssize_t i
    thresholds.id = id
    thresholds.first = first
    thresholds.rows = rows
    thresholds.slot = slot
    thresholds.dense = thresholds.open = False
    for i in range(rows):
        update_threshold(plan, thresholds, first + i)
        thresholds.open = thresholds.open or thresholds.value[i] == <output>-infinity()
    for i in range(rows, QUERY_BLOCK):
        thresholds.value[i] = <output>NAN
