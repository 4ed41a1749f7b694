"""The k nearest rows of a corpus, exactly. int search(Search *, const Runtime *).

    pack the queries, normalized for cosines, into micro-panels: a query a lane
    for each task: a chunk of the corpus's rows, read where they lie
        for each micro-panel of queries
            for each block of 48 rows
                the micro-kernel makes a tile of scores in L1
                scores that reach their query's threshold, seldom any, are offered to its reservoir
    merge the threads' reservoirs and sort them

Scores never reach memory. Each is summed in one lane, number by number, so that equal rows tie exactly wherever they
lie. Of distances the tile has bounds, q.x - |x|^2 / 2 and what rounding may have taken; rows that reach a threshold are
measured, for |q|^2 + |x|^2 - 2 q.x has no digit of a small distance. What leaves the range of squares, or is no number,
makes the whole call the native target's, which sees to such rows; so are functions of the user, ranges, stored and
narrow rows, and queries that find fewer than k.
"""

import math
from typing import Any

import numpy as np
from numba import int32, intp, types

from fastla._jit.interop import address_of, cast, offset, room, struct
from fastla._jit.kernels.compiling import jit_for
from fastla._jit.kernels.contract import DECLINED, KERNEL_OK, NO_MEMORY, Runtime, constants, pointer_to
from fastla._jit.kernels.cost import duration
from fastla._jit.kernels.norms import norms
from fastla._jit.kernels.reservoir import reservoirs
from fastla._jit.kernels.schedule import begin, ceil_div, give, is_null, job_type, run_tasks, take, task_pointer
from fastla._jit.kernels.tile import MR, NV, micro_kernels, packing
from fastla._jit.lanes import lowest_bit, mask_bits, maximum, minimum
from fastla._jit.memory import load, store
from fastla._jit.vec import lanes_of

Search, sizes, flags = pointer_to("Search"), types.CPointer(intp), types.CPointer(types.uint8)
doubles = types.CPointer(types.float64)
SIGNATURE = int32(Search, Runtime)
BLOCK, CHUNK = 48, 240          # rows of a tile, and of a task: a chunk stays in L2 for all queries
FINISH = 16                     # queries in a task that merges
COSINE, DOT, EUCLIDEAN = (constants()[f"METRIC_{name}"] for name in ("COSINE", "DOT", "EUCLIDEAN"))
TOPK = constants()["RESULT_TOPK"]
TYPES = {name: constants()[f"TYPE_{name}"] for name in ("float32", "float64")}

Job = job_type("queries", "bounds", "scores", "ids", "counts")


