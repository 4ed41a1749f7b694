# Softmax, its logarithm, and the logarithm of a sum of exponentials, along any axis: lines that lie along memory's rows
# one after the other, those that lie across them side by side.

cdef extern from "write.h":
    void write_row(char* to, Py_ssize_t step, const output* source, Py_ssize_t n, int type) noexcept nogil

cdef enum:
    LINE_PIECE = 262144                # of L2
    SUM_CHUNK = 2048                    # numbers whose exponentials are summed in float32
    SIDE = 4                            # vectors of a short line, and of columns side by side
    SIDE_ROWS = 64                      # rows of them in L1


cdef struct SoftmaxJob:
    Job job
    const Softmax* softmax
    Batch batch                         # operands x and out: of lines, or of all blocks of columns at one place
    Py_ssize_t chunk, lines             # lines (or blocks of columns) of a task, and of all
    bint across


# log(sum of exp(x)) where the largest number is infinite: so is the sum, unless there is a NaN.
cdef real infinite_sum(const Softmax* s, const char* x) noexcept nogil:
    cdef output number
    cdef Py_ssize_t i
    for i in range(s.n):
        read_row(&number, x + i * s.x_step, 0, 1, s.type)
        if number != number:
            return <real>number
    return REAL_INFINITY


# Whether numbers lie as adjacent reals.
cdef inline bint adjacent(const void* data, Py_ssize_t step, int type) noexcept nogil:
    return type == TYPE_REAL and step == sizeof(real) and <size_t>data % sizeof(real) == 0


include "short_line.pxi"
include "line.pxi"
include "columns.pxi"


cdef void softmax_task(void* arg, Py_ssize_t index, int slot) noexcept nogil:
    cdef SoftmaxJob* job = <SoftmaxJob*>arg
    cdef const Softmax* s = job.softmax
    cdef Py_ssize_t side = SIDE * LANES if job.across else 1, each = ceil_div(s.columns, side), line
    cdef Py_ssize_t block = index * job.chunk % each
    cdef real* buffer = <real*>job.job.runtime.take(LINE_PIECE)
    cdef const char* x
    cdef char* out
    cdef Cursor cursor
    if buffer == NULL:
        fail(job, KERNEL_NO_MEMORY)
        return
    start_cursor(&cursor, &job.batch, index * job.chunk // each)
    for line in range(index * job.chunk, smaller((index + 1) * job.chunk, job.lines)):
        x = s.x + cursor.at[0] + block * side * s.x_column
        out = s.out + cursor.at[1] + block * side * s.out_column
        if job.across:
            softmax_columns(s, x, out, smaller(side, s.columns - block * side), buffer)
        elif not done_as_short_line(s, x, out):
            softmax_line(s, x, out, buffer)
        block += 1
        if block == each:
            block = 0
            advance(&cursor, 1)
    job.job.runtime.give(buffer)


cdef int softmax(const Softmax* s, const Runtime* runtime) noexcept nogil:
    cdef SoftmaxJob job
    cdef Py_ssize_t tasks, one = 1, none = 0
    cdef double ns = cost(10.0 * s.count * s.columns * s.n, 3.0 * s.count * s.columns * s.n, sizeof(real))
    if s.count == 0 or s.columns == 0:
        return KERNEL_OK
    job.job.runtime = runtime
    job.job.error = KERNEL_OK
    job.softmax = s
    job.batch.dims = larger(s.dims, 1)
    job.batch.count = s.count
    job.batch.shape = s.shape if s.dims else &one
    job.batch.strides[0] = s.x_stride if s.dims else &none
    job.batch.strides[1] = job.batch.strides[2] = s.out_stride if s.dims else &none
    job.across = s.columns > 1
    job.lines = s.count * ceil_div(s.columns, SIDE * LANES if job.across else 1)
    tasks = smaller(job.lines, tasks_for(ns, runtime.threads))
    job.chunk = ceil_div(job.lines, tasks)
    return run_tasks(softmax_task, &job, ceil_div(job.lines, job.chunk), ns)


table.softmax = softmax
