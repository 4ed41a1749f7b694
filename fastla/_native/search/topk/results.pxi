# What the threads have found becomes the best k of each query, in order; then rows whose score is NaN, then nothing.

cdef void start_query(Plan* plan, Py_ssize_t query) noexcept nogil:
    cdef Workspace* work = plan.work
    cdef Py_ssize_t i
    work.thresholds[query] = <output>-infinity()
    for i from query <= i < reservoirs_of(plan) * plan.m by plan.m:
        start_reservoir(work.reservoirs + i, work.candidates + i * room_for(plan.k))


cdef void start_results(Plan* plan) noexcept nogil:
    cdef Py_ssize_t query
    for query in range(plan.m if plan.search.result == RESULT_TOPK and not plan.whole else 0):
        start_query(plan, query)


# Ids of rows from `first` on of a query's results: those that it may find and has not found, lowest first, whose score
# is NaN. found: room for `count` candidates more behind those that it has found. Returns how many there are.
cdef Py_ssize_t add_nans(const Plan* plan, Py_ssize_t query, Candidate* found, Py_ssize_t count) noexcept nogil:
    cdef const Search* s = plan.search
    cdef Candidate* ids = found + count         # by id, since all their scores are the same
    cdef Py_ssize_t end = smaller(s.k, findable(s, plan.n, query)), row = 0, i, next = 0, total = count
    cdef bint shared = s.mask != NULL and s.mask_row == 0
    if count >= end:
        return count
    for i in range(count):
        ids[i].score = 0
        ids[i].id = found[i].id
    sort(ids, count)
    while total < end:
        row = next_allowed(s.mask, row, plan.n) if shared else row
        if row >= plan.n:           # a mask may be written meanwhile
            break
        if next < count and ids[next].id == row:
            next += 1
        elif may_find(s, query, row):
            s.ids[query * s.k + total] = row
            (<output*>s.scores)[query * s.k + total] = <output>NAN
            total += 1
        row += 1
    return total


cdef void pad(const Search* s, Py_ssize_t query, Py_ssize_t first) noexcept nogil:
    cdef output worst = <output>(infinity() if s.metric == METRIC_EUCLIDEAN else -infinity())
    cdef Py_ssize_t i
    for i in range(query * s.k + first, (query + 1) * s.k):
        s.ids[i] = -1
        (<output*>s.scores)[i] = worst


cdef void pad_all(const Search* s) noexcept nogil:
    cdef Py_ssize_t query
    for query in range(s.queries.n if s.result == RESULT_TOPK else 0):
        pad(s, query, 0)


cdef void finish_query(const Plan* plan, Py_ssize_t query) noexcept nogil:
    cdef const Search* s = plan.search
    cdef Reservoir* best = plan.work.reservoirs + query
    cdef output* scores = <output*>s.scores + query * s.k
    cdef Reservoir* other
    cdef Py_ssize_t part, i, n
    for part in range(1, reservoirs_of(plan)):
        other = best + part * plan.m
        for i in range(other.count):
            offer(best, plan.k, other.items[i].score, other.items[i].id)
    n = smaller(best.count, plan.k)
    if n < best.count and best.count > RANKED:
        select(best.items, best.count, n)
        best.count = n
    sort(best.items, best.count)
    for i in range(n):
        scores[i] = -best.items[i].score if s.metric == METRIC_EUCLIDEAN else best.items[i].score
        s.ids[query * s.k + i] = best.items[i].id
    if n < s.k:
        pad(s, query, add_nans(plan, query, best.items, n))


cdef void finish_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Plan* plan = <const Plan*>arg
    cdef Py_ssize_t query
    for query in range(index * QUERY_BLOCK, smaller((index + 1) * QUERY_BLOCK, plan.m)):
        finish_query(plan, query)


cdef int finish_results(Plan* plan) noexcept nogil:
    cdef double candidates = 1.0 * plan.m * plan.k * reservoirs_of(plan)
    if plan.search.result == RESULT_RANGE or plan.whole:
        return plan.job.error
    return run_tasks(finish_task, plan, ceil_div(plan.m, QUERY_BLOCK), cost(0, 4 * candidates, sizeof(Candidate)))
