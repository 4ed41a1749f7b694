/* What the core hands a target module, and what a target module hands the core. */
#ifndef FASTLA_KERNELS_H
#define FASTLA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* The core's services, passed in with every call: no target module has state of its own. */
typedef struct {
    int threads;                            /* how many threads this call may use, the caller included */
    int (*parallel_for)(void (*task)(void *arg, ptrdiff_t index, int slot), void *arg, ptrdiff_t count,
                        int threads, int wake);                     /* pool_run of pool.h */
    void *(*take)(size_t bytes);            /* scratch of the calling thread, 64-byte aligned; NULL: no memory */
    void (*give)(void *block);              /* back, in the reverse order of taking */
    void *(*resize)(void *block, size_t bytes);     /* realloc of the C library; 0 bytes: free */
} Runtime;

enum { KERNEL_OK = 0, KERNEL_INTERRUPTED = 1, KERNEL_NO_MEMORY = 2, KERNEL_FORKED = 3, KERNEL_NOT_CONVERGED = 4 };

/* c[m, n] = a[m, k] @ b[k, n]. Strides count elements and may be zero or negative; only c's columns must be
 * adjacent. c overlaps neither a nor b. */
typedef struct {
    const void *a, *b;
    void *c;
    ptrdiff_t m, n, k;
    ptrdiff_t a_row, a_col, b_row, b_col, c_row;
    int syrk;                      /* b is a's transpose: one triangle is computed, then mirrored */
} Product;

/* `count` products of one shape: `depth` leading dimensions, outermost first. */
typedef struct {
    Product first;
    int dims;
    ptrdiff_t count;
    const ptrdiff_t *shape, *a_stride, *b_stride, *c_stride;
} Batch;

/* --- rows of numbers, and searching among them --------------------------------------------------------------------- */
/* n rows of d numbers where they lie, of any type that read.h knows; strides in bytes. */
typedef struct {
    const char *data;
    ptrdiff_t n, d, row, column;
    int type;
} Rows;

/* The types of Rows: NumPy's kind and size. */
enum {
    TYPE_INT8, TYPE_INT16, TYPE_INT32, TYPE_INT64, TYPE_UINT8, TYPE_UINT16, TYPE_UINT32, TYPE_UINT64,
    TYPE_FLOAT16, TYPE_BFLOAT16, TYPE_FLOAT32, TYPE_FLOAT64
};

/* The Euclidean norm of each row, and the rows divided by it; either may be NULL. A row of zeros stays one. */
typedef struct {
    Rows rows;
    void *norms;                            /* n of the output type */
    void *normalized;                       /* n x d of the output type, adjacent along d */
    ptrdiff_t normalized_row;
} Norms;

enum { METRIC_COSINE, METRIC_DOT, METRIC_EUCLIDEAN };
enum { RESULT_TOPK, RESULT_RANGE, RESULT_MATRIX };
enum { BLOCK_ROWS = 48 };                        /* rows in a panel: a multiple of every target's vector */

/* Rows turned round: panel i holds rows [48 i, 48 i + 48) as [depth][BLOCK_ROWS] stored elements, absent rows as zeros; depth is
 * d, or its half where an element is a pair of numbers. A row's numbers are what is stored times its step. weight and bias are
 * what a score takes: dot * weight + bias (weigh() in panels.pxi). */
typedef struct {
    void *data;
    float *scale, *weight, *bias;
    ptrdiff_t n, d;
} Blocks;

typedef struct {
    ptrdiff_t query, id;
    double score;
} Found;

/* Queries against a corpus of rows, or of panels where panels.data is set. */
typedef struct {
    int metric, result;
    Rows rows;
    Blocks blocks;
    const void *queries;                    /* m x depth elements, adjacent; cosine: normalized */
    const void *plain;                      /* m x d numbers of the output type, adjacent: as the scores mean them */
    const void *query_scale;                /* m of the output type, or NULL: what a dot product is multiplied by */
    ptrdiff_t m;
    const uint8_t *mask;                    /* may row i be found? mask[query * mask_row + i]; NULL: it may */
    ptrdiff_t mask_row;                     /* 0: one mask for all queries */
    ptrdiff_t allowed;                      /* of the n rows, by such a mask; else n */
    const ptrdiff_t *exclude;               /* m rows, one for each query, that it may not find; NULL: none */
    /* RESULT_TOPK */
    ptrdiff_t k;
    void *scores;                           /* m x k of the output type; euclidean: distances */
    ptrdiff_t *ids, *counts;                /* m x k; m: how many were found */
    /* RESULT_RANGE: a score at least, a distance at most */
    double threshold;
    Found *found;                           /* set by the kernel, whether it succeeds or not; freed by resize() */
    ptrdiff_t found_count;
    /* RESULT_MATRIX: every score, cosine and dot alone */
    void *c;                                /* m x n of the output type */
    ptrdiff_t c_row;
    ptrdiff_t symmetric;                    /* the queries are the rows from this one on: one triangle is computed, then mirrored; -1: they are not */
} Search;

