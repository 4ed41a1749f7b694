/* What the core hands a target module, and what a target module hands the core. */
#ifndef FASTLA_KERNELS_H
#define FASTLA_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* The core's services, passed in with every call: no target module has state of its own. */
typedef struct {
    int threads; /* how many threads this call may use, the caller included */
    int (*parallel_for)(void (*task)(void *arg, ptrdiff_t index, int slot), void *arg, ptrdiff_t count, int threads,
                        int wake);              /* pool_run of pool.h */
    void *(*take)(size_t bytes);                /* scratch of the calling thread, 64-byte aligned; NULL: no memory */
    void (*give)(void *block);                  /* back, in the reverse order of taking */
    void *(*resize)(void *block, size_t bytes); /* realloc of the C library; 0 bytes: free */
} Runtime;

/* KERNEL_DECLINED: the entry leaves the call to the table's fallback, which does it from the start. */
enum {
    KERNEL_OK = 0,
    KERNEL_INTERRUPTED = 1,
    KERNEL_NO_MEMORY = 2,
    KERNEL_FORKED = 3,
    KERNEL_NOT_CONVERGED = 4,
    KERNEL_DECLINED = 5,
    KERNEL_RAISED = 6
};

/* A user's function, compiled for the element type that a kernel computes in: replaces each number of a tile, one of
 * whose strides (in elements) is 1, by what it makes of it, or (a mask) by -infinity where it says no. Rows and columns
 * have numbers below 2^30, and norms where the function asks for them; b and h are the batch item and head. A status:
 * KERNEL_RAISED where the function raised; `captured` then says where. It may be called by several threads at once. */
typedef int (*TileFunction)(void *tile, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t row_stride,
                            ptrdiff_t column_stride, const int32_t *row_ids, const int32_t *column_ids,
                            const void *row_norms, const void *column_norms, ptrdiff_t b, ptrdiff_t h, void *captured);
typedef struct {
    TileFunction call; /* NULL: there is none */
    void *captured;    /* what the function reads beside its arguments */
} UserFunction;

/* What becomes of a product after the last of k, while it is in cache. apply() is called with blocks of c, each element
 * of which it meets once: rows of adjacent elements c_row apart, of which the first has these numbers in the whole
 * result of the batch's item. It returns a status. */
typedef struct Epilogue {
    int (*apply)(const struct Epilogue *self, void *c, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t c_row,
                 ptrdiff_t first_row, ptrdiff_t first_column, ptrdiff_t item);
    int symmetric; /* a syrk may compute one triangle, apply it there, and mirror what comes out */
    int folds;     /* items that share b may be further rows of one product */
} Epilogue;

/* c[m, n] = a[m, k] @ b[k, n], then the epilogue. Strides count elements and may be zero or negative; only c's columns
 * must be adjacent. c overlaps neither a nor b. */
typedef struct {
    const void *a, *b;
    void *c;
    ptrdiff_t m, n, k;
    ptrdiff_t a_row, a_col, b_row, b_col, c_row;
    int syrk;                                /* b is a's transpose: one triangle is computed, then mirrored */
    const Epilogue *epilogue;                /* NULL: none */
    ptrdiff_t first_row, first_column, item; /* where c lies in what the epilogue sees */
} Product;

/* The leading dimensions of a call, outermost first: `count` items of one shape. Operand o of an item lies the
 * strides[o] apart, in elements. */
enum { BATCH_OPERANDS = 5 };
typedef struct {
    int dims;
    ptrdiff_t count;
    const ptrdiff_t *shape, *strides[BATCH_OPERANDS];
} Batch;

/* The epilogue of a cosine similarity. Scales lie contiguous, an item's where the batch's operands 3 and 4 say. */
typedef struct {
    Epilogue epilogue;
    const Batch *batch;
    const void *row_scale, *column_scale; /* of the output type: inverse norms, 0 for a row of zeros */
    int own;                              /* rows and columns are the same vectors: the diagonal is 1 */
} CosineEpilogue;

