# Matrix products, from the routes to the entries of the contract.
from libc.string cimport memset

include "routes.pxi"
include "gemv.pxi"
include "skinny.pxi"
include "syrk.pxi"
include "blocked/blocked.pxi"
include "inner.pxi"
include "transposed.pxi"
include "split_k.pxi"
include "batched_dots.pxi"
include "batched.pxi"


# One product that is not, or not all, split along k, by its route.
cdef int multiply_part(const Product* g, Route route, const Runtime* runtime) noexcept nogil:
    if route == ROUTE_DOT:
        single_dot(g)
        return finish(g, 0, 1, 0, 1)
    if route == ROUTE_INNER:
        return inner(g, runtime)
    if route == ROUTE_TRANSPOSED:
        return transposed(g, runtime)
    if route == ROUTE_TRANSPOSE_B:
        return transpose_b(g, runtime)
    return blocked(g, route, runtime)


# An empty sum.
cdef int store_zeros(const Product* g) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(g.m):
        memset(<real*>g.c + i * g.c_row, 0, g.n * sizeof(real))
    return finish(g, 0, g.m, 0, g.n)


cdef int multiply(const Product* g, const Runtime* runtime) noexcept nogil:
    cdef Product whole
    cdef Route route
    if g.k == 0:
        return store_zeros(g)
    if g.syrk and (g.k <= SYRK_DEPTH or g.epilogue != NULL and not g.epilogue.symmetric):
        # Of so short a k every element is summed in the same order, and c is symmetric anyway.
        whole = g[0]
        whole.syrk = False
        return multiply(&whole, runtime)
    route = <Route>product_route(g)
    if route == ROUTE_GEMV:
        return gemv(g, runtime)
    if route == ROUTE_SPLIT_K:
        return split_k(g, runtime)
    return multiply_part(g, route, runtime)


table.matmul = matmul
table.product_route = product_route