/* --- eigensolvers: a block of b vectors is b rows of n adjacent elements ------------------------------------------ */
/* y = x A for a symmetric A: its lower triangle alone is read. Rows of A are a_row elements apart. */
typedef struct {
    const void *a, *x;
    void *y;
    ptrdiff_t n, a_row, b;
} SymmetricProduct;

/* Set by the kernel: the largest magnitude in the lower triangle of A, and the largest difference between A and its
 * transpose; NaN where A holds NaN or infinity. */
typedef struct {
    const void *a;
    ptrdiff_t n, a_row;
    double magnitude, skew;
} Symmetry;

/* Takes off the b rows of w their parts along the `count` orthonormal rows of v, so many times: by a few rows of v at a
 * time. sums (b, count): the coefficients of all times together. */
typedef struct {
    void *w;
    const void *v;
    ptrdiff_t n, b, count;
    int turns;
    double *sums;
} Projection;

/* Rows of w made orthonormal in place, by modified Gram-Schmidt: w_i = sum_j r[i, j] q_j before. Stops at a row that is
 * shorter than `tiny` or has lost nine tenths to those before it; `done`: how many rows are orthonormal. */
typedef struct {
    void *w;
    ptrdiff_t n, b, done;
    double tiny;
    double *r;
} Orthonormal;

/* T = Y diag(values) Y^T of a symmetric T (n, n), values in no order: the n rows of z, of m numbers, z_row apart, hold
 * Z^T before and (Z Y)^T after. T is overwritten. */
typedef struct {
    double *t, *values, *z, *work;          /* work: 2 max(n, m) + n */
    ptrdiff_t n, m, z_row;
} SmallEigh;

/* `count` symmetric matrices of n <= 32, any strides (in elements); `upper`: that triangle is read, else the lower.
 * values (count, n) ascending, vectors (count, n, n) in columns. Where a matrix does not converge, or holds NaN, KERNEL_NOT_CONVERGED. */
typedef struct {
    const void *a;
    ptrdiff_t count, n, stack, row, column;
    int upper;
    void *values, *vectors;
} EighStack;

/* Passes over the rows of x (n, d), d adjacent, less `shift` (d). All results are double. */
typedef struct {
    const void *x;
    ptrdiff_t n, d, x_row;
    const void *shift;
    const void *v;                          /* b x d: product = v (X - s)^T (X - s), b x d; NULL: the Gram matrix, d x d */
    ptrdiff_t b;
    double *product, *sums, *squares;       /* sums of columns, of their squares: d each */
} Scatter;

/* One element row compiled for one target; NULL: not among the kernels that the row has. */
typedef struct {
    const char *target, *element;
    int vector_bytes, mr, nr;
    double numpy_flops;                     /* from so many flops on, a stack's together, NumPy's own function is called */
    int (*matmul)(const Batch *stack, const Runtime *runtime);
    int (*norms)(const Norms *norms, const Runtime *runtime);
    void (*weigh)(const Blocks *panels, int metric, ptrdiff_t first, ptrdiff_t end);   /* panels [first, end) */
    int (*search)(Search *search, const Runtime *runtime);
    int (*symmetric_product)(const SymmetricProduct *product, const Runtime *runtime);
    int (*symmetry)(Symmetry *symmetry, const Runtime *runtime);
    int (*project)(const Projection *projection);
    int (*orthonormal)(Orthonormal *block);
    int (*small_eigh)(SmallEigh *problem);
    int (*eigh_stack)(const EighStack *stack, const Runtime *runtime);
    int (*scatter)(const Scatter *pass, const Runtime *runtime);
} Kernels;

#endif
