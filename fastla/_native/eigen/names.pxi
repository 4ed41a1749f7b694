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
