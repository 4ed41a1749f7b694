# The cost model: how long work takes, how many threads and tasks that is worth. Figures: docs/measurements.md, "Waking
# and tasks".

cdef enum:
    OFFER_NS = 4000         # from here on workers that are still awake help
    WAKE_NS = 20000         # from here on sleeping ones are woken
    TASK_NS = 5000000       # a task's length at most: between tasks an interrupt is noticed


# Nanoseconds of one thread for so many multiply-adds and elements read or written: 200 GFLOPS of 4-byte elements or,
# where each element is used but once or twice, the 40 bytes a nanosecond that come from L2 and L3; and a little for
# being there at all.
cdef inline double cost(double multiply_adds, double elements, Py_ssize_t size) noexcept nogil:
    cdef double arithmetic = 2 * multiply_adds / 400, memory = elements / 40
    return (arithmetic if arithmetic > memory else memory) * size + 10


# Into how many tasks work goes: more than threads where it is long, so that a core that is slow or late holds up
# little.
cdef inline Py_ssize_t tasks_for(double ns, int threads) noexcept nogil:
    cdef Py_ssize_t least = <Py_ssize_t>(ns / TASK_NS)
    if ns < OFFER_NS:
        return 1
    return larger(threads if threads == 1 or ns < 2 * WAKE_NS else 4 * threads, least)
