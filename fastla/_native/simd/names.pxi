from libc.stdint cimport PTRDIFF_MAX, int32_t, uint64_t, uintptr_t

# The names every kernel is written over. REAL, VECTOR_BYTES and the block sizes are macros of the row's compilation.
cdef extern from "vec.h":
    ctypedef float stored
    ctypedef float real
    ctypedef float output
    ctypedef double vec     # for Cython a wider number, so that real * vec is a vec; a GNU vector for the compiler
    ctypedef double out_vec  # likewise, of output
    ctypedef double quads   # likewise, of int32_t
    ctypedef double counts  # likewise, of whole numbers
    enum:
        LANES, SQUARE, LINE, ELEMENT_WIDTH, STORED_IS_REAL, PREFILTERS, TYPE_STORED
    vec load(const real* p) noexcept nogil
    vec held(vec v) noexcept nogil
    void store(real* p, vec v) noexcept nogil
    vec load_stored(const stored* p) noexcept nogil
    real widen(stored x) noexcept nogil
    vec load_stored_part(const stored* p, Py_ssize_t n) noexcept nogil
    vec multiply_add(vec sum, vec a, vec b) noexcept nogil
    output number(real element, int i) noexcept nogil
    out_vec load_out(const output* p) noexcept nogil
    void store_out(output* p, out_vec v) noexcept nogil
    out_vec splat_out(output x) noexcept nogil
    out_vec to_out(vec v) noexcept nogil
    out_vec vec_clamp(out_vec v) noexcept nogil
    out_vec inverse_root(out_vec v) noexcept nogil
    uint64_t at_least(out_vec v, out_vec threshold) noexcept nogil
    int lowest_bit(uint64_t bits) noexcept nogil
    int bit_count(uint64_t bits) noexcept nogil
    quads load_quads(const int32_t* p) noexcept nogil
    void store_quads(int32_t* p, quads q) noexcept nogil
    quads splat_quads(int32_t x) noexcept nogil
    quads dot_quads(quads sum, quads a, quads b) noexcept nogil
    quads to_unsigned(quads q) noexcept nogil
    quads to_byte(out_vec v, int i) noexcept nogil
    out_vec quads_to_out(quads q) noexcept nogil
    out_vec vec_round(out_vec v) noexcept nogil
    out_vec vec_abs(out_vec v) noexcept nogil
    out_vec vec_max(out_vec v, out_vec w) noexcept nogil
    out_vec vec_min(out_vec v, out_vec w) noexcept nogil
    out_vec where_above(out_vec v, out_vec w, out_vec x, out_vec y) noexcept nogil
    counts count_above(counts n, out_vec v, out_vec w) noexcept nogil
    counts count_before(counts n, out_vec v, out_vec w, out_vec lanes, output lane) noexcept nogil
    out_vec counts_to_out(counts n) noexcept nogil
    counts no_counts() noexcept nogil
    vec zero() noexcept nogil
    vec splat(real x) noexcept nogil
    vec load_part(const real* p, Py_ssize_t n) noexcept nogil
    vec load_zero(const real* p, Py_ssize_t n) noexcept nogil
    void store_part(real* p, vec v, Py_ssize_t n) noexcept nogil
    real reduce_add(vec v) noexcept nogil
    void reduce_add_4(vec a, vec b, vec c, vec d, real* to) noexcept nogil
    void transpose_square(real* to, Py_ssize_t to_step, const real* source, Py_ssize_t from_step) noexcept nogil
    void transpose_4(real* to, Py_ssize_t to_step, const real* source, Py_ssize_t from_step,
                     Py_ssize_t valid) noexcept nogil
    void prefetch(const void* p) noexcept nogil

include "../contract/kernels.pxi"

cdef extern from *:
    """
    enum { MR = TILE_MR, NV = TILE_NV, NR = TILE_NV * LANES, MC = BLOCK_MC, KC = BLOCK_KC, NC = BLOCK_NC };
    """
    enum:
        MR, NV, NR, MC, KC, NC, VECTOR_BYTES, REAL_BYTES
    const char* TARGET_NAME
    const char* ELEMENT_NAME
    double NUMPY_FLOPS


cdef inline Py_ssize_t smaller(Py_ssize_t x, Py_ssize_t y) noexcept nogil:
    return x if x < y else y


cdef inline Py_ssize_t larger(Py_ssize_t x, Py_ssize_t y) noexcept nogil:
    return x if x > y else y


cdef inline Py_ssize_t ceil_div(Py_ssize_t x, Py_ssize_t y) noexcept nogil:
    return (x + y - 1) // y