/* The ways of computing a product; products/routes.pxi says when which is taken. */
typedef enum {
    ROUTE_DOT,         /* a single dot product */
    ROUTE_GEMV,        /* a row times a matrix whose rows are adjacent */
    ROUTE_SPLIT_K,     /* a small c of a long k: parts of k, added in order */
    ROUTE_INNER,       /* dot products along k */
    ROUTE_TRANSPOSED,  /* as c.T = b.T @ a.T */
    ROUTE_TRANSPOSE_B, /* a short k: b is transposed whole, then as ROUTE_ROWS */
    ROUTE_STREAM,      /* few rows of a, and b comes from memory, a few of its rows at a time */
    ROUTE_ROWS,        /* c's rows from end to end, b in place */
    ROUTE_IN_PLACE,    /* blocked, nothing packed */
    ROUTE_PACK_B,      /* blocked, each task packs the columns of b that it needs */
    ROUTE_PACK_BOTH,   /* blocked as Goto's, b's micro-panels shared */
} Route;

/* --- vectors reduced to numbers ----------------------------------------------------------------------------------- */
/* What becomes of a vector: its norm, 1 / its Euclidean norm (0 of zeros), itself divided by that, its cosine with
 * another. */
enum { REDUCE_NORM, REDUCE_INVERSE, REDUCE_NORMALIZE, REDUCE_COSINE };
/* Orders of norms. ORDER_POWER is a whole one above 2; the others but ORDER_TWO are for REDUCE_NORM alone. */
enum { ORDER_TWO, ORDER_ONE, ORDER_ZERO, ORDER_MOST, ORDER_LEAST, ORDER_POWER };
enum { MAX_BATCH_DIMS = 64 };

/* Vectors of `length` numbers, at least one; strides count elements. A batch of at least one dimension and item says
 * where they begin: its operands are x, y (cosines alone) and `to`. */
typedef struct {
    int result, order, power;
    const void *x, *y;
    void *to; /* numbers, or vectors: these may take the place of x */
    ptrdiff_t length, x_stride, y_stride, to_stride;
    int *unsafe; /* set where squares, or products of two such vectors, leave the range; NULL: not asked */
} Reduction;

/* --- rows of numbers, and searching among them -------------------------------------------------------------------- */
/* Every type of numbers that is read from memory: NumPy's name, the C type that holds one, and its value (read.h). */
#define NUMBER_TYPES(row)                                                                                            \
    row(int8, int8_t, x) row(int16, int16_t, x) row(int32, int32_t, x) row(int64, int64_t, x) row(uint8, uint8_t, x) \
        row(uint16, uint16_t, x) row(uint32, uint32_t, x) row(uint64, uint64_t, x)                                   \
            row(float16, uint16_t, of_float16(x)) row(bfloat16, uint16_t, of_bfloat16(x)) row(float32, float, x)     \
                row(float64, double, x)
#define TYPE_NUMBER(name, c_type, value) TYPE_##name,
enum { NUMBER_TYPES(TYPE_NUMBER) TYPE_COUNT, TYPE_SWAPPED = 32 /* is added where bytes lie in the other order */ };
#undef TYPE_NUMBER

/* n rows of d numbers where they lie; strides in bytes. */
typedef struct {
    const char *data;
    ptrdiff_t n, d, row, column;
    int type;
} Rows;

enum { METRIC_COSINE, METRIC_DOT, METRIC_EUCLIDEAN };
enum { RESULT_TOPK, RESULT_RANGE };

/* Ways of searching: search/routes.pxi says what each does and chooses. A test asks which one a search takes. */
enum {
    ROUTE_RAW_FEW,
    ROUTE_COLUMNS,
    ROUTE_RAW,
    ROUTE_NEAREST,
    ROUTE_RAW_PREFILTER,
    ROUTE_SCAN,
    ROUTE_STORED,
    ROUTE_STORED_PREFILTER
};

