/* What the core hands a target module, and what a target module hands the core. */
#ifndef FASTLA_KERNELS_H
#define FASTLA_KERNELS_H

#include <stddef.h>

/* The core's services, passed in with every call: no target module has state of its own. */
typedef struct {
    int threads;                            /* how many threads this call may use, the caller included */
    int (*parallel_for)(void (*task)(void *arg, ptrdiff_t index, int slot), void *arg, ptrdiff_t count,
                        int threads, int wake);                     /* pool_run of pool.h */
    void *(*take)(size_t bytes);            /* scratch of the calling thread, 64-byte aligned; NULL: no memory */
    void (*give)(void *block);              /* back, in the reverse order of taking */
} Runtime;

enum { KERNEL_OK = 0, KERNEL_INTERRUPTED = 1, KERNEL_NO_MEMORY = 2 };

/* c[m, n] = a[m, k] @ b[k, n]. Strides count elements and may be zero or negative; only c's columns must be
 * adjacent. c overlaps neither a nor b. */
typedef struct {
    const void *a, *b;
    void *c;
    ptrdiff_t m, n, k;
    ptrdiff_t a_row, a_col, b_row, b_col, c_row;
    int own_transpose;                      /* b is a's transpose: one triangle is computed, then mirrored */
} Product;

/* `count` products of one shape: `depth` leading dimensions, outermost first. */
typedef struct {
    Product first;
    int depth;
    ptrdiff_t count;
    const ptrdiff_t *shape, *a_step, *b_step, *c_step;
} Stack;

/* One element row compiled for one target. */
typedef struct {
    const char *target, *element;
    int vector_bytes, mr, nr;
    double numpy_flops;                     /* from so many flops on, a stack's together, NumPy's own function is called */
    int (*matmul)(const Stack *stack, const Runtime *runtime);
} Kernels;

#endif
