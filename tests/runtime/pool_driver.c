/* Stress test of fastla/_native/pool.c, for test_pool_native.py and for soaks by hand:
 *
 *     cc -g -O1 -fsanitize=thread -pthread -Ifastla/_native tests/pool_driver.c fastla/_native/pool.c -o driver
 *     ./driver stress 30
 *
 * Modes: contract wake stress interrupt stop fork. Prints "ok", or what failed, and exits with 1.
 * Under ThreadSanitizer the plain (not atomic) data of the tasks test that the pool orders what the caller wrote
 * before a task, and what a task wrote before the caller's return. `fork` is for a build without it.
 */
#define _GNU_SOURCE
#include "fpstatus.h"
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition, ...)                                           \
    do {                                                                \
        if (!(condition)) {                                             \
            printf("line %d: " #condition ": ", __LINE__);              \
            printf(__VA_ARGS__);                                        \
            printf("\n");                                               \
            fflush(stdout);                                             \
            _exit(1);                                                   \
        }                                                               \
    } while (0)

enum { MAX_COUNT = 5000, MAX_THREADS = 16 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_ms(double ms)
{
    struct timespec t = {.tv_nsec = (long)(ms * 1e6)};
    nanosleep(&t, NULL);
}

static uint64_t scramble(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t draw(uint64_t *state) { return scramble(*state += 0x9e3779b97f4a7c15u); }

static void raise_flag(unsigned flag)
{
    volatile double zero = 0, one = 1, big = 1e308, result;
    if (flag == FP_OVERFLOW)
        result = big * big;
    else if (flag == FP_DIVIDE)
        result = one / zero;
    else if (flag == FP_INVALID)
        result = zero / zero;
    else
        result = one / big / big;
    (void)result;
}

static unsigned random_flag(uint64_t random)
{
    const unsigned flags[] = {FP_OVERFLOW, FP_DIVIDE, FP_INVALID, FP_UNDERFLOW};
    return flags[random % 4];
}

/* ---- One job that checks itself ---- */

struct run {
    ptrdiff_t count;
    int threads, depth;
    uint64_t seed;
    unsigned char done[MAX_COUNT];  /* plain: one task writes each */
    int per_slot[MAX_THREADS];      /* plain: one thread writes each */
    atomic_int busy[MAX_THREADS], inside;
    atomic_uint raised;             /* what the tasks have raised, those of inner jobs included */
};

static unsigned checked_run(uint64_t seed, int depth);

static void checked_task(void *arg, ptrdiff_t index, int slot)
{
    struct run *run = arg;
    uint64_t random = scramble(run->seed + (uint64_t)index);
    CHECK(index >= 0 && index < run->count, "%td of %td", index, run->count);
    CHECK(slot >= 0 && slot < run->threads, "slot %d of %d", slot, run->threads);
    CHECK(!atomic_exchange(&run->busy[slot], 1), "slot %d twice", slot);
    int inside = atomic_fetch_add(&run->inside, 1) + 1;
    CHECK(inside <= run->threads, "%d inside, limit %d", inside, run->threads);
    CHECK(!run->done[index], "%td twice", index);
    run->done[index] = 1;
    run->per_slot[slot]++;
    if (random % 64 == 0) {
        unsigned flag = random_flag(random >> 32);
        raise_flag(flag);
        atomic_fetch_or(&run->raised, flag);
    }
    if (random % 512 == 1)
        sleep_ms(0.4); /* so that callers get as far as sleeping */
    if (run->depth < 2 && random % 256 == 2)
        atomic_fetch_or(&run->raised, checked_run(random, run->depth + 1));
    atomic_fetch_sub(&run->inside, 1);
    atomic_store(&run->busy[slot], 0);
}

static atomic_long complete_runs, interrupted_runs, helped_runs;

/* Returns what the tasks have raised. */
static unsigned checked_run(uint64_t seed, int depth)
{
    const ptrdiff_t bounds[] = {1, 2, 3, 9, 200, MAX_COUNT};
    const int limits[] = {1, 2, 3, 7, 16};
    struct run *run = calloc(1, sizeof *run);
    run->count = (ptrdiff_t)(draw(&seed) % (uint64_t)bounds[draw(&seed) % (depth ? 5 : 6)]);
    run->threads = limits[draw(&seed) % 5];
    run->depth = depth;
    run->seed = draw(&seed);
    int wake = (int)(draw(&seed) % 2);
    unsigned before = fp_status_get();
    if (!depth) {
        before = draw(&seed) % 2 ? random_flag(draw(&seed)) : 0;
        fp_status_set(before);
    }

    int result = pool_run(checked_task, run, run->count, run->threads, wake);

    unsigned after = fp_status_get(), raised = run->raised;
    CHECK(after == (before | raised), "flags %u, not %u | %u", after, before, raised);
    CHECK(run->inside == 0, "%d still inside", run->inside);
    ptrdiff_t done = 0, by_slot = 0;
    for (ptrdiff_t i = 0; i < run->count; i++)
        done += run->done[i];
    for (int i = 0; i < MAX_THREADS; i++)
        by_slot += run->per_slot[i];
    CHECK(done == by_slot, "%td done, %td by slot", done, by_slot);
    CHECK(result == POOL_INTERRUPTED || done == run->count, "%td of %td done", done, run->count);
    helped_runs += by_slot > run->per_slot[0];
    *(result == POOL_OK ? &complete_runs : &interrupted_runs) += 1;
    free(run);
    return raised;
}

/* ---- Tasks that meet ---- */

struct meeting {
    atomic_int here;
    int wanted;
    unsigned helper_raises;
};

static void meet(void *arg, ptrdiff_t index, int slot)
{
    struct meeting *meeting = arg;
    (void)index;
    if (slot > 0 && meeting->helper_raises)
        raise_flag(meeting->helper_raises);
    atomic_fetch_add(&meeting->here, 1);
    double end = now_s() + 20;
    while (meeting->here < meeting->wanted)
        CHECK(now_s() < end, "%d of %d threads came", meeting->here, meeting->wanted);
}

static void all_meet(int threads, unsigned helper_raises)
{
    struct meeting meeting = {.wanted = threads, .helper_raises = helper_raises};
    CHECK(pool_run(meet, &meeting, threads, threads, 1) == POOL_OK, "meeting of %d", threads);
}

static void nothing(void *arg, ptrdiff_t index, int slot) { (void)arg, (void)index, (void)slot; }

/* ---- Modes ---- */

static atomic_int stop_callers;
static double deadline;

static void *caller(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;
    while (now_s() < deadline && !stop_callers) {
        checked_run(draw(&seed), 0);
        if (draw(&seed) % 16 == 0)
            sleep_ms(0.2); /* workers fall asleep */
    }
    return NULL;
}

static void start_callers(pthread_t *threads, int n)
{
    stop_callers = 0;
    for (int i = 0; i < n; i++)
        CHECK(!pthread_create(&threads[i], NULL, caller, (void *)(uintptr_t)(1000 * n + i)), "no thread");
}

static void join_callers(pthread_t *threads, int n)
{
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static int one_in_four(void)
{
    static atomic_int asked;
    return atomic_fetch_add(&asked, 1) % 4 == 3;
}

static void mode_stress(double seconds)
{
    pthread_t threads[8];
    double start = now_s();
    for (int round = 0; round < 4; round++) {
        deadline = start + seconds * (round + 1) / 4;
        int n = round % 2 ? 8 : 2;
        pool_set_interrupted(round < 2 ? NULL : one_in_four);
        start_callers(threads, n);
        join_callers(threads, n);
    }
    pool_set_interrupted(NULL);
    CHECK(pool_workers() == MAX_THREADS - 1, "%d workers", pool_workers());
    CHECK(helped_runs > 0, "no helper ever came");
}

struct nest {
    int depth;
    atomic_int *done;
};

static void descend(void *arg, ptrdiff_t index, int slot)
{
    const struct nest *nest = arg;
    (void)slot;
    struct nest inner = {nest->depth - 1, nest->done};
    atomic_fetch_add(nest->done, 1);
    if (index == 0 && nest->depth > 1)
        pool_run(descend, &inner, 2, 2, 1);
}

static void *other_caller(void *meeting)
{
    pool_run(meet, meeting, 2, 2, 1);
    return NULL;
}

struct nap {
    double caller_ms, helper_ms;
    atomic_int helpers, running, done;
};

static void take_nap(void *arg, ptrdiff_t index, int slot)
{
    struct nap *nap = arg;
    (void)index;
    nap->running++;
    if (slot) {
        nap->helpers++;
        sleep_ms(nap->helper_ms);
    } else if (nap->caller_ms >= 0) {
        sleep_ms(nap->caller_ms);
    } else {
        while (!nap->helpers) /* negative: only until a helper is there, so that the caller then waits for it */
            sleep_ms(0.1);
    }
    nap->done++;
    nap->running--;
}

static void mode_contract(double seconds)
{
    CHECK(pool_workers() == 0, "%d workers before any is needed", pool_workers());
    pool_stop();
    pool_run(nothing, NULL, 1000, 1, 1);
    pool_run(nothing, NULL, 1, 8, 1);
    pool_run(nothing, NULL, 0, 8, 1);
    pool_run(nothing, NULL, -1, 8, 1);
    pool_run(nothing, NULL, 1000, 8, 0);
    CHECK(pool_workers() == 0, "%d workers, and none was needed", pool_workers());
    pool_run(nothing, NULL, 3, 8, 1);
    CHECK(pool_workers() == 2, "%d workers for 3 tasks", pool_workers());

    double end = now_s() + seconds;
    do {
        for (int threads = 2; threads <= 6; threads++)
            all_meet(threads, 0);

        fp_status_set(FP_INVALID);
        all_meet(2, FP_OVERFLOW);
        CHECK(fp_status_get() == (FP_INVALID | FP_OVERFLOW), "flags %u", fp_status_get());
        fp_status_set(0);
        all_meet(2, 0); /* the worker's old flag is not this job's */
        CHECK(fp_status_get() == 0, "flags %u", fp_status_get());

        /* Jobs run side by side: these tasks end when both jobs have a helper. */
        struct meeting meeting = {.wanted = 4};
        pthread_t other;
        CHECK(!pthread_create(&other, NULL, other_caller, &meeting), "no thread");
        pool_run(meet, &meeting, 2, 2, 1);
        pthread_join(other, NULL);

        /* More jobs inside one another than the pool has records for. */
        atomic_int done = 0;
        descend(&(struct nest){100, &done}, 0, 0);
        CHECK(done == 199, "%d tasks", done);
    } while (now_s() < end);

    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        struct nap nap = {.caller_ms = -1, .helper_ms = 2};
        double start = now_s();
        pool_run(take_nap, &nap, 2, 2, 1);
        double ms = (now_s() - start) * 1e3;
        best = ms < best ? ms : best;
    }
    CHECK(best < 40, "%.0f ms: the helper did not wake the caller", best);

    sigset_t pending, usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &usr1, NULL);
    kill(getpid(), SIGUSR1); /* would end the process if a worker took it */
    sleep_ms(20);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGUSR1), "a worker took a signal");
}