/* Bytes of a corpus up to which threads take groups of queries: docs/measurements.md, "Groups of queries". */
enum { GROUPED_BYTES = 2097152 };
enum { BLOCK_ROWS = 48 }; /* rows of a stored block: a multiple of every target's vector */

/* Rows stored transposed: block i holds rows [48 i, 48 i + 48) as [depth][BLOCK_ROWS] elements, absent rows as zeros;
 * depth is d, or its half where an element is a pair of numbers. A row's numbers are what is stored times its scale,
 * and its scores dot * weight + bias (weigh() computes both). */
typedef struct {
    void *data;
    float *scale, *weight, *bias;
    ptrdiff_t n, d;
} Blocks;

/* How rows are stored: as integers up to `levels`, or (0) as floating-point numbers; a row whose largest is from `low`
 * on and below `high` as it is. */
typedef struct {
    int levels;
    double low, high;
} Encoding;

/* What a thread's searches have found, in no order: items of the kernels' own, which grow by resize(). */
typedef struct {
    void *items;
    ptrdiff_t count, room;
} FoundList;

/* Queries against a corpus of raw rows or, where blocks.data is set, of stored blocks. */
typedef struct {
    int metric, result;
    Rows queries, rows;
    ptrdiff_t all_queries; /* of the call, which the core may cut into batches: all of these take the same route */
    Blocks blocks;
    const uint8_t *mask; /* may row i be found? mask[query * mask_row + i * mask_column]; NULL: it may */
    ptrdiff_t mask_row;  /* 0: one mask for all queries, adjacent along the rows */
    ptrdiff_t mask_column;
    ptrdiff_t allowed;        /* of the corpus's rows, by such a mask; else all */
    const ptrdiff_t *exclude; /* a row for each query that it may not find; NULL: none */
    /* METRIC_DOT: what becomes of the products, of raw rows. */
    UserFunction function;
    const void *query_norms, *row_norms; /* of the output type, of all queries and rows */
    /* RESULT_TOPK, of m queries: numbers, best first; rows whose score is NaN; ids of -1 with the worst score. */
    ptrdiff_t k;
    void *scores; /* m x k of the output type; euclidean: distances */
    ptrdiff_t *ids;
    /* RESULT_RANGE: a score at least, a distance at most */
    double threshold;
    FoundList *lists;      /* one a thread, to which is added, whether the search succeeds or not */
    ptrdiff_t first_query; /* the number of the first query, in lists (where none is from 2^32 on) and functions */
} Search;

/* Such lists, made the results of m queries: those of query i from lims[i] on and before lims[i + 1], best first. */
typedef struct {
    const FoundList *lists;
    int metric, threads;
    ptrdiff_t m;
    ptrdiff_t *lims, *ids;
    void *scores; /* of the output type */
} Collection;

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
    double *t, *values, *z, *work; /* work: 2 max(n, m) + n */
    ptrdiff_t n, m, z_row;
} SmallEigh;

/* `count` symmetric matrices of n <= 32, any strides (in elements); `upper`: that triangle is read, else the lower.
 * values (count, n) ascending, vectors (count, n, n) in columns. Where a matrix does not converge, or holds NaN,
 * KERNEL_NOT_CONVERGED. */
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
    const void *v; /* b x d: product = v (X - s)^T (X - s), b x d; NULL: the Gram matrix, d x d */
    ptrdiff_t b;
    double *product, *sums, *squares; /* sums of columns, of their squares: d each */
} Scatter;

/* --- functions of numbers, softmax -------------------------------------------------------------------------------- */
/* The functions of vmath.h. */
enum { MATH_EXP, MATH_EXP_WEIGHT, MATH_LOG, MATH_TANH, MATH_ERF, MATH_ERFC };

enum { SOFTMAX, LOG_SOFTMAX, LOGSUMEXP };

