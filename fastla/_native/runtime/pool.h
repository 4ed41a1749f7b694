/* The thread pool: one per process, shared by every kernel.
 *
 * Contract
 * - A job is a ticketed parallel-for: `count` independent tasks; whoever is free takes the next index.
 * - The caller takes part and returns when every task has ended. It is never idle while tasks are left.
 * - A task never waits for another task. Phases that depend on each other are jobs one after the other.
 * - Any number of threads may call at once; their jobs run side by side, and no caller waits for
 *   another caller's job. A task may call pool_run itself (callbacks use fastla): the inner job is
 *   done by whoever is free, by its caller alone if nobody is.
 * - At most `threads` threads, the caller included, are ever inside one job. Each has a slot, 0 <= slot < threads, that
 *   no other thread has within this job: it names a part of scratch that the caller has laid out.
 * - After the call the caller's floating-point status holds what any task raised, as if the
 *   caller had run them all itself; and tasks run in the caller's floating-point mode (rounding, denormals).
 * - Workers start when first needed, not at import. In a job they spin; after it they
 *   spin for at most SPIN_US microseconds, then sleep, so that other pools in the process get the cores.
 * - Waking a sleeper costs its caller 2 to 5 us and takes 5 to 50: a job with `wake` 0 is only
 *   offered to workers that are still awake, but for one in a while of a row of jobs that come one close after the
 *   other.
 * - A worker that finds itself on its caller's CPU sets its own affinity to the others that it was given (Linux).
 * - `interrupted`, when set, is asked every POLL_MS milliseconds by the caller alone, between its tasks and while it
 *   waits. When it answers non-zero the tasks not yet begun are dropped and the call returns
 *   POOL_INTERRUPTED, after the running ones have ended.
 * - fork: the child starts with no workers and builds its own when needed. Calls under way in other
 *   threads of the parent do not exist in the child. One that was under way in the thread that forked (in a task, or in
 *   `interrupted`) returns POOL_FORKED there: what its helpers had begun is lost.
 * - Nothing here allocates per job: a call cannot fail for want of memory or of threads (with
 *   no worker to be had the caller does all).
 */
#ifndef FASTLA_POOL_H
#define FASTLA_POOL_H

#include <stddef.h>

enum { POOL_OK = 0, POOL_INTERRUPTED = 1, POOL_FORKED = 3 }; /* as in kernels.h */
enum { POOL_MAX_THREADS = 256 };

typedef void (*pool_task)(void *arg, ptrdiff_t index, int slot);

/* Run task(arg, index, slot) for every 0 <= index < count on at most `threads` threads. */
int pool_run(pool_task task, void *arg, ptrdiff_t count, int threads, int wake);

/* Asked by the caller of pool_run while a job runs; must be safe to call from any thread. NULL: never asked. */
void pool_set_interrupted(int (*interrupted)(void));

/* How many workers live now (asleep or not). */
int pool_workers(void);

/* End every worker and wait for them. Only when no job runs; the next pool_run starts new ones. */
void pool_stop(void);

#endif
