# How a product is dealt out to threads. Nothing here may change a result's bits: the tasks divide m and n, never k.

cdef extern from *:
    """
    /* Crossovers measured on two cores of 3.6 GHz. Below OFFER a product is one task: handing it over costs more than it
     * saves. From OFFER on, workers that are still awake help; from WAKE on, sleeping ones are woken. */
    #define OFFER_FLOPS 400000.0
    #define WAKE_FLOPS 2000000.0
    #define TASK_FLOPS 500000000.0   /* 10 ms: an interrupt is noticed between tasks */
    """
    const double OFFER_FLOPS
    const double WAKE_FLOPS
    const double TASK_FLOPS


cdef inline bint worth_waking(double flops) noexcept nogil:
    return flops >= WAKE_FLOPS


# Into how many tasks a product goes. A few a thread, so that a core that is slow or late holds up little.
cdef inline Py_ssize_t tasks_for(double flops, int threads) noexcept nogil:
    if flops < OFFER_FLOPS:
        return 1
    if threads == 1 or flops < 8 * WAKE_FLOPS:
        return larger(threads, <Py_ssize_t>(flops / TASK_FLOPS))
    return larger(4 * threads, <Py_ssize_t>(flops / TASK_FLOPS))
