# What the eigensolvers' kernels need beyond ../simd/names.pxi.
from libc.string cimport memcpy, memset
from libc.math cimport fabs, frexp, ldexp

cdef extern from "lanes.h":
    vec if_less(vec x, vec y, vec a, vec b) noexcept nogil
    vec lanes_abs(vec x) noexcept nogil
    vec lanes_max(vec x, vec y) noexcept nogil
    vec lanes_sqrt(vec x) noexcept nogil
    double square_root(double x) noexcept nogil
    const double REAL_EPS


# Elements from row to row: whole cache lines, an odd number of them, so that rows one below the other lie in different
# sets of the cache.
cdef inline Py_ssize_t odd_line_stride(Py_ssize_t n) noexcept nogil:
    return (ceil_div(n * <Py_ssize_t>sizeof(real), LINE) | 1) * (LINE // <Py_ssize_t>sizeof(real))