/* Lines of n numbers, each with a result of its own. Strides count bytes: x_step from one number of a line to the next.
 * `columns` lines lie side by side, x_column apart (1: lines are read one by one); `dims` further axes have `count`
 * items. logsumexp has one result a line, and no out_step. x and out have one type. */
typedef struct {
    int kind, type, dims;
    const char *x;
    char *out;
    ptrdiff_t n, x_step, out_step, columns, x_column, out_column, count;
    const ptrdiff_t *shape, *x_stride, *out_stride;
} Softmax;

/* --- attention ---------------------------------------------------------------------------------------------------- */
/* Rows of numbers, by batch item, head, row (query or key) and column. Strides count bytes; `batch` has one for each
 * leading axis. */
typedef struct {
    char *data; /* NULL: there are none */
    int type;
    ptrdiff_t head, row, column;
    const ptrdiff_t *batch;
} Heads;

/* Ways of attention, by an item's rows and keys; attention/family.pxi says what each does. */
enum { ROUTE_FORWARD, ROUTE_DECODE, ROUTE_SHORT, ATTENTION_ROUTES };

enum { ATTENTION_ARRAYS = 9 };
typedef struct {
    Heads query, key, value, out;
    Heads mask;                   /* a column a key; booleans (TYPE_uint8), or what is added to the scores */
    Heads lse;                    /* a number a row, of the type that is computed in */
    Heads slopes;                 /* ALiBi: a number a head */
    Heads key_scale, value_scale; /* what a row of int8 is multiplied by, float32 */
    const void *sinks;            /* a number a head, or NULL */
    int dims;
    const ptrdiff_t *shape; /* of the leading axes */
    ptrdiff_t batch, heads, kv_heads, queries, keys, width, value_width;
    /* Packed sequences: item b has rows [starts[b], starts[b + 1]); NULL: they are not. */
    const ptrdiff_t *query_starts, *key_starts;
    /* Of each item: query i stands at i + offset; keys from length on do not count. */
    const ptrdiff_t *offsets, *lengths;
    int causal;
    ptrdiff_t left, right; /* of the window; -1: unbounded */
    double scale, softcap; /* softcap 0: none */
    UserFunction score_mod, mask_mod;
} Attention;

/* --- layers ------------------------------------------------------------------------------------------------------- */
/* What a layer applies to its sums; simd/activations.h computes them. */
enum {
    ACTIVATION_NONE,
    ACTIVATION_RELU,
    ACTIVATION_GELU,
    ACTIVATION_GELU_TANH,
    ACTIVATION_SILU,
    ACTIVATION_SIGMOID,
    ACTIVATION_TANH
};

/* The epilogue of a layer that is a product: activation(c + bias) * factor + residual. Either of the last two may be
 * NULL; their rows lie as far apart as said, those of an item where the batch's operands 3 and 4 say. */
typedef struct {
    Epilogue epilogue;
    const Batch *batch;
    int activation;
    UserFunction function; /* in the place of an activation */
    const void *bias;      /* a number a column, or NULL */
    const void *residual, *factor;
    ptrdiff_t residual_row, factor_row;
} LayerEpilogue;

enum { LEVELS_SUMMED = 65536 }; /* products of int8 that 32 bits are sure to hold the sum of, whatever its offset */

/* The weight of a layer: n rows (one an output) of d numbers. Raw, they are where they lie; packed (blocks != NULL),
 * block i holds rows [48 i, 48 i + 48) as [d][BLOCK_ROWS] numbers, absent rows as zeros. int8 is packed alone, as
 * [d / 4][BLOCK_ROWS][4], absent numbers as zeros too; a row's are what is stored times its scale; starts holds, for
 * each block and LEVELS_SUMMED of d, -128 times the sum of each row's numbers. */
typedef struct {
    Rows rows; /* n, d and type of either kind; data, row and column of a raw one */
    const void *blocks;
    const float *scale;
    const int32_t *starts;
} LayerWeight;

/* out = activation(x weight^T + bias) * (x up^T) + residual, for rows of any floating type; sums are of the type
 * computed in. out is x's height and the weight's, and meets no operand but, in place, the residual. */
