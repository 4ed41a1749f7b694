# Bars: what a computed score must reach to be of interest to the sink.

# The computed score from which a row may be within a distance of a query.
cdef inline output distance_threshold(const Plan* job, Py_ssize_t query, double distance) noexcept nogil:
    cdef Py_ssize_t d = job.search.blocks.d if job.search.blocks.data != NULL else job.search.rows.d
    cdef double squares = job.query_squares[query], bar = (squares * (1 - slack(d)) - distance * distance) / 2 - LOST
    return <output>bar if squares < QUERY_SQUARES_HIGH and bar == bar else <output>-infinity()


cdef inline Reservoir* reservoir_of(const Plan* job, Py_ssize_t query, int slot) noexcept nogil:
    return job.best + (slot * job.search.m if job.per_slot else 0) + query


# Threads that have a Best each for a query share its bar: another's k best count too. What is read may be old, or a lower bar have been written
# over a higher one: each is a bar of some thread, so none is too high, and results do not depend on them.
cdef inline void raise_threshold(Plan* job, Reservoir* best, Py_ssize_t query) noexcept nogil:
    if job.search.metric == METRIC_EUCLIDEAN:
        best.bar = best.bar_after = distance_threshold(job, query, -<double>best.worst.score)
    else:
        best.bar = best.worst.score
        best.bar_after = next_above(best.worst.score)
    if best.bar > job.shared_thresholds[query]:
        job.shared_thresholds[query] = best.bar


# What a computed score must reach to be of interest to the sink, of rows from the one with this id on.
cdef inline output threshold_of(const Plan* job, Py_ssize_t id, Py_ssize_t query, int slot) noexcept nogil:
    cdef const Search* s = job.search
    cdef const Reservoir* best
    cdef output bar
    if s.result == RESULT_TOPK:
        best = reservoir_of(job, query, slot)
        bar = best.bar if id < best.worst.id else best.bar_after
        if job.shared_thresholds[query] > bar:
            bar = job.shared_thresholds[query]
    elif s.metric == METRIC_EUCLIDEAN:
        bar = distance_threshold(job, query, s.threshold)
    else:
        bar = <output>s.threshold
    # What is computed of a cosine may be a little outside of [-1, 1].
    return <output>-infinity() if s.metric == METRIC_COSINE and bar <= -1 else bar


# The bars of a block of queries while it meets a region's panels: a query's rises when it takes a score.
cdef struct Thresholds:
    output value[QUERY_BLOCK]           # NaN, which nothing reaches, where there is no query: some rows' scores are infinite
    Py_ssize_t id               # the region's lowest
    Py_ssize_t first, rows      # the queries
    int slot
    bint dense                  # too many rows may be near for screening


cdef void set_thresholds(const Plan* job, Thresholds* thresholds, Py_ssize_t id, Py_ssize_t first, Py_ssize_t rows, int slot) noexcept nogil:
    cdef Py_ssize_t i
    thresholds.id = id
    thresholds.first = first
    thresholds.rows = rows
    thresholds.slot = slot
    thresholds.dense = False
    for i in range(QUERY_BLOCK):
        thresholds.value[i] = threshold_of(job, id, first + i, slot) if i < rows else <output>NAN
