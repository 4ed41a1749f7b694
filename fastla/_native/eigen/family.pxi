# Eigensolvers: products with blocks of a few vectors, and small dense eigenproblems.
include "names.pxi"
include "symmetric_product.pxi"
include "symmetry.pxi"
include "orthonormal.pxi"
include "scatter.pxi"
include "gram.pxi"
include "project.pxi"
include "small_eigh.pxi"
include "eigh_lanes.pxi"
include "eigh_stack.pxi"

table.symmetric_product = symmetric_product
table.symmetry = symmetry
table.project = project
table.orthonormal = orthonormal
if sizeof(real) == sizeof(double):
    table.small_eigh = small_eigh
table.eigh_stack = eigh_stack
table.scatter = scatter
