# What the threads have found becomes the search's results.

cdef void start_results(Plan* plan) noexcept nogil:
    cdef Search* s = plan.search
    cdef Workspace* work = plan.work
    cdef Py_ssize_t i
    if s.result == RESULT_RANGE:
        memset(work.lists, 0, plan.job.runtime.threads * sizeof(List))
    if s.result != RESULT_TOPK:
        return
    for i in range(reservoirs_of(plan) * plan.m):
        start_reservoir(work.reservoirs + i, work.candidates + i * room_for(s.k))
    for i in range(plan.m):
        work.thresholds[i] = <output>-infinity()


# The best of each query, in order.
cdef void finish_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Plan* plan = <const Plan*>arg
    cdef const Search* s = plan.search
    cdef Py_ssize_t query, part, i, n
    cdef output* scores = <output*>s.scores
    cdef Reservoir* best
    cdef Reservoir* other
    for query in range(index * QUERY_BLOCK, smaller((index + 1) * QUERY_BLOCK, plan.m)):
        best = plan.work.reservoirs + query
        for part in range(1, reservoirs_of(plan)):
            other = best + part * plan.m
            for i in range(other.count):
                offer(best, s.k, other.items[i].score, other.items[i].id)
        n = smaller(best.count, s.k)
        if n:
            select(best.items, best.count, n)
        sort(best.items, n)
        s.counts[query] = n
        for i in range(n):
            scores[query * s.k + i] = -best.items[i].score if s.metric == METRIC_EUCLIDEAN else best.items[i].score
            s.ids[query * s.k + i] = best.items[i].id


# The threads' lists as the search's one; of a search that has failed there is nothing but memory to be freed.
cdef int join_lists(Plan* plan, int status) noexcept nogil:
    cdef List* joined = plan.work.lists
    cdef List* list
    cdef Py_ssize_t i
    cdef int part
    for part in range(1, plan.job.runtime.threads):
        list = joined + part
        for i in range(list.count if status == KERNEL_OK else 0):
            append(plan, joined, list.items[i].query, list.items[i].id, list.items[i].score)
        if list.items != NULL:
            plan.job.runtime.resize(list.items, 0)
    plan.search.found = joined.items
    plan.search.found_count = joined.count
    return plan.job.error if status == KERNEL_OK else status


cdef int finish_results(Plan* plan, int status) noexcept nogil:
    cdef const Search* s = plan.search
    cdef Py_ssize_t blocks = ceil_div(plan.m, QUERY_BLOCK)
    cdef double candidates = 1.0 * plan.m * s.k * reservoirs_of(plan)
    if s.result == RESULT_RANGE:
        return join_lists(plan, status)
    if status == KERNEL_OK and s.result == RESULT_TOPK:
        return run_tasks(finish_task, plan, blocks, cost(0, 4 * candidates, sizeof(Candidate)))
    if status == KERNEL_OK and s.symmetric >= 0:
        return run_tasks(symmetrize_scores_task, plan, blocks, cost(0, 1.0 * plan.m * plan.n, sizeof(output)))
    return status
