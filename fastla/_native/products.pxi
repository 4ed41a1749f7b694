# Matrix products.
include "one_row.pxi"
include "few_rows.pxi"
include "mirror.pxi"
include "gemm.pxi"
include "dots.pxi"
include "matmul.pxi"
include "stack.pxi"

table.matmul = matmul
