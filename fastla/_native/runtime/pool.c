/* The thread pool. pool.h has the contract; this is how it is kept.
 *
 * The board. While a job runs it has a record in `jobs` and a bit in `taken_jobs`; a bit in `open_jobs` says
 * that it can still use helpers. That word is all that an idle worker watches, and to offer a job is to set
 * a bit: no lock is taken on the way in or out. The mutex is for falling asleep, waking and hiring.
 *
 * Records are static, not on the callers' stacks: whoever looks at one late finds a record, at worst of another
 * job. One word of it, `state`, makes that safe: the places left, and the helpers inside. A helper reads
 * nothing else before it has moved itself from the one number to the other, which takes a place left, and
 * touches nothing once it has counted itself out. The caller takes back the places left, waits until nobody
 * is inside, and only then gives up the record. (Acting on an old look at `open_jobs`, a helper may enter the
 * record's next job: as good as any.)
 *
 * Helpers leave a job only when its tickets are all taken. So a place is used once, and its number is a slot.
 *
 * Atomics are sequentially consistent: on x86 that costs nothing but on stores. One place needs it, fall_asleep.
 * All else leans on this: `state` is written after the record is filled in, and read before the record is;
 * it is counted down after a helper's last task, and read before the caller returns.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "pool.h"
#include "fpstatus.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#define US 1000 /* times are int64_t, in ns */
#define MS 1000000

enum {
    POLL = 50 * MS,        /* Ctrl-C may take 200 ms; asking may take the GIL, so no oftener than need be */
    SPIN = 5 * US,         /* of an idle worker: one phase of a product follows the other within 1 us */
    ROW = 16,              /* of a caller's jobs, each within SPIN of the last: a worker is woken for short ones too */
    TAIL = 100 * US,       /* the same while a job runs: enough for a phase's stragglers, not for a slow callback */
    WAIT_SPIN = 20 * US,   /* of a caller whose helpers are at their last tasks; then it yields its core to them */
    WAIT_YIELD = 200 * US, /* and then it sleeps: a wake of 50 us is little beside that */
};

/* ---- What is asked of the operating system ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work_offered, helpers_gone; /* ready before the first worker is: see hire */

static void lock(void) { pthread_mutex_lock(&mutex); }
static void unlock(void) { pthread_mutex_unlock(&mutex); }

#ifndef CLOCK_MONOTONIC_COARSE
#define CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC
#endif

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * (int64_t)1000 * MS + t.tv_nsec;
}

static int64_t now(void) { return read_clock(CLOCK_MONOTONIC); }
static int64_t about_now(void) { return read_clock(CLOCK_MONOTONIC_COARSE); } /* 4 ms late; 5 ns where now() is 22 */

static void init_conditions(void)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* setting the wall clock must not delay Ctrl-C */
    pthread_cond_init(&work_offered, &attr);
    pthread_cond_init(&helpers_gone, &attr);
    pthread_condattr_destroy(&attr);
}

static void wait_for(pthread_cond_t *condition, int64_t duration)
{
    int64_t time = now() + duration;
    struct timespec t = {.tv_sec = time / (1000 * MS), .tv_nsec = time % (1000 * MS)};
    pthread_cond_timedwait(condition, &mutex, &t);
}

/* Signals are left to threads that expect them, in Python the main one. Faults cannot be: a blocked one
 * kills the process before faulthandler can say where. */
static int start_thread(pthread_t *thread, void *(*body)(void *))
{
    sigset_t blocked, before;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int error = pthread_create(thread, NULL, body, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !error;
}

/* Some schedulers (virtual machines', whose idle CPUs pass for preempted ones, above all) start a woken worker on its caller's CPU,
 * where it gets a turn only when the caller's time slice ends: two threads then do the work of one. A worker that finds itself there
 * moves away and keeps off that CPU, until it meets a caller elsewhere on its own. Between calls of 110 us, 4096 x 1024 float32 times
 * a row, pauses of 20 us made them take 240 on average when the worker moved away but might be woken there again. */
#if defined(__linux__)
static int this_cpu(void) { return sched_getcpu(); }
static pid_t thread_id(void) { return (pid_t)syscall(SYS_gettid); }
/* What a worker was given, and what it was then kept to. On its stack: thread-locals are few bytes (setup.py, core_extension). */
struct affinity {
    cpu_set_t own, kept_to;
};
static void leave_cpu(int cpu, pid_t caller, struct affinity *worker)
{
    cpu_set_t now, callers, both;
    if (sched_getaffinity(0, sizeof now, &now) || sched_getaffinity(caller, sizeof callers, &callers))
        return;
    CPU_AND(&both, &callers, &now);
    /* The first time, or others have set it; perhaps to the same, with the whole process. */
    if (!CPU_EQUAL(&now, &worker->kept_to) || CPU_EQUAL(&both, &callers))
        worker->own = now;
    cpu_set_t others = worker->own;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
        worker->kept_to = others;
}
#else
static int this_cpu(void) { return -1; }
static pid_t thread_id(void) { return 0; }
struct affinity {
    char unused;
};
static void leave_cpu(int cpu, pid_t caller, struct affinity *worker) { (void)cpu, (void)caller, (void)worker; }
#endif

static inline void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* `yield` is a no-op on most cores */
#endif
}