static void count_helper(void *helped, ptrdiff_t index, int slot)
{
    (void)index;
    double end = now_s() + 2e-6;
    if (slot)
        atomic_fetch_add((atomic_int *)helped, 1);
    while (now_s() < end)
        ;
}

/* Tasks that a sleeping worker took over from `jobs` jobs that wake nobody by themselves. */
static int help_without_wake(int jobs, double gap_ms)
{
    atomic_int helped = 0;
    sleep_ms(20); /* the worker falls asleep */
    for (int i = 0; i < jobs; i++) {
        pool_run(count_helper, &helped, 2, 2, 0);
        if (gap_ms)
            sleep_ms(gap_ms);
    }
    return helped;
}

#if defined(__linux__)
struct place {
    struct meeting meeting; /* so that a helper is there */
    cpu_set_t found;        /* where it may run */
    const cpu_set_t *set;   /* where it may from now on, as if by taskset; NULL: no change */
};

static void take_place(void *arg, ptrdiff_t index, int slot)
{
    struct place *place = arg;
    meet(&place->meeting, index, 0);
    if (!slot)
        return;
    sched_getaffinity(0, sizeof place->found, &place->found);
    if (place->set)
        sched_setaffinity(0, sizeof *place->set, place->set);
}

static cpu_set_t helper_place(const cpu_set_t *set)
{
    struct place place = {.meeting = {.wanted = 2}, .set = set};
    CHECK(pool_run(take_place, &place, 2, 2, 1) == POOL_OK, "no meeting");
    return place.found;
}

