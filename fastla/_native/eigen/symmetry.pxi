# Is A its own transpose? Tiles below the diagonal are compared with those above, transposed in L1.

cdef enum:
    # Of a tile below the diagonal: what is read of a row above it is long enough for memory ("Comparing A with
    # itself").
    SYMMETRY_ROWS = 128
    SYMMETRY_COLUMNS = 2 * LINE // sizeof(real)


cdef struct SymmetryJob:
    Job job
    const Symmetry* symmetry
    double* found               # magnitude, skew, and a NaN if there is one, of each task's row of tiles


cdef void symmetry_tile(const real* lower, const real* upper, Py_ssize_t a_row, Py_ssize_t rows, Py_ssize_t columns,
                        vec* found) noexcept nogil:
    cdef real transposed[SYMMETRY_ROWS * SYMMETRY_COLUMNS]
    cdef vec x, y
    cdef Py_ssize_t i, j, count
    # transposed[i, j] = upper[j, i]
    transpose_into(transposed, SYMMETRY_COLUMNS, columns, rows, upper, a_row, 1)
    for j in range(columns):
        for i from 0 <= i < SYMMETRY_ROWS by LINE // sizeof(real):      # the tile that comes next
            prefetch(upper + (SYMMETRY_COLUMNS + j) * a_row + i)
    for i in range(rows):
        for j from 0 <= j < SYMMETRY_COLUMNS by LINE // sizeof(real):
            prefetch(lower + i * a_row + SYMMETRY_COLUMNS + j)
        for j from 0 <= j < columns by LANES:
            count = columns - j
            if count >= LANES:
                x = load(lower + i * a_row + j)
                y = load(transposed + i * SYMMETRY_COLUMNS + j)
            else:
                x = load_zero(lower + i * a_row + j, count)
                y = load_zero(transposed + i * SYMMETRY_COLUMNS + j, count)
            y = x - y
            found[0] = lanes_max(lanes_abs(x), found[0])
            found[1] = lanes_max(lanes_abs(y), found[1])
            found[2] = found[2] + x * splat(0) + y * splat(0)          # NaN of infinity and NaN


cdef void symmetry_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef SymmetryJob* job = <SymmetryJob*>arg
    cdef const Symmetry* s = job.symmetry
    cdef const real* a = <const real*>s.a
    cdef Py_ssize_t tiles = ceil_div(s.n, SYMMETRY_ROWS), i = (tiles - 1 - index) * SYMMETRY_ROWS, j, lane
    cdef real lanes[3 * LANES]
    cdef double* found = job.found + 3 * index
    cdef vec most[3]
    for j in range(3):
        most[j] = zero()
    for j from 0 <= j < smaller(i + SYMMETRY_ROWS, s.n) by SYMMETRY_COLUMNS:
        symmetry_tile(a + i * s.a_row + j, a + j * s.a_row + i, s.a_row, smaller(SYMMETRY_ROWS, s.n - i),
                      smaller(SYMMETRY_COLUMNS, s.n - j), most)
    for j in range(3):
        store(lanes + j * LANES, most[j])
        found[j] = 0
    for lane in range(LANES):
        found[0] = lanes[lane] if lanes[lane] > found[0] else found[0]
        found[1] = lanes[LANES + lane] if lanes[LANES + lane] > found[1] else found[1]
        found[2] += lanes[2 * LANES + lane]


cdef int symmetry(Symmetry* symmetry, const Runtime* runtime) noexcept nogil:
    cdef SymmetryJob job
    cdef Py_ssize_t tasks = ceil_div(symmetry.n, SYMMETRY_ROWS), i
    cdef int status
    job.job.runtime = runtime
    job.job.error = KERNEL_OK
    job.symmetry = symmetry
    job.found = <double*>runtime.take(3 * larger(1, tasks) * sizeof(double))
    if job.found == NULL:
        return KERNEL_NO_MEMORY
    status = run_tasks(symmetry_task, &job, tasks, cost(0, 2.0 * symmetry.n * symmetry.n, sizeof(real)))
    symmetry.magnitude = 0
    symmetry.skew = 0
    for i in range(tasks if status == KERNEL_OK else 0):
        symmetry.magnitude = job.found[3 * i] if job.found[3 * i] > symmetry.magnitude else symmetry.magnitude
        symmetry.skew = job.found[3 * i + 1] if job.found[3 * i + 1] > symmetry.skew else symmetry.skew
    for i in range(tasks if status == KERNEL_OK else 0):
        symmetry.magnitude += job.found[3 * i + 2]
        symmetry.skew += job.found[3 * i + 2]
    runtime.give(job.found)
    return status
