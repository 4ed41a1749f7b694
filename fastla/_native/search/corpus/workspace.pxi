# A search's memory: what a region is prepared in, and what a task meets it with. Either is one block, taken whole or not at all.

# A region made ready, up to job.room panels of it. What a search has no use for is NULL.
cdef struct Chunk:
    Py_ssize_t count
    Block* blocks
    Py_ssize_t* order   # in which they are met
    real* mended        # raw rows: room for all
    real* copies        # of raw rows that are not used where they lie
    stored* lanes       # of gathered stored rows, [room][depth][WIDTH]
    real* dots          # [room][FEW][WIDTH]; there are few queries
    Prefilter* prefilters     # of the panels; ...
    int32_t* levels     # theirs, ...
    real* rows          # room for the rows of all stored panels, ...
    real* space         # and for a panel turned round: the search is screened


cdef struct Scratch:
    real* tile          # of a panel; those of all, where they are scanned
    real* transpose_into        # the tile with rows and columns exchanged
    Rerank* rerank        # NULL: the search is not screened


# Deals a block out, and returns its length: with block NULL, how long it has to be.
cdef Py_ssize_t lay_chunk(const Plan* job, Chunk* chunk, char* block) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t numbers = job.room * BLOCK_ROWS * larger(1, job.depth), quads = ceil_div(job.depth, QUAD) * BLOCK_ROWS, i
    cdef char* at = block
    chunk.blocks = <Block*>carve(&at, job.room * sizeof(Block))
    chunk.order = <Py_ssize_t*>carve(&at, job.room * sizeof(Py_ssize_t))
    if s.blocks.data == NULL:
        chunk.mended = <real*>carve(&at, numbers * sizeof(real))
        if job.few:
            chunk.dots = <real*>carve(&at, job.room * FEW * BLOCK_ROWS * sizeof(real))
        if job.gather or not in_place(&s.rows):
            chunk.copies = <real*>carve(&at, numbers * sizeof(real))
    elif job.gather:
        chunk.lanes = <stored*>carve(&at, numbers * sizeof(stored))
    if job.prefilters:
        chunk.prefilters = <Prefilter*>carve(&at, job.room * sizeof(Prefilter))
        chunk.levels = <int32_t*>carve(&at, job.room * quads * sizeof(int32_t))
        chunk.space = <real*>carve(&at, BLOCK_ROWS * job.depth * sizeof(real))
        if rows_to_be_turned(s):
            chunk.rows = <real*>carve(&at, numbers * sizeof(real))
        for i in range(job.room if block != NULL else 0):
            chunk.prefilters[i].levels.quads = chunk.levels + i * quads
    return at - block


cdef Py_ssize_t lay_scratch(const Plan* job, Scratch* scratch, char* block) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t numbers = LANES * job.depth
    cdef char* at = block
    scratch.tile = <real*>carve(&at, (job.room * s.m if job.scans else 2 * QUERY_BLOCK) * BLOCK_ROWS * sizeof(real))
    scratch.transpose_into = scratch.tile + QUERY_BLOCK * BLOCK_ROWS
    if job.prefilters:
        scratch.rerank = <Rerank*>carve(&at, sizeof(Rerank))
        at += lay_rerank(scratch.rerank if block != NULL else NULL, <real*>at, numbers)
    return at - block


# To be given back by the same thread, in reverse order.
cdef bint take_chunk(const Plan* job, Chunk* chunk) noexcept nogil:
    memset(chunk, 0, sizeof(Chunk))
    cdef char* block = <char*>job.runtime.take(lay_chunk(job, chunk, NULL))
    if block != NULL:
        lay_chunk(job, chunk, block)
    return block != NULL


cdef void give_chunk(const Plan* job, Chunk* chunk) noexcept nogil:
    job.runtime.give(chunk.blocks)       # what the block begins with


cdef bint take_scratch(const Plan* job, Scratch* scratch) noexcept nogil:
    memset(scratch, 0, sizeof(Scratch))
    cdef char* block = <char*>job.runtime.take(lay_scratch(job, scratch, NULL))
    if block != NULL:
        lay_scratch(job, scratch, block)
    return block != NULL


cdef void give_scratch(const Plan* job, Scratch* scratch) noexcept nogil:
    job.runtime.give(scratch.tile)


# Regions that groups share, all at once.
cdef int prepare_chunks(Plan* job) noexcept nogil:
    cdef Py_ssize_t i
    cdef Chunk* chunk = <Chunk*>job.runtime.take(job.chunks * sizeof(Chunk))
    if chunk == NULL:
        return KERNEL_NO_MEMORY
    for i in range(job.chunks):
        if not take_chunk(job, chunk + i):
            while i > 0:
                i -= 1
                give_chunk(job, chunk + i)
            job.runtime.give(chunk)
            return KERNEL_NO_MEMORY
    job.chunk = chunk
    return job.runtime.parallel_for(prepare_task, job, job.chunks, job.runtime.threads, 0)


cdef void give_chunks(Plan* job) noexcept nogil:
    cdef Py_ssize_t i = job.chunks
    while i > 0:
        i -= 1
        give_chunk(job, job.chunk + i)
    job.runtime.give(job.chunk)