static void check_places(void)
{
    cpu_set_t all, here;
    CHECK(!sched_getaffinity(0, sizeof all, &all), "no affinity");
    if (CPU_COUNT(&all) < 2)
        return;
    CPU_ZERO(&here);
    CPU_SET(sched_getcpu(), &here);
    sched_setaffinity(0, sizeof here, &here);
    helper_place(&here);
    for (int i = 0; i < 10; i++) { /* who set a worker to the caller's CPU alone meant it */
        cpu_set_t found = helper_place(NULL);
        CHECK(CPU_EQUAL(&found, &here), "%d CPUs", CPU_COUNT(&found));
    }
    double end = now_s() + 20;
    cpu_set_t found, both;
    do { /* it is on the caller's CPU, and need not be: unless the system is first to move it away, it goes and keeps off */
        CHECK(now_s() < end, "the worker may run on the caller's CPU again");
        helper_place(&here);
        helper_place(&all);
        found = helper_place(NULL);
        CPU_AND(&both, &found, &here);
    } while (CPU_COUNT(&both));
    CHECK(CPU_COUNT(&found) == CPU_COUNT(&all) - 1, "%d of %d CPUs", CPU_COUNT(&found), CPU_COUNT(&all));
    sched_setaffinity(0, sizeof found, &found); /* the whole process is confined, to where the worker is kept anyway */
    helper_place(NULL);
    both = helper_place(NULL);
    CHECK(CPU_EQUAL(&both, &found), "the worker left what the process is confined to");
    sched_setaffinity(0, sizeof all, &all);
}
#else
static void check_places(void) {}
#endif