def build(element: str) -> Any:
    """The entry for an element row."""
    real = getattr(types, element)
    reals, lanes, size, number_type = types.CPointer(real), lanes_of(real), real.bitwidth // 8, TYPES[element]
    nr, eps = NV * lanes, float(np.finfo(element).eps)
    strip, pack = micro_kernels(real), packing(real)
    (offer, take_worst), (squares, inverse, distance) = reservoirs(real), norms(real)

    @jit_for(element)
    def lowered(total, d):  # noqa: ANN001, ANN202
        """|x|^2 less the most that rounding takes from a bound of d products: d eps (|q|^2 + |x|^2), and some."""
        return total * (1 - (d + 16) * eps)

    @jit_for(element)
    def threshold(s, bound, score):  # noqa: ANN001, ANN202
        """What a query's tile must reach to be better than a score; bound: of distances |q|^2, lowered."""
        return real((bound - score * score) / 2) if s.metric == EUCLIDEAN else score

    @jit_for(element)
    def reservoirs_of(job, m, k, slot):  # noqa: ANN001, ANN202
        """The scores, rows and counts of a thread."""
        return (offset(cast(job.scores, reals), slot * m * k), offset(cast(job.ids, sizes), slot * m * k),
                offset(cast(job.counts, sizes), slot * m))

    @jit_for(element)
    def handle_tile(job, slot, tile, width, rows, weights, first_row, first):  # noqa: ANN001, ANN202
        """Offer what reaches the thresholds of queries from `first` on."""
        s = struct(cast(job.request, Search))
        scores, ids, counts = reservoirs_of(job, s.queries.n, s.k, slot)
        thresholds, bounds, queries = room(reals, nr), offset(cast(job.bounds, doubles), first), s.queries.n - first
        for q in range(width):
            thresholds[q] = real(-math.inf if q < queries else math.nan)
            if q < queries and counts[first + q] == s.k:
                thresholds[q] = threshold(s, bounds[q], scores[(first + q) * s.k])
        for i in range(rows):
            for j in range(0, width, lanes):
                v = load(tile, i * width + j)
                if s.metric == COSINE:
                    v = minimum(1, maximum(-1, v * weights[i]))
                elif s.metric == EUCLIDEAN:
                    v = v + weights[i]
                hits = mask_bits(v >= load(thresholds, j))
                if hits == 0:
                    continue
                store(tile, i * width + j, v)
                while hits != 0:
                    q = j + lowest_bit(hits)
                    hits &= hits - types.uint64(1)
                    query, row, score = first + q, first_row + i, tile[i * width + q]
                    if s.exclude != 0 and cast(s.exclude, sizes)[query] == row:
                        continue
                    if s.mask != 0 and cast(s.mask, flags)[query * s.mask_row + row * s.mask_column] == 0:
                        continue
                    if s.metric == EUCLIDEAN:
                        score = real(-distance(cast(s.queries.data + query * s.queries.row, reals),
                                               cast(s.rows.data + row * s.rows.row, reals), s.rows.d))
                    offer(scores, ids, counts, query, s.k, score, row)
                    if counts[query] == s.k:
                        thresholds[q] = threshold(s, bounds[q], scores[query * s.k])

    @jit_for(element)
    def task(arg, index, slot):  # noqa: ANN001, ANN202
        job = struct(cast(arg, Job))
        s = struct(cast(job.request, Search))
        m, d, row_step = s.queries.n, s.queries.d, s.rows.row // size
        first_row = index * CHUNK
        rows = min(CHUNK, s.rows.n - first_row)
        x = cast(s.rows.data + first_row * s.rows.row, reals)
        block = take(job, size * (CHUNK + MR * d + BLOCK * nr))
        if is_null(block):
            return
        weights = cast(block, reals)
        edge = offset(weights, CHUNK)
        tile = offset(edge, MR * d)
        whole = rows // MR * MR
        for i in range(rows if s.metric != DOT else 0):
            total = squares(offset(x, i * row_step), d, 1)
            weights[i] = real(inverse(total) if s.metric == COSINE else -lowered(total, d) / 2)
            if total != total:
                job.error = DECLINED
        if whole < rows:
            pack(edge, MR, rows - whole, d, offset(x, whole * row_step), row_step, 1)
        for first in range(0, m if job.error == KERNEL_OK else 0, nr):
            nv = min(NV, ceil_div(m - first, lanes))
            width = nv * lanes
            b = offset(cast(job.queries, reals), first * d)
            for i in range(0, rows, BLOCK):
                tiles = (min(i + BLOCK, whole) - i) // MR
                strip(nv, tiles, d, offset(x, i * row_step), row_step, 1, MR * row_step, b, tile, width, MR * width,
                      False)
                if i + BLOCK > whole and whole < rows:
                    strip(nv, 1, d, edge, 1, MR, 0, b, offset(tile, tiles * MR * width), width, 0, False)
                handle_tile(job, slot, tile, width, min(BLOCK, rows - i), offset(weights, i), first_row + i, first)
        give(job, block)

    @jit_for(element)
    def finish_task(arg, index, slot):  # noqa: ANN001, ANN202
        """Merge the reservoirs of some queries; the worst goes last."""
        job = struct(cast(arg, Job))
        s = struct(cast(job.request, Search))
        m, k, threads = s.queries.n, s.k, struct(cast(job.runtime, Runtime)).threads
        scores, ids, counts = reservoirs_of(job, m, k, 0)
        for query in range(index * FINISH, min((index + 1) * FINISH, m)):
            for part in range(1, threads):
                for i in range(counts[part * m + query]):
                    at = (part * m + query) * k + i
                    offer(scores, ids, counts, query, k, scores[at], ids[at])
            if counts[query] < k:
                job.error = DECLINED
            for count in range(counts[query], 0, -1):
                score, row = take_worst(offset(scores, query * k), offset(ids, query * k), count)
                cast(s.scores, reals)[query * k + count - 1] = -score if s.metric == EUCLIDEAN else score
                cast(s.ids, sizes)[query * k + count - 1] = row

    @jit_for(element)
    def pack_queries(s, to, bounds):  # noqa: ANN001, ANN202
        """Into micro-panels; whether all are in range."""
        q, row, column, d = cast(s.queries.data, reals), s.queries.row // size, s.queries.column // size, s.queries.d
        for first in range(0, s.queries.n, nr):
            count = min(nr, s.queries.n - first)
            width = ceil_div(count, lanes) * lanes
            panel = offset(to, first * d)
            pack(panel, width, count, d, offset(q, first * row), row, column)
            for i in range(count if s.metric != DOT else 0):
                total = squares(offset(q, (first + i) * row), d, column)
                if total != total:
                    return False
                bounds[first + i], scale = lowered(total, d), inverse(total)
                for p in range(d if s.metric == COSINE else 0):
                    panel[p * width + i] = real(panel[p * width + i] * scale)
        return True

    def search(request, runtime):  # noqa: ANN001, ANN202
        s, job, threads = struct(request), struct(room(Job, 1)), struct(runtime).threads
        m, n, d, k = s.queries.n, s.rows.n, s.queries.d, s.k
        if (s.result != TOPK or s.blocks.data != 0 or s.function.call != 0
                or m == 0 or s.allowed == 0 or d == 0
                or s.queries.type != number_type or s.rows.type != number_type or d > 1 and s.rows.column != size
                or s.metric == EUCLIDEAN and d > 1 and s.queries.column != size
                or (s.rows.row | s.queries.row | s.queries.column) % size != 0):
            return int32(DECLINED)
        begin(job, runtime, request)
        block = take(job, size * ceil_div(m, lanes) * lanes * d + 8 * m + 16 * threads * m * (k + 1))
        if is_null(block):
            return int32(NO_MEMORY)
        job.ids = address_of(block)
        job.counts = job.ids + 8 * threads * m * k
        job.bounds = job.counts + 8 * threads * m
        job.scores = job.bounds + 8 * m
        job.queries = job.scores + 8 * threads * m * k
        for i in range(threads * m):
            cast(job.counts, sizes)[i] = 0
        status = int32(DECLINED)
        if pack_queries(s, cast(job.queries, reals), cast(job.bounds, doubles)):
            status = run_tasks(task_pointer(task), job, ceil_div(n, CHUNK),
                               duration(1.0 * m * n * d, 1.0 * n * d, size))
        if status == KERNEL_OK:
            status = run_tasks(task_pointer(finish_task), job, ceil_div(m, FINISH),
                               duration(0.0, 16.0 * m * k * threads, size))
        give(job, block)
        return status
    return search
