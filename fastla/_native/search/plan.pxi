# A search under way: what all its tasks know, and the sizes they share.

# What is held by rows, and what by lanes of a tile: stored panels have the corpus in the lanes, so that a query has the same bits alone
# as among many, and few are fast. Raw rows of the corpus are read where they lie, as a gemm reads its a, and
# the queries are turned round and lie in the lanes. Turning the corpus instead costs it as much as 20 queries.
cdef enum:
    QUERY_BLOCK = 48              # queries at most whose scores with a panel are a tile in L1. A d beyond PART (raw rows: KC) is summed in it too, part by part.
    CHUNK_BYTES = 524288   # at a time: a block of queries comes from L3 once a region; 64 KiB reads 30 % slower, the prefetchers starting anew
    CHUNK_ROWS = 2016      # at most: a sorted corpus replaces its best by regions
    # Queries in whose time a stored panel's rows are put into another. 100,000 x 384 float32, of which a tenth is allowed, ms so and met in
    # place: 4 queries 7.4, 3.8; 10 queries 5.7, 7.9; 100 queries 8.8, 22.9; int8 2.0, 1.2; 2.0, 2.8; 4.2, 18.9. With 24 some of half the rows are slower.
    GATHER_COST = 64
    # That stored panels are prefetched ahead. One query, ms at 2, 6, 15, 37 KiB: Zen 5, float16 3.7, 3.5, 3.5, 4.9; int8 2.0, 1.8, 1.6, 2.4;
    # Zen 4, at 2, 6, 15: float32 4.9, 4.4, 4.7; float16 2.35, 2.15, 2.2; int8 1.16, 1.0, 1.1.
    AHEAD_BYTES = 8192


cdef struct List:
    Found* items
    Py_ssize_t count, room


cdef struct Quantized


cdef struct Chunk


cdef struct Plan:
    Search* search
    const Runtime* runtime
    Py_ssize_t depth            # elements of a row
    Py_ssize_t chunk_rows, chunks, stride      # rows, how many, and which comes next
    Py_ssize_t* bounds                      # gather: where regions begin, and the last one ends, so that each has as many allowed rows
    Py_ssize_t room                         # panels prepared at a time
    Chunk* chunk                      # [regions], shared by groups; NULL: there are none, each task prepares what it meets
    Py_ssize_t group, groups, span          # queries in a group; regions in a task
    Py_ssize_t begin, end                   # the job's regions
    bint few                    # raw rows meet few queries
    bint scans                  # stored panels meet few enough for all products of a region to come before its scores
    bint gather                 # rows that a mask allows are put into panels of their own
    bint per_slot               # each thread has a Best for each query
    Py_ssize_t query_block      # queries in a tile
    real* transposed_queries        # for raw rows: panels of NR queries, [depth][NR]; the last may be narrower
    double* query_squares       # euclidean: |y|^2
    bint prefilters
    Quantized* levels              # of the queries, [ceil(m / WIDTH)], if the search is screened; ...
    int32_t* quads              # theirs; ...
    output* far                 # |y - y'|, and what products of floats may be off by; ...
    output* size                # |y'|: how far off screened scores may be (screen.pxi)
    Reservoir* best                  # [slots or 1][m]
    Candidate* items            # room for theirs
    output* shared_thresholds         # [m]
    List* lists                 # [slots]
    int error