static void mode_wake(double seconds)
{
    pool_run(nothing, NULL, 2, 2, 1);
    double end = now_s() + 20;
    while (!help_without_wake(100, 0)) /* short jobs in a row wake a worker */
        CHECK(now_s() < end, "no row of jobs woke a worker");
    while (help_without_wake(30, 0.5)) /* those far apart do not; a worker that was not yet asleep is excused */
        CHECK(now_s() < end, "workers are woken for single short jobs");
    end = now_s() + seconds;
    do {
        pool_stop();
        check_places();
    } while (now_s() < end);
}

static atomic_int asked, answer_after_ms;
static double asked_since;
static pthread_t asker;

static int asking(void)
{
    CHECK(pthread_equal(pthread_self(), asker), "asked on another thread");
    asked++;
    return answer_after_ms && now_s() > asked_since + answer_after_ms * 1e-3;
}

static void ask_from_now(int ms)
{
    asked_since = now_s();
    answer_after_ms = ms;
    asked = 0;
}

static double time_interruption(struct nap nap, ptrdiff_t count, int threads, int may_finish)
{
    ask_from_now(30);
    int result = pool_run(take_nap, &nap, count, threads, 1);
    double ms = (now_s() - asked_since) * 1e3;
    CHECK(result == POOL_INTERRUPTED, "result %d, asked %d times", result, asked);
    CHECK(nap.running == 0, "%d tasks still run", nap.running);
    CHECK(may_finish || nap.done < count, "no task was dropped");
    ask_from_now(0);
    nap.done = 0;
    nap.caller_ms = nap.helper_ms = 0;
    CHECK(pool_run(take_nap, &nap, 50, threads, 1) == POOL_OK && nap.done == 50, "the job after it");
    return ms;
}

static void check_interruption(struct nap nap, ptrdiff_t count, int threads, int may_finish)
{
    double best = 1e9; /* of three: the machine may be busy */
    for (int i = 0; i < 3 && best > 200; i++) {
        double ms = time_interruption(nap, count, threads, may_finish);
        best = ms < best ? ms : best;
    }
    CHECK(best < 200, "took %.0f ms", best);
}

static void mode_interrupt(double seconds)
{
    double end = now_s() + seconds;
    asker = pthread_self();
    pool_set_interrupted(asking);
    do {
        check_interruption((struct nap){.caller_ms = 20, .helper_ms = 20}, 1000, 1, 0);
        check_interruption((struct nap){.caller_ms = 20, .helper_ms = 20}, 1000, 4, 0);
        check_interruption((struct nap){.caller_ms = 0.01, .helper_ms = 130}, 100000, 2, 0);
        check_interruption((struct nap){.caller_ms = -1, .helper_ms = 130}, 2, 2, 1); /* while the caller waits */

        struct nap nap = {.caller_ms = 2, .helper_ms = 2};
        ask_from_now(0);
        for (int i = 0; i < 20; i++)
            CHECK(pool_run(take_nap, &nap, 12, 2, 1) == POOL_OK, "nobody interrupted");
        double ms = (now_s() - asked_since) * 1e3;
        CHECK(asked >= 2 && asked <= ms / 50 + 2, "short jobs: asked %d times in %.0f ms", asked, ms);
    } while (now_s() < end);
    pool_set_interrupted(NULL);
}

