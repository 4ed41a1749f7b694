# Matrix products, from the routes to the entries of the contract.
include "tuning.pxi"
include "routes.pxi"
include "gemv.pxi"
include "skinny.pxi"
include "syrk.pxi"
include "blocked.pxi"
include "inner.pxi"
include "transposed.pxi"
include "split_k.pxi"
include "dispatch.pxi"
include "batched_dots.pxi"
include "batched.pxi"

table.matmul = matmul
table.product_route = product_route