/* ---- The board ---- */

#define OWN_LINE _Alignas(128) /* two cache lines: x86 prefetches in pairs */

enum { JOBS = 64 }; /* the bits of a word: the 65th caller at a time works alone */
enum { INSIDE = 0x7fff, CALLER_SLEEPS = 0x8000, PLACE = 0x10000 }; /* the fields of `state` */

/* One line: a helper touches `state` twice a job, and a job of two tasks ends sooner for every line less. */
struct job {
    OWN_LINE _Atomic uint32_t state;
    _Atomic uint32_t fp_flags;
    int cpu; /* where the caller was */
    pid_t caller;
    uint32_t fp_mode; /* the caller's: a product's bits must not depend on who does it */
    _Atomic uint64_t next; /* ticket. Each thread overruns count by one at most, so it cannot wrap. */
    uint64_t count;
    pool_task task;
    void *arg;
    const void *owner; /* the `self` of the caller, for fork */
};

static struct job jobs[JOBS];
static OWN_LINE _Atomic uint64_t open_jobs;
static OWN_LINE _Atomic uint64_t taken_jobs;

static struct {
    OWN_LINE atomic_int workers; /* this and the next three: written under the mutex; seldom, as callers read them */
    atomic_int sleepers;         /* not yet told to wake */
    int told;                    /* wakes not yet taken up: sleepers + told threads are in the wait */
    int stopping;
    int forks; /* written by fork alone, in a process with one thread */
    int (*_Atomic interrupted)(void);
    pthread_t threads[POOL_MAX_THREADS];
} pool;

static _Thread_local struct {
    int64_t ask_at; /* when to ask `interrupted` next */
    int turn;       /* where to look for a job first: past the last one, so that helpers spread over the callers */
    int64_t ended;  /* its last job */
    int row;        /* jobs before it, one close after the other, for which nobody was woken */
    pid_t thread;   /* 0: not asked yet */
} self;

static uint64_t bit(const struct job *job) { return (uint64_t)1 << (job - jobs); }
static struct job *lowest(uint64_t bits) { return &jobs[__builtin_ctzll(bits)]; }

static struct job *claim_record(void)
{
    uint64_t taken = taken_jobs;
    while (~taken)
        if (atomic_compare_exchange_weak(&taken_jobs, &taken, taken | (taken + 1)))
            return lowest(~taken);
    return NULL;
}

/* Only by a thread of the job: until it leaves, the bit cannot be another job's. */
static void close_job(struct job *job)
{
    if (open_jobs & bit(job))
        atomic_fetch_and(&open_jobs, ~bit(job));
}

static struct job *join_job(int *slot)
{
    uint64_t bits = open_jobs;
    while (bits) {
        uint64_t later = bits & ~(uint64_t)0 << self.turn;
        struct job *job = lowest(later ? later : bits);
        bits &= ~bit(job);
        self.turn = (int)(job - jobs + 1) % JOBS;
        uint32_t state = job->state;
        while (state >= PLACE)
            if (atomic_compare_exchange_weak(&job->state, &state, state - PLACE + 1)) {
                *slot = (int)(state / PLACE);
                if (*slot == 1)
                    close_job(job);
                return job;
            }
    }
    return NULL;
}

/* ---- Workers ---- */

/* False: a task has forked, and this is the child's only thread, with no caller to count itself out for. */
static int help(struct job *job, int slot, struct affinity *affinity)
{
    pool_task task = job->task;
    void *arg = job->arg;
    uint64_t index, count = job->count;
    int forks = pool.forks;
    if (this_cpu() == job->cpu)
        leave_cpu(job->cpu, job->caller, affinity);
    fp_mode_set(job->fp_mode);
    fp_status_set(0);
    while ((index = atomic_fetch_add(&job->next, 1)) < count)
        task(arg, (ptrdiff_t)index, slot);
    if (pool.forks != forks)
        return 0;
    close_job(job);
    unsigned flags = fp_status_get();
    if (flags)
        atomic_fetch_or(&job->fp_flags, flags);
    if (atomic_fetch_sub(&job->state, 1) == (CALLER_SLEEPS | 1)) { /* from here on the record may be another job's */
        lock();
        pthread_cond_broadcast(&helpers_gone);
        unlock();
    }
    return 1;
}

