# Matrix products.
include "gemv.pxi"
include "skinny.pxi"
include "syrk.pxi"
include "blocked.pxi"
include "inner.pxi"
include "dispatch.pxi"
include "batched.pxi"

table.matmul = matmul
