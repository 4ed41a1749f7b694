#include "scratch.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { ALIGN = 64, HUGE_PAGE = 2 << 20, SMALLEST = 1 << 20 };

static size_t limit = SIZE_MAX;
static int fill_byte = -1;

static void *filled(void *block, size_t bytes)
{
    int byte = __atomic_load_n(&fill_byte, __ATOMIC_RELAXED);
    if (block && byte >= 0)
        memset(block, byte, bytes);
    return block;
}

/* The bytes of a block for `bytes`; 0: it cannot be had. */
static size_t size_of_block(size_t bytes)
{
    if (bytes > __atomic_load_n(&limit, __ATOMIC_RELAXED) || bytes > SIZE_MAX / 2)
        return 0;
    return bytes ? (bytes + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* a block of its own each: overruns show */

void *scratch_take(size_t bytes)
{
    void *block;
    bytes = size_of_block(bytes);
    return bytes && !posix_memalign(&block, ALIGN, bytes) ? filled(block, bytes) : NULL;
}

void scratch_give(void *block) { free(block); }

void scratch_free(void) {}

#else

/* A piece of the stack: this header, then `size` bytes. `used` is where the next block begins. */
typedef struct Chunk {
    struct Chunk *below;
    size_t size, used;
    char pad[ALIGN - 3 * sizeof(size_t)];
    char memory[];
} Chunk;

static _Thread_local Chunk *top;
static _Thread_local size_t held, most; /* bytes in blocks: now, and at most so far */
static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void free_chunks(Chunk *chunk)
{
    while (chunk) {
        Chunk *below = chunk->below;
        free(chunk);
        chunk = below;
    }
}

static void thread_ends(void *unused)
{
    (void)unused;
    free_chunks(top);
    top = NULL;
}

static void make_key(void) { pthread_key_create(&at_thread_end, thread_ends); }

static Chunk *new_chunk(size_t bytes)
{
    size_t size = bytes > SMALLEST ? bytes : SMALLEST, whole = size + sizeof(Chunk), align = ALIGN;
    void *memory;
    if (whole >= HUGE_PAGE) { /* few page faults, few TLB misses */
        align = HUGE_PAGE;
        whole = (whole + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        size = whole - sizeof(Chunk);
    }
    if (posix_memalign(&memory, align, whole))
        return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (align == HUGE_PAGE)
        madvise(memory, whole, MADV_HUGEPAGE);
#endif
    pthread_once(&once, make_key);
    pthread_setspecific(at_thread_end, memory); /* any value: the destructor runs for threads that have one */
    Chunk *chunk = memory;
    chunk->below = top;
    chunk->size = size;
    chunk->used = 0;
    return chunk;
}

void *scratch_take(size_t bytes)
{
    bytes = size_of_block(bytes);
    if (!bytes)
        return NULL;
    if (!top || top->size - top->used < bytes) {
        if (top && top->used == 0) { /* kept from an earlier call, and too small */
            Chunk *below = top->below;
            free(top);
            top = below;
        }
        Chunk *chunk = NULL;
        if (!top && bytes < most)
            chunk = new_chunk(most);
        if (!chunk)
            chunk = new_chunk(bytes);
        if (!chunk)
            return NULL;
        top = chunk;
    }
    void *block = top->memory + top->used;
    top->used += bytes;
    held += bytes;
    if (held > most)
        most = held;
    return filled(block, bytes);
}

void scratch_give(void *block)
{
    Chunk *kept = NULL;
    if (top->used == 0) { /* emptied before, and kept for the next take; the block lies below */
        kept = top;
        top = top->below;
    }
    held -= top->used - (size_t)((char *)block - top->memory);
    top->used = (size_t)((char *)block - top->memory);
    if (kept && top->used == 0 && kept->size < top->size) {
        free(kept); /* two empty ones: the larger stays */
        kept = NULL;
    } else if (kept) {
        if (top->used == 0) {
            kept->below = top->below;
            free(top);
        }
        top = kept;
    }
    if (top->used == 0 && !top->below) {
        if (most > SCRATCH_KEEP) /* that will be in pieces again */
            most = 0;
        if (top->size > SCRATCH_KEEP || top->size < most) { /* the next chunk is one for all that was held */
            free(top);
            top = NULL;
        }
    }
}

void scratch_free(void)
{
    while (top && top->used == 0) {
        Chunk *below = top->below;
        free(top);
        top = below;
    }
}

#endif

void scratch_set_limit(size_t bytes) { __atomic_store_n(&limit, bytes, __ATOMIC_RELAXED); }

void scratch_set_fill(int byte) { __atomic_store_n(&fill_byte, byte, __ATOMIC_RELAXED); }