static void mode_stop(double seconds)
{
    double end = now_s() + seconds;
    uint64_t seed = 1;
    do {
        pthread_t threads[2];
        deadline = now_s() + 0.01;
        start_callers(threads, 2);
        join_callers(threads, 2);
        all_meet(3, 0);
        CHECK(pool_workers() >= 2, "%d workers", pool_workers());
        if (draw(&seed) % 2)
            sleep_ms(0.3); /* asleep, or still on the look-out */
        pool_stop();
        CHECK(pool_workers() == 0, "%d workers", pool_workers());
        pool_stop();
    } while (now_s() < end);
}

static void expect_child(pid_t child, const char *what)
{
    int status;
    CHECK(child > 0, "no fork");
    CHECK(waitpid(child, &status, 0) == child && status == 0, "%s: child's status %x", what, status);
}

static void use_pool_in_child(void)
{
    alarm(20);
    CHECK(pool_workers() == 0, "%d workers in the child", pool_workers());
    all_meet(4, 0);
    for (uint64_t seed = 0; seed < 50; seed++)
        checked_run(scramble(seed), 0);
    pool_stop();
}

struct forking {
    int on_helper, returns;
    atomic_int arrived, forked;
};

static void fork_once(void *arg, ptrdiff_t index, int slot)
{
    struct forking *forking = arg;
    (void)index;
    forking->arrived++;
    while (forking->arrived < 2) /* the other thread is inside when this one forks */
        sleep_ms(0.1);
    if (forking->on_helper != (slot > 0)) {
        while (!forking->forked)
            sleep_ms(0.1);
    } else if (!forking->forked) {
        pid_t child = fork();
        forking->forked = 1;
        if (!child) {
            use_pool_in_child();
            if (!forking->returns)
                _exit(0);
        } else {
            expect_child(child, forking->on_helper ? "fork in a helper" : "fork in a caller");
        }
    }
}

static void mode_fork(double seconds)
{
    double end = now_s() + seconds;
    pid_t parent = getpid();
    pid_t first = fork();
    if (!first) {
        use_pool_in_child();
        _exit(0);
    }
    expect_child(first, "fork before the pool is used");
    do {
        pthread_t threads[3];
        deadline = now_s() + 60;
        start_callers(threads, 3);
        for (int i = 0; i < 10; i++) {
            sleep_ms(i % 4);
            pid_t child = fork();
            if (!child) {
                use_pool_in_child();
                pid_t grandchild = fork();
                if (!grandchild)
                    use_pool_in_child();
                else
                    expect_child(grandchild, "fork of a child");
                _exit(0);
            }
            expect_child(child, "fork beside jobs");
        }
        stop_callers = 1;
        join_callers(threads, 3);

        for (int kind = 0; kind < 4; kind++) {
            struct forking forking = {.on_helper = kind & 1, .returns = kind & 2};
            int result = pool_run(fork_once, &forking, 8, 2, 1);
            CHECK(result == (getpid() == parent ? POOL_OK : POOL_FORKED), "kind %d: %d", kind, result);
            if (getpid() != parent) { /* the child of a caller's task that returned */
                CHECK(!forking.on_helper && forking.returns, "kind %d", kind);
                use_pool_in_child();
                _exit(0);
            }
        }
    } while (now_s() < end);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(double seconds);
    } modes[] = {{"contract", mode_contract}, {"wake", mode_wake}, {"stress", mode_stress}, {"interrupt", mode_interrupt},
                 {"stop", mode_stop}, {"fork", mode_fork}};
    double seconds = argc > 2 ? atof(argv[2]) : 1;
    for (size_t i = 0; argc > 1 && i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(argv[1], modes[i].name)) {
            modes[i].run(seconds);
            pool_stop();
            printf("ok: %ld runs, %ld with helpers, %ld interrupted\n", complete_runs + interrupted_runs, helped_runs,
                   interrupted_runs);
            return 0;
        }
    printf("usage: %s contract|wake|stress|interrupt|stop|fork [seconds]\n", argv[0]);
    return 1;
}
