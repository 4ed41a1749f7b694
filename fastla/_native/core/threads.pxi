# Threads, interrupts, and what every kernel is handed beside its operands.

cdef int process_threads = 1


# Leaves the exception set: raise_pending() lets it out. One set already was met by a job within this one.
cdef int check_signals() noexcept with gil:
    return PyErr_Occurred() != NULL or PyErr_CheckSignals() != 0


cdef int interrupted() noexcept nogil:
    # Python runs signal handlers in its main thread alone.
    cdef unsigned flags
    cdef int answer
    if not is_main():
        return 0
    flags = fp_status_get()         # a handler's floating-point exceptions are its own
    answer = check_signals()
    fp_status_set(flags)
    return answer


cdef int raise_pending() except -1:
    return -1


here_is_main(threading.main_thread().ident)     # whichever thread imports this
pool_set_interrupted(interrupted)


def after_fork():
    """The thread that forked is the child's main thread."""
    here_is_main(threading.get_ident())


def set_threads(int process, int local):
    """The number of threads of the process (0: as it is) and of the calling thread (-1: as it is, 0: the process's)."""
    global process_threads
    if process > 0:
        process_threads = process
    if local >= 0:
        set_local_threads(local)


def get_threads():
    """(of the process, of the calling thread or 0)."""
    return process_threads, get_local_threads()


def workers():
    """How many pool threads live."""
    return pool_workers()


def stop():
    """End the pool's threads and free this thread's scratch; both come back when needed."""
    with cython.nogil:
        pool_stop()
    scratch_free()


def fill_scratch(int byte):
    """For tests: fill all scratch that is taken with a byte; -1: leave it as it is."""
    scratch_set_fill(byte)


def limit_scratch(size_t limit):
    """For tests: scratch above `limit` bytes is refused."""
    scratch_set_limit(limit)


# What the kernels are handed beside their operands.
cdef inline int threads_of_call() noexcept:
    return get_local_threads() or process_threads


cdef void fill(Runtime* runtime) noexcept:
    runtime.threads = threads_of_call()
    runtime.parallel_for = pool_run
    runtime.take = scratch_take
    runtime.give = scratch_give
    runtime.resize = realloc


class UserFunctionRaised(Exception):
    """A user's function failed in compiled code: the caller calls it again, in Python."""


# What the kernels answer, as an exception.
cdef int end(str no_memory, int status) except -1:
    if status == KERNEL_INTERRUPTED:
        raise_pending()
    if status == KERNEL_NO_MEMORY:
        raise MemoryError(no_memory)
    if status == KERNEL_FORKED:
        raise RuntimeError("this process was forked in the midst of a call: "
                           "the part of it that other threads had begun is lost here")
    if status == KERNEL_RAISED:
        raise UserFunctionRaised
    return 0
