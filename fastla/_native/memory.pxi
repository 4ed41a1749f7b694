# A search's memory: what a region is prepared in, and what a task meets it with. Either is one block, taken whole or not at all.

# A region made ready, up to job.room panels of it. What a search has no use for is NULL.
cdef struct Prepared:
    Py_ssize_t count
    Panel* panels
    Py_ssize_t* order   # in which they are met
    real* mended        # raw rows: room for all
    real* copies        # of raw rows that are not used where they lie
    stored* lanes       # of gathered stored rows, [room][depth][WIDTH]
    real* dots          # [room][FEW][WIDTH]; there are few queries
    Screen* screens     # of the panels; ...
    int32_t* levels     # theirs, ...
    real* rows          # room for the rows of all stored panels, ...
    real* space         # and for a panel turned round: the search is screened


cdef struct Scratch:
    real* tile          # of a panel; those of all, where they are scanned
    real* turned        # the tile with rows and columns exchanged
    Aside* aside        # NULL: the search is not screened


# The next `bytes` of a block, from a cache line on.
cdef inline void* carve(char** at, Py_ssize_t bytes) noexcept nogil:
    cdef char* piece = at[0]
    at[0] += ceil_div(bytes, LINE) * LINE
    return piece


# Deals a block out, and returns its length: with block NULL, how long it has to be.
cdef Py_ssize_t lay_prepared(const Job* job, Prepared* prepared, char* block) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t numbers = job.room * WIDTH * larger(1, job.depth), quads = ceil_div(job.depth, QUAD) * WIDTH, i
    cdef char* at = block
    prepared.panels = <Panel*>carve(&at, job.room * sizeof(Panel))
    prepared.order = <Py_ssize_t*>carve(&at, job.room * sizeof(Py_ssize_t))
    if s.panels.data == NULL:
        prepared.mended = <real*>carve(&at, numbers * sizeof(real))
        if job.few:
            prepared.dots = <real*>carve(&at, job.room * FEW * WIDTH * sizeof(real))
        if job.gather or not in_place(&s.rows):
            prepared.copies = <real*>carve(&at, numbers * sizeof(real))
    elif job.gather:
        prepared.lanes = <stored*>carve(&at, numbers * sizeof(stored))
    if job.screens:
        prepared.screens = <Screen*>carve(&at, job.room * sizeof(Screen))
        prepared.levels = <int32_t*>carve(&at, job.room * quads * sizeof(int32_t))
        prepared.space = <real*>carve(&at, WIDTH * job.depth * sizeof(real))
        if rows_to_be_turned(s):
            prepared.rows = <real*>carve(&at, numbers * sizeof(real))
        for i in range(job.room if block != NULL else 0):
            prepared.screens[i].levels.quads = prepared.levels + i * quads
    return at - block


cdef Py_ssize_t lay_scratch(const Job* job, Scratch* scratch, char* block) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t numbers = LANES * job.depth
    cdef char* at = block
    scratch.tile = <real*>carve(&at, (job.room * s.m if job.scans else 2 * BLOCK) * WIDTH * sizeof(real))
    scratch.turned = scratch.tile + BLOCK * WIDTH
    if job.screens:
        scratch.aside = <Aside*>carve(&at, sizeof(Aside))
        at += lay_aside(scratch.aside if block != NULL else NULL, <real*>at, numbers)
    return at - block


# To be given back by the same thread, in reverse order.
cdef bint take_prepared(const Job* job, Prepared* prepared) noexcept nogil:
    memset(prepared, 0, sizeof(Prepared))
    cdef char* block = <char*>job.runtime.take(lay_prepared(job, prepared, NULL))
    if block != NULL:
        lay_prepared(job, prepared, block)
    return block != NULL


cdef void give_prepared(const Job* job, Prepared* prepared) noexcept nogil:
    job.runtime.give(prepared.panels)       # what the block begins with


cdef bint take_scratch(const Job* job, Scratch* scratch) noexcept nogil:
    memset(scratch, 0, sizeof(Scratch))
    cdef char* block = <char*>job.runtime.take(lay_scratch(job, scratch, NULL))
    if block != NULL:
        lay_scratch(job, scratch, block)
    return block != NULL


cdef void give_scratch(const Job* job, Scratch* scratch) noexcept nogil:
    job.runtime.give(scratch.tile)


# Regions that groups share, all at once.
cdef int prepare_regions(Job* job) noexcept nogil:
    cdef Py_ssize_t i
    cdef Prepared* prepared = <Prepared*>job.runtime.take(job.regions * sizeof(Prepared))
    if prepared == NULL:
        return KERNEL_NO_MEMORY
    for i in range(job.regions):
        if not take_prepared(job, prepared + i):
            while i > 0:
                i -= 1
                give_prepared(job, prepared + i)
            job.runtime.give(prepared)
            return KERNEL_NO_MEMORY
    job.prepared = prepared
    return job.runtime.parallel_for(prepare_task, job, job.regions, job.runtime.threads, 0)


cdef void give_regions(Job* job) noexcept nogil:
    cdef Py_ssize_t i = job.regions
    while i > 0:
        i -= 1
        give_prepared(job, job.prepared + i)
    job.runtime.give(job.prepared)
