# Layers: y = activation(x W^T + b) * (x U^T) + residual in one pass, and norms of rows with weight and bias.
#
#   raw weights of the type computed in   a product (products/) whose epilogue is epilogue.pxi's
#   others                                linear.pxi: blocks of 48 outputs, taken as they are packed, or widened and
#                                         transposed a piece at a time (weights.pxi), against the rows of x; of int8
#                                         weights, whole numbers against whole numbers (levels.pxi)
#   norms                                 norms.pxi
#
# Every output is finished by the same vector operations wherever it lies (epilogue.pxi).
include "epilogue.pxi"
include "weights.pxi"
include "levels.pxi"
include "linear.pxi"
include "norms.pxi"

table.finish_layer = finish_layer
table.linear = linear
table.row_norm = row_norm
