# Search: the nearest rows of a corpus for each query, exactly. Every dot product becomes a score while its tile is in
# L1 and goes to a result handler at once: the best k of each query, or those that reach a threshold. The scores of a
# search never reach memory.
#
#   queries of any type -- queries.pxi --> elements: normalized, scaled, packed, quantized
#                                             |
#   raw rows or        -- corpus/ --> blocks of 48 rows, a chunk at a time -- score/ --> tiles -- topk/ --> results
#   stored blocks                             |                                |
#                                             '---- prune/: 8 bits first ------'
#
# routes.pxi chooses how a search is done; plan.pxi decides its sizes and tasks; workspace.pxi is its memory.
#
# Threads take chunks of the corpus, each with a reservoir of its own for every query, merged at the end. Where the
# corpus is small, or has fewer chunks than there are threads, they take groups of queries instead, each of which is
# scored against all chunks, made ready once; where that is not long, a task makes its queries ready and finishes their
# results too. Scores do not depend on which, and the order of results is total (score,
# then id): so neither do the results.
include "findable.pxi"
include "corpus/squares.pxi"
include "corpus/weights.pxi"
include "corpus/store.pxi"
include "corpus/blocks.pxi"
include "corpus/across.pxi"
include "corpus/columns.pxi"
include "corpus/raw.pxi"
include "topk/candidate.pxi"
include "topk/rank.pxi"
include "topk/select.pxi"
include "topk/reservoir.pxi"
include "prune/quantize.pxi"
include "routes.pxi"
include "plan.pxi"
include "workspace.pxi"
include "queries.pxi"
include "corpus/masks.pxi"
include "corpus/chunks.pxi"
include "score/score.pxi"
include "topk/thresholds.pxi"
include "topk/seed.pxi"
include "topk/distance.pxi"
include "topk/result_handlers.pxi"
include "topk/transposed_handlers.pxi"
include "prune/rerank.pxi"
include "prune/prefilter.pxi"
include "score/user_metric.pxi"
include "topk/results.pxi"
include "score/tasks.pxi"
include "topk/collect.pxi"


cdef int search(Search* s, const Runtime* runtime) noexcept nogil:
    cdef Plan plan
    cdef Workspace work
    cdef int status
    if s.queries.n == 0:
        return KERNEL_OK
    if s.allowed == 0:
        pad_all(s)
        return KERNEL_OK
    make_plan(&plan, s, runtime)
    if not take_workspace(&plan, &work):
        return KERNEL_NO_MEMORY
    start_results(&plan)
    status = prepare_queries(&plan)
    if status == KERNEL_OK:
        status = prepare_shared_chunks(&plan)
    if status == KERNEL_OK:
        status = run_search(&plan)
    if status == KERNEL_OK:
        status = finish_results(&plan)
    runtime.give(work.block)
    return status


table.weigh = weigh
table.store_rows = store_rows
table.search = search
table.search_route = search_route
table.collect = collect
