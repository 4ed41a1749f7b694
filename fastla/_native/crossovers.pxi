# Where one way of doing a product becomes better than another. Measured; nothing here changes what is computed.

# Chosen by shape and strides.
cdef enum:
    IN_PLACE_ELEMENTS = 256 * 256   # of b: up to here it stays in L2, and packing costs more than it gains
    SKINNY = 16                     # rows: up to here each element of b is used too seldom to repay packing
    STREAMS = 16                    # rows of b read at once where they come from memory: keeps the prefetchers busy
    DOT_COLUMNS = 8
    SPLIT_K = 2048                  # depth of a part where k is split ...
    SPLIT_ELEMENTS = 64 * 64        # ... because c is this small
    STACK_FLOPS = 50000000          # from here on the products of a stack are done one by one, by all threads

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
