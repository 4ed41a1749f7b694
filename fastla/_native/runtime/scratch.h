/* Scratch: a stack of memory per thread, kept from call to call (a fresh 2 MiB allocation alone halves the speed at
 * n = 128).
 *
 * Contract
 * - take() returns 64-byte aligned memory of the calling thread, or NULL where there is none; its content is arbitrary.
 * - give() takes blocks back in the reverse order of taking, from the thread that took them. So calls may nest: a
 *   callback that calls fastla again takes above what its caller holds.
 * - When a thread holds nothing, at most SCRATCH_KEEP bytes stay with it, until it ends or scratch_free() is called:
 *   one piece, as much as it ever held if that is no more, so that calls like the last one find all in place (page
 *   faults took a sixth of a search's time).
 */
#ifndef FASTLA_SCRATCH_H
#define FASTLA_SCRATCH_H

#include <stddef.h>

enum { SCRATCH_KEEP = 64 << 20 };

void *scratch_take(size_t bytes);
void scratch_give(void *block);

/* Free what this thread keeps and does not hold. */
void scratch_free(void);

/* For tests: from now on a take() above `bytes` fails, in every thread. SIZE_MAX: none does. */
void scratch_set_limit(size_t bytes);

/* For tests: every block that is taken is filled with this byte; -1: what it holds is arbitrary. */
void scratch_set_fill(int byte);

#endif
