# kernels.h for Cython: what the core and the target modules share.
from libc.stdint cimport int32_t, uint8_t, uint64_t

cdef extern from "kernels.h":
    ctypedef struct Runtime:
        int threads
        int (*parallel_for)(void (*task)(void*, Py_ssize_t, int) noexcept nogil, void* arg, Py_ssize_t count,
                            int threads, int wake) noexcept nogil
        void* (*take)(size_t) noexcept nogil
        void (*give)(void*) noexcept nogil
        void* (*resize)(void*, size_t) noexcept nogil
    ctypedef struct UserFunction:
        int (*call)(void* tile, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t row_stride, Py_ssize_t column_stride,
                    const int32_t* row_ids, const int32_t* column_ids, const void* row_norms, const void* column_norms,
                    Py_ssize_t b, Py_ssize_t h, void* captured) noexcept nogil
        void* captured
    ctypedef struct Epilogue:
        int (*apply)(const Epilogue*, void* c, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t c_row,
                     Py_ssize_t first_row,
                     Py_ssize_t first_column, Py_ssize_t item) noexcept nogil
        int symmetric, folds
    ctypedef struct Product:
        const void* a
        const void* b
        void* c
        Py_ssize_t m, n, k, a_row, a_col, b_row, b_col, c_row
        int syrk
        const Epilogue* epilogue
        Py_ssize_t first_row, first_column, item
    enum:
        BATCH_OPERANDS
    ctypedef struct Batch:
        int dims
        Py_ssize_t count
        const Py_ssize_t* shape
        const Py_ssize_t* strides[5]
    ctypedef struct CosineEpilogue:
        Epilogue epilogue
        const Batch* batch
        const void* row_scale
        const void* column_scale
        int own
    ctypedef enum Route:
        ROUTE_DOT, ROUTE_GEMV, ROUTE_SPLIT_K, ROUTE_INNER, ROUTE_TRANSPOSED, ROUTE_TRANSPOSE_B, ROUTE_STREAM, ROUTE_ROWS
        ROUTE_IN_PLACE, ROUTE_PACK_B, ROUTE_PACK_BOTH
    ctypedef struct Reduction:
        int result, order, power
        const void* x
        const void* y
        void* to
        Py_ssize_t length, x_stride, y_stride, to_stride
        int* unsafe
    ctypedef struct Rows:
        const char* data
        Py_ssize_t n, d, row, column
        int type
    ctypedef struct Blocks:
        void* data
        float* scale
        float* weight
        float* bias
        Py_ssize_t n, d
    ctypedef struct Encoding:
        int levels
        double low, high
    ctypedef struct FoundList:
        void* items
        Py_ssize_t count, room
    ctypedef struct Search:
        int metric, result
        Rows queries, rows
        Blocks blocks
        const uint8_t* mask
        Py_ssize_t all_queries, mask_row, mask_column, allowed
        const Py_ssize_t* exclude
        UserFunction function
        Py_ssize_t first_query
        const void* query_norms
        const void* row_norms
        Py_ssize_t k
        void* scores
        Py_ssize_t* ids
        double threshold
        FoundList* lists
        Py_ssize_t first_query
    ctypedef struct Collection:
        const FoundList* lists
        int metric, threads
        Py_ssize_t m
        Py_ssize_t* lims
        Py_ssize_t* ids
        void* scores
    ctypedef struct SymmetricProduct:
        const void* a
        const void* x
        void* y
        Py_ssize_t n, a_row, b
    ctypedef struct Symmetry:
        const void* a
        Py_ssize_t n, a_row
        double magnitude, skew
    ctypedef struct Projection:
        void* w
        const void* v
        Py_ssize_t n, b, count
        int turns
        double* sums
    ctypedef struct Orthonormal:
        void* w
        Py_ssize_t n, b, done
        double tiny
        double* r
    ctypedef struct SmallEigh:
        double* t
        double* values
        double* z
        double* work
        Py_ssize_t n, m, z_row
    ctypedef struct EighStack:
        const void* a
        Py_ssize_t count, n, stack, row, column
        int upper
        void* values
        void* vectors
    ctypedef struct Scatter:
        const void* x
        Py_ssize_t n, d, x_row
        const void* shift
        const void* v
        Py_ssize_t b
        double* product
        double* sums
        double* squares
    ctypedef struct Softmax:
        int kind, type, dims
        const char* x
        char* out
        Py_ssize_t n, x_step, out_step, columns, x_column, out_column, count
        const Py_ssize_t* shape
        const Py_ssize_t* x_stride
        const Py_ssize_t* out_stride
    ctypedef struct Heads:
        char* data
        int type
        Py_ssize_t head, row, column
        const Py_ssize_t* batch
    ctypedef struct Attention:
        Heads query, key, value, out, mask, lse, slopes, key_scale, value_scale
        const void* sinks
        int dims
        const Py_ssize_t* shape
        Py_ssize_t batch, heads, kv_heads, queries, keys, width, value_width
        const Py_ssize_t* query_starts
        const Py_ssize_t* key_starts
        const Py_ssize_t* offsets
        const Py_ssize_t* lengths
        int causal
        Py_ssize_t left, right
        double scale, softcap
        UserFunction score_mod, mask_mod
    ctypedef struct LayerEpilogue:
        Epilogue epilogue
        const Batch* batch
        int activation
        UserFunction function
        const void* bias
        const void* residual
        const void* factor
        Py_ssize_t residual_row, factor_row
    ctypedef struct LayerWeight:
        Rows rows
        const void* blocks
        const float* scale
        const int32_t* starts
    ctypedef struct Linear:
        Rows x, residual, out
        LayerWeight weight, up
        int gated, activation
        UserFunction function
        const void* bias
    ctypedef struct RowNorm:
        Rows x, residual, out, sum
        const void* weight
        const void* bias
        double eps
        int centered
    ctypedef struct Kernels:
        const char* target
        const char* element
        int vector_bytes, mr, nr, stored_bytes, width
        double numpy_flops
        int (*matmul)(const Product*, const Batch*, const Runtime*) noexcept nogil
        int (*product_route)(const Product*) noexcept nogil
        int (*scale_and_clamp)(const Epilogue*, void*, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t,
                               Py_ssize_t) noexcept nogil
        int (*cosine_of_long)(const Product*, const Reduction*, const Runtime*) noexcept nogil
        int (*reduce)(const Reduction*, const Batch*, const Runtime*) noexcept nogil
        void (*weigh)(const Blocks*, int metric, Py_ssize_t first, Py_ssize_t end) noexcept nogil
        int (*store_rows)(const Rows*, const Blocks*, Py_ssize_t first, int metric, const Encoding*,
                          const Runtime*) noexcept nogil
        int (*search)(Search*, const Runtime*) noexcept nogil
        int (*search_route)(const Search*) noexcept nogil
        int (*collect)(const Collection*, const Runtime*) noexcept nogil
        int (*symmetric_product)(const SymmetricProduct*, const Runtime*) noexcept nogil
        int (*symmetry)(Symmetry*, const Runtime*) noexcept nogil
        int (*project)(const Projection*) noexcept nogil
        int (*orthonormal)(Orthonormal*) noexcept nogil
        int (*small_eigh)(SmallEigh*) noexcept nogil
        int (*eigh_stack)(const EighStack*, const Runtime*) noexcept nogil
        int (*scatter)(const Scatter*, const Runtime*) noexcept nogil
        int (*softmax)(const Softmax*, const Runtime*) noexcept nogil
        int (*attention)(const Attention*, const Runtime*) noexcept nogil
        int (*attention_route)(const Attention*) noexcept nogil
        void (*vector_math)(int function, const void* x, void* y, Py_ssize_t n) noexcept nogil
        const Kernels* fallback
        unsigned pending
        int (*finish_layer)(const Epilogue*, void*, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t, Py_ssize_t,
                            Py_ssize_t) noexcept nogil
        int (*linear)(const Linear*, const Runtime*) noexcept nogil
        int (*row_norm)(const RowNorm*, const Runtime*) noexcept nogil
    enum:
        ACTIVATION_NONE, ACTIVATION_RELU, ACTIVATION_GELU, ACTIVATION_GELU_TANH, ACTIVATION_SILU, ACTIVATION_SIGMOID
        ACTIVATION_TANH, LEVELS_SUMMED
        MATH_EXP, MATH_EXP_WEIGHT, MATH_LOG, MATH_TANH, MATH_ERF, MATH_ERFC
        SOFTMAX, LOG_SOFTMAX, LOGSUMEXP, ATTENTION_ARRAYS, ROUTE_FORWARD, ROUTE_DECODE,
        ROUTE_SHORT, ATTENTION_ROUTES
    enum:
        REDUCE_NORM, REDUCE_INVERSE, REDUCE_NORMALIZE, REDUCE_COSINE
        ORDER_TWO, ORDER_ONE, ORDER_ZERO, ORDER_MOST, ORDER_LEAST, ORDER_POWER, MAX_BATCH_DIMS
        METRIC_COSINE, METRIC_DOT, METRIC_EUCLIDEAN, RESULT_TOPK, RESULT_RANGE, BLOCK_ROWS, GROUPED_BYTES
        ROUTE_RAW_FEW, ROUTE_COLUMNS, ROUTE_RAW, ROUTE_NEAREST, ROUTE_RAW_PREFILTER
        ROUTE_SCAN, ROUTE_STORED, ROUTE_STORED_PREFILTER
        TYPE_COUNT, TYPE_SWAPPED, TYPE_int8, TYPE_uint8, TYPE_float16, TYPE_float32, TYPE_float64
    enum:
        KERNEL_OK, KERNEL_INTERRUPTED, KERNEL_NO_MEMORY, KERNEL_FORKED, KERNEL_NOT_CONVERGED, KERNEL_DECLINED
        KERNEL_RAISED
        ENTRY_matmul, ENTRY_search, ENTRY_symmetric_product, ENTRY_attention
