# What every stub of setup.py includes first: the names, the micro-kernel, and the capsule that hands the kernels out.
# The families of kernels that the element row has follow, each with its entries in the table.
include "../simd/names.pxi"
include "../schedule/cost.pxi"
include "../schedule/tasks.pxi"
include "../schedule/workspace.pxi"
include "../schedule/batch.pxi"
include "../schedule/sums.pxi"
include "../tile/micro_kernel.pxi"
include "../tile/score_tile.pxi"
include "../tile/pack.pxi"
include "../tile/epilogue.pxi"
include "../tile/dot_tile.pxi"

from cpython.pycapsule cimport PyCapsule_New

cdef Kernels table
table.target = TARGET_NAME
table.element = ELEMENT_NAME
table.vector_bytes = VECTOR_BYTES
table.mr = MR
table.nr = NR
table.stored_bytes = sizeof(stored)
table.width = ELEMENT_WIDTH
table.numpy_flops = NUMPY_FLOPS
kernels = PyCapsule_New(&table, "fastla.kernels", NULL)
