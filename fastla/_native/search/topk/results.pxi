# What the threads have found becomes the search's results.

# The best of each query, in order.
cdef void finish_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef Plan* job = <Plan*>arg
    cdef Search* s = job.search
    cdef Py_ssize_t query, i, n
    cdef int part
    cdef Reservoir* best
    cdef Reservoir* other
    for query in range(index * QUERY_BLOCK, smaller((index + 1) * QUERY_BLOCK, s.m)):
        best = job.best + query
        for part in range(1, job.runtime.threads if job.per_slot else 1):
            other = best + part * s.m
            for i in range(other.count):
                offer(best, s.k, other.items[i].score, other.items[i].id)
        n = smaller(best.count, s.k)
        if n:
            select(best.items, best.count, n)
        sort(best.items, n)
        s.counts[query] = n
        for i in range(n):
            (<output*>s.scores)[query * s.k + i] = -best.items[i].score if s.metric == METRIC_EUCLIDEAN else best.items[i].score
            s.ids[query * s.k + i] = best.items[i].id


# c[j, i] = c[i, j] for the queries' rows i and j < i, and a diagonal of ones but where there is no norm.
cdef void symmetrize_scores_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef const Search* s = (<Plan*>arg).search
    cdef output* c = <output*>s.c           # of the row s.symmetric
    cdef Py_ssize_t first = index * QUERY_BLOCK, last = smaller(first + QUERY_BLOCK, s.m), column, i, j
    for column from 0 <= column <= s.symmetric + last - 1 by QUERY_BLOCK:
        for i in range(first, last):
            for j in range(column, smaller(column + QUERY_BLOCK, s.symmetric + i)):
                c[(j - s.symmetric) * s.c_row + s.symmetric + i] = c[i * s.c_row + j]
    for i in range(first, last):
        if c[i * s.c_row + s.symmetric + i] != 0 and c[i * s.c_row + s.symmetric + i] == c[i * s.c_row + s.symmetric + i]:
            c[i * s.c_row + s.symmetric + i] = 1


cdef int start_results(Plan* job) noexcept nogil:
    cdef const Search* s = job.search
    cdef const Runtime* runtime = job.runtime
    cdef Py_ssize_t parts = runtime.threads if job.per_slot else 1, i
    if s.result == RESULT_RANGE:
        job.lists = <List*>runtime.take(runtime.threads * sizeof(List))
        if job.lists == NULL:
            return KERNEL_NO_MEMORY
        memset(job.lists, 0, runtime.threads * sizeof(List))
    if s.result != RESULT_TOPK:
        return KERNEL_OK
    job.shared_thresholds = <output*>runtime.take(s.m * sizeof(output))
    if job.shared_thresholds != NULL:
        job.best = <Reservoir*>runtime.take(parts * s.m * sizeof(Reservoir))
    if job.best != NULL:
        job.items = <Candidate*>runtime.take(parts * s.m * room_for(s.k) * sizeof(Candidate))
    if job.items == NULL:
        return KERNEL_NO_MEMORY
    for i in range(parts * s.m):
        start_reservoir(job.best + i, job.items + i * room_for(s.k))
    for i in range(s.m):
        job.shared_thresholds[i] = <output>-infinity()
    return KERNEL_OK


# The threads' lists as the search's one; of a search that has failed there is nothing but memory to be freed.
cdef int join_lists(Plan* job, int status) noexcept nogil:
    cdef List* joined = job.lists
    cdef List* list
    cdef Py_ssize_t i
    cdef int part
    for part in range(1, job.runtime.threads):
        list = job.lists + part
        for i in range(list.count if status == KERNEL_OK else 0):
            note(job, joined, list.items[i].query, list.items[i].id, list.items[i].score)
        job.runtime.resize(list.items, 0)
    job.search.found = joined.items
    job.search.found_count = joined.count
    return job.error if status == KERNEL_OK else status


cdef int finish_results(Plan* job, int status) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t blocks = ceil_div(s.m, QUERY_BLOCK)
    if job.lists != NULL:
        return join_lists(job, status)
    if status == KERNEL_OK and s.result == RESULT_TOPK:
        return job.runtime.parallel_for(finish_task, job, blocks, job.runtime.threads, 0)
    if status == KERNEL_OK and s.result == RESULT_MATRIX and s.symmetric >= 0:
        return job.runtime.parallel_for(symmetrize_scores_task, job, blocks, job.runtime.threads, 0)
    return status


cdef void give_results(Plan* job) noexcept nogil:
    if job.items != NULL:
        job.runtime.give(job.items)
    if job.best != NULL:
        job.runtime.give(job.best)
    if job.shared_thresholds != NULL:
        job.runtime.give(job.shared_thresholds)
    if job.lists != NULL:
        job.runtime.give(job.lists)
