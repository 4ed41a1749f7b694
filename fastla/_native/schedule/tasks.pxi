# Running tasks: every family hands its work to the pool here, and only here.

cdef extern from "atomic.h":
    int load_int(const int* p) noexcept nogil
    void store_int(int* p, int value) noexcept nogil


# What the tasks of a piece of work share. A family's own struct begins with one, so that a pointer to it is a pointer
# to a Job.
cdef struct Job:
    const Runtime* runtime
    int error               # KERNEL_OK, or the status of a task that failed


cdef inline Job start_job(const Runtime* runtime) noexcept nogil:
    cdef Job job
    job.runtime = runtime
    job.error = KERNEL_OK
    return job


ctypedef void (*Task)(void* job, Py_ssize_t index, int slot) noexcept nogil


# A task's failure. The others still run, unless they look at failed().
cdef inline void fail(void* job, int status) noexcept nogil:
    store_int(&(<Job*>job).error, status)


cdef inline bint failed(const void* job) noexcept nogil:
    return load_int(&(<const Job*>job).error) != KERNEL_OK


# Runs task(job, index, slot) for every index below count, and returns the first failure. ns: how long all of it takes
# one thread; it decides whether other threads help and whether they are woken.
cdef int run_tasks(Task task, void* job, Py_ssize_t count, double ns) noexcept nogil:
    cdef const Runtime* runtime = (<Job*>job).runtime
    cdef int status = runtime.parallel_for(task, job, count, runtime.threads if ns >= OFFER_NS else 1, ns >= WAKE_NS)
    return status if status != KERNEL_OK else (<Job*>job).error


# The services of a call whose tasks are spread over the threads already: what they call runs on the thread that calls
# it.
cdef inline Runtime one_thread(const Runtime* runtime) noexcept nogil:
    cdef Runtime alone = runtime[0]
    alone.threads = 1
    return alone