typedef struct {
    Rows x, residual, out; /* residual.data NULL: none */
    LayerWeight weight, up;
    int gated; /* there is an `up` */
    int activation;
    UserFunction function; /* in the place of an activation */
    const void *bias;      /* a number an output, of the type computed in; NULL: none */
} Linear;

/* out = (x + residual), less its mean if `centered`, over the root of (its mean square + eps), times weight, plus bias;
 * sum = x + residual. Row by row: outputs may take the place of inputs. */
typedef struct {
    Rows x, residual, out, sum; /* residual.data NULL: neither residual nor sum */
    const void *weight, *bias;  /* a number a column, of the type computed in; NULL: 1, 0 */
    double eps;
    int centered;
} RowNorm;

/* --- the table ---------------------------------------------------------------------------------------------------- */
/* Entries that a target may compile when they are first called: bits of `pending`. */
enum { ENTRY_matmul, ENTRY_search, ENTRY_symmetric_product, ENTRY_attention };

/* One element row compiled for one target; NULL: not among the kernels that the row has. */
typedef struct Kernels {
    const char *target, *element;
    int vector_bytes, mr, nr;
    int stored_bytes, width; /* of a stored element, and how many numbers it holds */
    double numpy_flops;      /* from so many flops on, a batch's together, NumPy's function is called */
    int (*matmul)(const Product *first, const Batch *batch, const Runtime *runtime);
    int (*product_route)(const Product *product); /* which way it would take */
    int (*scale_and_clamp)(const Epilogue *self, void *c, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t c_row,
                           ptrdiff_t first_row, ptrdiff_t first_column,
                           ptrdiff_t item); /* a CosineEpilogue's apply() */
    /* A product with a CosineEpilogue, and the scales of its longer side (REDUCE_INVERSE) computed on the way. */
    int (*cosine_of_long)(const Product *product, const Reduction *norms, const Runtime *runtime);
    int (*reduce)(const Reduction *reduction, const Batch *batch, const Runtime *runtime);
    void (*weigh)(const Blocks *blocks, int metric, ptrdiff_t first, ptrdiff_t end); /* blocks [first, end) */
    /* Rows into blocks, from the position `first` on: all but their ids. */
    int (*store_rows)(const Rows *rows, const Blocks *blocks, ptrdiff_t first, int metric, const Encoding *encoding,
                      const Runtime *runtime);
    int (*search)(Search *search, const Runtime *runtime);
    int (*search_route)(const Search *search);
    int (*collect)(const Collection *collection, const Runtime *runtime);
    int (*symmetric_product)(const SymmetricProduct *product, const Runtime *runtime);
    int (*symmetry)(Symmetry *symmetry, const Runtime *runtime);
    int (*project)(const Projection *projection);
    int (*orthonormal)(Orthonormal *block);
    int (*small_eigh)(SmallEigh *problem);
    int (*eigh_stack)(const EighStack *stack, const Runtime *runtime);
    int (*scatter)(const Scatter *pass, const Runtime *runtime);
    int (*softmax)(const Softmax *softmax, const Runtime *runtime);
    int (*attention)(const Attention *attention, const Runtime *runtime);
    int (*attention_route)(const Attention *attention);                     /* which way its first item takes */
    void (*vector_math)(int function, const void *x, void *y, ptrdiff_t n); /* y = function(x), both adjacent */
    int (*finish_layer)(const Epilogue *self, void *c, ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t c_row,
                        ptrdiff_t first_row, ptrdiff_t first_column, ptrdiff_t item); /* a LayerEpilogue's apply() */
    int (*linear)(const Linear *linear, const Runtime *runtime);
    int (*row_norm)(const RowNorm *norm, const Runtime *runtime);
    const struct Kernels *fallback; /* does what an entry declines, if any may */
    unsigned pending;               /* entries that are not compiled yet */
} Kernels;

#endif