static struct job *look_out(int *slot)
{
    int64_t start = 0, end = 0;
    for (;;) {
        for (int i = 0; i < 8; i++) {
            struct job *job = join_job(slot);
            if (job)
                return job;
            relax();
        }
        int64_t time = now();
        if (!start) {
            start = time;
            end = time + SPIN;
        } else if (time > start + SPIN) {
            if (taken_jobs && time < start + TAIL)
                end = time + SPIN;
            if (time > end)
                return NULL;
            sched_yield(); /* the job that runs may need this core */
        }
    }
}

/* Until told to wake (true) or to stop (false), or there is a job after all.
 *
 * No wake is lost: this thread writes `sleepers`, then reads `open_jobs`; a caller writes `open_jobs`, then reads
 * `sleepers`. One of the two sees the other. */
static int fall_asleep(struct job **job, int *slot)
{
    lock();
    pool.sleepers++;
    *job = join_job(slot);
    if (*job) {
        pool.sleepers--;
    } else {
        while (!pool.told && !pool.stopping)
            pthread_cond_wait(&work_offered, &mutex);
        pool.told -= pool.told > 0;
    }
    int go_on = *job || !pool.stopping;
    unlock();
    return go_on;
}

static void *work(void *unused)
{
    struct affinity affinity = {0};
    struct job *job;
    int slot;
    while ((job = look_out(&slot)) || fall_asleep(&job, &slot))
        if (job && !help(job, slot, &affinity))
            break;
    return unused;
}

static int awake(void) { return pool.workers - pool.sleepers; }

/* Wake as many as the job can use beyond those who are awake and not wanted by other jobs.
 *
 * The caller wakes them all, in a row. In a chain, each one woken waking two, it would be off sooner, but the workers
 * later: each would wait for the 5 to 50 us of those before it. */
static void wake_for(struct job *job, int wanted)
{
    if (!pool.sleepers)
        return;
    wanted -= awake();
    for (uint64_t others = taken_jobs & ~bit(job); others; others &= others - 1) {
        uint32_t state = lowest(others)->state;
        wanted += (int)(state / PLACE + (state & INSIDE));
    }
    if (wanted <= 0)
        return;
    lock();
    int n = wanted < pool.sleepers ? wanted : pool.sleepers;
    pool.sleepers -= n;
    pool.told += n;
    unlock();
    while (n-- > 0)
        pthread_cond_signal(&work_offered);
}

/* The child's one thread holds the mutex, and may be inside jobs, as their caller or as a helper. Neither gets more tickets. */
static void after_fork_in_child(void)
{
    mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    init_conditions();
    pool.workers = pool.sleepers = pool.told = pool.stopping = 0;
    pool.forks++;
    self.thread = 0;
    open_jobs = 0;
    for (struct job *job = jobs; job < jobs + JOBS; job++) {
        job->state = 0;
        job->next = job->count;
        if (job->owner != &self)
            taken_jobs &= ~bit(job);
    }
}

static void prepare(void)
{
    init_conditions();
    pthread_atfork(lock, unlock, after_fork_in_child);
}

static void hire(int wanted)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
    lock();
    while (pool.workers < wanted && !pool.stopping && start_thread(&pool.threads[pool.workers], work))
        pool.workers++;
    unlock();
}

/* ---- Callers ---- */

/* When to ask is kept by thread, not by job: a product may be a thousand jobs of less than POLL each. But a
 * thread that was elsewhere for longer starts anew, so that its next short job need not ask. */
static void start_asking(void)
{
    int64_t time = pool.interrupted ? about_now() : 0;
    if (time > self.ask_at + POLL)
        self.ask_at = time + POLL;
}

static int ask_interrupted(struct job *job)
{
    int (*interrupted)(void) = pool.interrupted;
    if (!interrupted)
        return POOL_OK;
    int64_t time = about_now();
    if (time < self.ask_at)
        return POOL_OK;
    if (!interrupted()) {
        self.ask_at = time + POLL;
        return POOL_OK;
    } /* else it stays: the caller of a job around this one asks next, and must hear the same at once */
    if (job)
        job->next = job->count; /* perhaps back, but not below count: no ticket is left */
    return POOL_INTERRUPTED;
}

