# Attention in one pass: softmax(scale * query @ key.T) @ value without a score matrix.
#
# A unit is one item's head, or the heads of a group that share a key and value where their queries are few. Its rows
# (queries of those heads, one head after the other) are cut into panels, its keys into blocks; what a panel keeps
# from block to block is the largest score, the sum of weights and the weighted sum of values of each row (online
# softmax). Routes, by an item's own sizes:
#
#   forward   a panel is NR rows in the lanes of vectors. S^T = K Q^T and O^T += V^T P^T are the micro-kernel's tiles
#             with K's rows and V's columns as `a`, read in place, and Q^T or P^T as `b`: maxima, sums and rescaling
#             are vertical. O^T is transposed at the end.
#   decode    a panel is all rows, at most DECODE_ROWS: scores are dot products along the width, and V's rows are `b`.
#   short     as few rows and at most SHORT_KEYS keys: units go in groups, a row a lane, for their softmax.
#
# Which keys a row sees is an interval (causal, window, lengths) and, tile by tile, a bias (mask and ALiBi), -infinity
# where it does not see one. Keys of an item are cut into parts at bounds that hang on its length alone; what the
# parts have found is merged in order. So the bits depend neither on threads nor on the rest of the batch.
include "items.pxi"
include "bias.pxi"
include "tiles.pxi"
include "blocks.pxi"
include "results.pxi"
include "job.pxi"
include "user.pxi"
include "forward/forward.pxi"
include "decode/decode.pxi"
include "short.pxi"
include "plan.pxi"

table.attention = attention
table.attention_route = attention_route
