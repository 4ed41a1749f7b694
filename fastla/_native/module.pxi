# What a stub of setup.py includes: every kernel, over one target and one element row, and the capsule that hands them out.
include "types.pxi"
include "tile.pxi"
include "pack.pxi"
include "crossovers.pxi"
include "gemm.pxi"
include "dots.pxi"
include "matmul.pxi"
include "stack.pxi"

from cpython.pycapsule cimport PyCapsule_New

cdef Kernels table
table.target = TARGET_NAME
table.element = ELEMENT_NAME
table.vector_bytes = VECTOR_BYTES
table.mr = MR
table.nr = NR
table.numpy_flops = NUMPY_FLOPS
table.matmul = matmul
kernels = PyCapsule_New(&table, "fastla.kernels", NULL)
