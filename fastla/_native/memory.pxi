# A task's memory, taken once and used for every region: its panels, tiles and copies.

# For job.room panels.
cdef struct Memory:
    Panel* panels
    real* tile          # of a panel; those of all, where they are scanned
    real* turned        # the tile with rows and columns exchanged
    real* mended        # room for the rows of all the panels; NULL: the corpus is stored panels
    real* copies        # of rows that are not used where they lie; NULL: all are
    real* dots          # [room][FEW][WIDTH]; NULL: there are more queries
    Screen* screens     # of the panels; NULL: the search is not screened
    Aside* aside
    int32_t* levels
    real* rows          # room for those of all stored panels
    real* space         # for a panel turned round, and what is put aside


cdef bint take_memory(const Job* job, Memory* memory) noexcept nogil:
    cdef const Search* s = job.search
    cdef Py_ssize_t numbers = job.room * WIDTH * larger(1, job.depth)
    memset(memory, 0, sizeof(Memory))
    memory.panels = <Panel*>job.runtime.take(job.room * sizeof(Panel))
    if memory.panels != NULL:
        memory.tile = <real*>job.runtime.take((job.room * SCAN if job.scans else 2 * BLOCK) * WIDTH * sizeof(real))
    if memory.tile != NULL and s.panels.data != NULL:
        return not job.screens or take_screens(job, memory)
    if memory.tile != NULL:
        memory.turned = memory.tile + BLOCK * WIDTH
        memory.mended = <real*>job.runtime.take(numbers * sizeof(real))
    if memory.mended == NULL:
        return False
    if job.few:
        memory.dots = <real*>job.runtime.take(job.room * FEW * WIDTH * sizeof(real))
        if memory.dots == NULL:
            return False
    if job.gather or not in_place(&s.rows):
        memory.copies = <real*>job.runtime.take(numbers * sizeof(real))
        if memory.copies == NULL:
            return False
    return not job.screens or take_screens(job, memory)


cdef bint take_screens(const Job* job, Memory* memory) noexcept nogil:
    cdef Py_ssize_t quads = ceil_div(job.depth, QUAD) * WIDTH, i
    cdef real* numbers
    memory.screens = <Screen*>job.runtime.take(job.room * sizeof(Screen))
    if memory.screens == NULL:
        return False
    memory.aside = <Aside*>job.runtime.take(sizeof(Aside))
    if memory.aside == NULL:
        return False
    memory.space = <real*>job.runtime.take((WIDTH + 4 * LANES) * job.depth * sizeof(real))
    if memory.space == NULL:
        return False
    memory.levels = <int32_t*>job.runtime.take(job.room * quads * sizeof(int32_t))
    if memory.levels == NULL:
        return False
    if rows_to_be_turned(job.search):
        memory.rows = <real*>job.runtime.take(job.room * WIDTH * job.depth * sizeof(real))
        if memory.rows == NULL:
            return False
    for i in range(job.room):
        memory.screens[i].levels.quads = memory.levels + i * quads
    memset(memory.aside, 0, sizeof(Aside))
    numbers = memory.space + WIDTH * job.depth
    memset(numbers, 0, 4 * LANES * job.depth * sizeof(real))
    memory.aside.x = numbers
    memory.aside.y = numbers + LANES * job.depth
    memory.aside.x_turned = numbers + 2 * LANES * job.depth
    memory.aside.y_turned = numbers + 3 * LANES * job.depth
    return True


cdef void give_memory(const Job* job, Memory* memory) noexcept nogil:
    if memory.rows != NULL:
        job.runtime.give(memory.rows)
    if memory.levels != NULL:
        job.runtime.give(memory.levels)
    if memory.space != NULL:
        job.runtime.give(memory.space)
    if memory.aside != NULL:
        job.runtime.give(memory.aside)
    if memory.screens != NULL:
        job.runtime.give(memory.screens)
    if memory.copies != NULL:
        job.runtime.give(memory.copies)
    if memory.dots != NULL:
        job.runtime.give(memory.dots)
    if memory.mended != NULL:
        job.runtime.give(memory.mended)
    if memory.tile != NULL:
        job.runtime.give(memory.tile)
    if memory.panels != NULL:
        job.runtime.give(memory.panels)