static int run_alone(pool_task task, void *arg, ptrdiff_t count)
{
    int result = POOL_OK;
    if (count > 1)
        start_asking();
    for (ptrdiff_t i = 0; i < count && result == POOL_OK; i++) {
        task(arg, i, 0);
        if (count > 1)
            result = ask_interrupted(NULL); /* after the last too: in a row of jobs it may be the long one each time */
    }
    return result;
}

static int wait_for_helpers(struct job *job, int result)
{
    int64_t start = 0;
    for (int i = 1; job->state & INSIDE; i++) {
        relax();
        if (i % 8)
            continue;
        if (result == POOL_OK)
            result = ask_interrupted(job);
        int64_t time = now();
        if (!start)
            start = time;
        if (time > start + WAIT_YIELD) {
            /* If the last helper leaves before the bit is set, the test fails; if after, it
             * needs the mutex to signal, and gets it when this thread is in the wait. */
            lock();
            if (atomic_fetch_or(&job->state, CALLER_SLEEPS) & INSIDE)
                wait_for(&helpers_gone, POLL);
            unlock();
        } else if (time > start + WAIT_SPIN) {
            sched_yield();
        }
    }
    return result;
}

/* Is a job in a row of them worth waking workers for, though it would not repay that alone? One that is awake stays so
 * from job to job. Then the count starts anew: a row that leaves workers time to fall asleep wakes them seldom. */
static int in_a_row(void)
{
    self.row = now() < self.ended + SPIN ? self.row + 1 : 0;
    if (self.row < ROW)
        return 0;
    self.row = 0;
    return 1;
}

static int run_shared(pool_task task, void *arg, ptrdiff_t count, int threads, int wake)
{
    if (threads > POOL_MAX_THREADS)
        threads = POOL_MAX_THREADS;
    int helpers = (int)(count < threads ? count : threads) - 1;
    if (wake && pool.workers < helpers)
        hire(helpers);
    /* Alone when there is nobody, or nobody awake, to offer the job to, or no record to be had. */
    int candidates = wake ? pool.workers : awake();
    struct job *job = candidates > 0 ? claim_record() : NULL;
    if (!job)
        return run_alone(task, arg, count);

    if (!self.thread)
        self.thread = thread_id();
    job->task = task;
    job->arg = arg;
    job->count = (uint64_t)count;
    job->owner = &self;
    job->fp_mode = fp_mode_get();
    job->cpu = this_cpu();
    job->caller = self.thread;
    atomic_store_explicit(&job->next, 0, memory_order_relaxed);
    atomic_store_explicit(&job->fp_flags, 0, memory_order_relaxed);
    atomic_store_explicit(&job->state, (uint32_t)helpers * PLACE, memory_order_release);
    atomic_fetch_or(&open_jobs, bit(job));
    if (wake)
        wake_for(job, helpers);

    int result = POOL_OK, forks = pool.forks;
    uint64_t index;
    start_asking();
    while ((index = atomic_fetch_add(&job->next, 1)) < (uint64_t)count) {
        task(arg, (ptrdiff_t)index, 0);
        if (result == POOL_OK)
            result = ask_interrupted(job);
    }
    close_job(job);
    if (atomic_fetch_and(&job->state, INSIDE) & INSIDE)
        result = wait_for_helpers(job, result);
    if (pool.forks != forks && result == POOL_OK)
        result = POOL_FORKED;
    unsigned flags = job->fp_flags;
    job->owner = NULL;
    atomic_fetch_and(&taken_jobs, ~bit(job));
    if (flags)
        fp_status_set(fp_status_get() | flags);
    return result;
}

int pool_run(pool_task task, void *arg, ptrdiff_t count, int threads, int wake)
{
    if (threads <= 1 || count <= 1)
        return run_alone(task, arg, count);
    int result = run_shared(task, arg, count, threads, wake || in_a_row());
    self.ended = now();
    return result;
}

void pool_set_interrupted(int (*interrupted)(void)) { pool.interrupted = interrupted; }

int pool_workers(void) { return pool.workers; }

void pool_stop(void)
{
    lock();
    int n = pool.stopping ? 0 : pool.workers;
    pool.stopping |= n > 0;
    unlock();
    if (!n)
        return;
    pthread_cond_broadcast(&work_offered);
    for (int i = 0; i < n; i++)
        pthread_join(pool.threads[i], NULL);
    lock();
    pool.workers = pool.sleepers = pool.told = pool.stopping = 0;
    unlock();
}
