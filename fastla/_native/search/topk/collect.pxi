# What the searches for a threshold have found, a list a thread, becomes results: counted, put where its query's begin,
# and sorted there. Beside the results there are the lists, then one query's at a time.

cdef struct CollectJob:
    Job job
    const Collection* to
    Py_ssize_t* places      # [threads][m]: how many a list has of each query, then where the next of them goes
    Py_ssize_t group        # queries of a task that sorts


cdef void count_list_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef CollectJob* job = <CollectJob*>arg
    cdef const FoundList* list = job.to.lists + index
    cdef const Found* items = <const Found*>list.items
    cdef Py_ssize_t* counts = job.places + index * job.to.m
    cdef Py_ssize_t i
    memset(counts, 0, job.to.m * sizeof(Py_ssize_t))
    for i in range(list.count):
        counts[items[i].query] += 1


cdef void place_list_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef CollectJob* job = <CollectJob*>arg
    cdef const FoundList* list = job.to.lists + index
    cdef const Found* items = <const Found*>list.items
    cdef Py_ssize_t* places = job.places + index * job.to.m
    cdef Py_ssize_t i, place
    for i in range(list.count):
        place = places[items[i].query]
        places[items[i].query] = place + 1
        job.to.ids[place] = items[i].id
        (<output*>job.to.scores)[place] = items[i].score


# Found items [first, end), in order. space: room for them.
cdef void sort_found(const Collection* to, Py_ssize_t first, Py_ssize_t end, Candidate* space) noexcept nogil:
    cdef output* scores = <output*>to.scores
    cdef output sign = <output>(-1 if to.metric == METRIC_EUCLIDEAN else 1)
    cdef Py_ssize_t i
    for i in range(first, end):
        space[i - first].score = sign * scores[i]
        space[i - first].id = to.ids[i]
    sort(space, end - first)
    for i in range(first, end):
        scores[i] = sign * space[i - first].score
        to.ids[i] = space[i - first].id


cdef void sort_found_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef CollectJob* job = <CollectJob*>arg
    cdef const Py_ssize_t* lims = job.to.lims
    cdef Py_ssize_t first = index * job.group, end = smaller(first + job.group, job.to.m), most = 0, query
    cdef Candidate* space
    for query in range(first, end):
        most = larger(most, lims[query + 1] - lims[query])
    space = <Candidate*>job.job.runtime.take(larger(1, most) * sizeof(Candidate))
    if space == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    for query in range(first, end):
        sort_found(job.to, lims[query], lims[query + 1], space)
    job.job.runtime.give(space)


# Where each query's results begin, and those of each list among them. Returns how many there are.
cdef Py_ssize_t place_queries(CollectJob* job) noexcept nogil:
    cdef Py_ssize_t query, list, count, total = 0
    for query in range(job.to.m):
        job.to.lims[query] = total
        for list in range(job.to.threads):
            count = job.places[list * job.to.m + query]
            job.places[list * job.to.m + query] = total
            total += count
    job.to.lims[job.to.m] = total
    return total


cdef int collect(const Collection* to, const Runtime* runtime) noexcept nogil:
    cdef CollectJob job
    cdef Py_ssize_t total = 0, tasks, list
    cdef int status
    for list in range(to.threads):
        total += to.lists[list].count
    job.job = start_job(runtime)
    job.to = to
    job.places = <Py_ssize_t*>runtime.take(larger(1, to.threads * to.m) * sizeof(Py_ssize_t))
    if job.places == NULL:
        return KERNEL_NO_MEMORY
    status = run_tasks(count_list_task, &job, to.threads, 1.0 * total)
    if status == KERNEL_OK:
        place_queries(&job)
        status = run_tasks(place_list_task, &job, to.threads, 3.0 * total)
    tasks = larger(1, smaller(to.m, tasks_for(20.0 * total, runtime.threads)))
    job.group = larger(1, ceil_div(to.m, tasks))
    if status == KERNEL_OK:
        status = run_tasks(sort_found_task, &job, ceil_div(to.m, job.group), 20.0 * total)
    runtime.give(job.places)
    return status
