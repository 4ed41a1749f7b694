"""The k nearest rows of a corpus, exactly, by cosine or dot product. int search(Search *, const Runtime *).

    pack the queries, normalized for cosines, into micro-panels: a query a lane
    for each task: a chunk of the corpus's rows, read where they lie
        for each micro-panel of queries
            for each block of 48 rows
                the micro-kernel makes a tile of scores in L1
                scores that reach their query's threshold, seldom any, are offered to its reservoir
    merge the threads' reservoirs and sort them

Scores never reach memory. Each is summed in one lane, number by number, so that equal rows tie exactly wherever they
lie; the best k are a total order, score then row. What leaves the range of squares, or is no number, makes the whole
call the native target's, which sees to such rows; so are distances, functions of the user, ranges, stored and narrow
rows, and queries that find fewer than k.
"""

import math
from typing import Any

import numpy as np
from numba import from_dtype, types

from fastla._jit.contract import constants, pointer_to
from fastla._jit.interop import address_of, cast, offset, room, struct
from fastla._jit.lanes import fma, lowest_bit, mask_bits, maximum, minimum, reduce_add, splat
from fastla._jit.memory import load, store
from fastla._jit.schedule import (
    DECLINED,
    JOB,
    KERNEL_OK,
    NO_MEMORY,
    Runtime,
    ceil_div,
    duration,
    give,
    i32,
    intp,
    is_null,
    jit_for,
    run_tasks,
    take,
    task_pointer,
)
from fastla._jit.tile import MR, NV, micro_kernels, packing
from fastla._jit.vec import lanes_of

Search, sizes, flags = pointer_to("Search"), types.CPointer(intp), types.CPointer(types.uint8)
SIGNATURE = i32(Search, Runtime)
BLOCK, CHUNK = 48, 240          # rows of a tile, and of a task: a chunk stays in L2 for all queries
FINISH = 16                     # queries in a task that merges
COSINE, EUCLIDEAN, TOPK = (constants()[name] for name in ("METRIC_COSINE", "METRIC_EUCLIDEAN", "RESULT_TOPK"))
TYPES = {name: constants()[f"TYPE_{name}"] for name in ("float32", "float64")}
SQUARES = {"float32": (1e-28, 1e32), "float64": (1e-270, 1e270)}        # sums of squares that lost nothing

Job = types.CPointer(from_dtype(np.dtype([
    *JOB, *[(name, np.intp) for name in ("search", "queries", "scores", "ids", "counts")]], align=True)))


def build(element: str) -> Any:
    """The entry for an element row."""
    real = getattr(types, element)
    reals, lanes, size, number_type = types.CPointer(real), lanes_of(real), real.bitwidth // 8, TYPES[element]
    nr, (low, high), zero = NV * lanes, SQUARES[element], real(0)
    strip, pack = micro_kernels(real), packing(real)

    @jit_for(element)
    def inverse_norm(x, d, step):  # noqa: ANN001, ANN202
        """1 / |x|, 0 of zeros; NaN where squares leave the range."""
        total, whole = splat(zero), d - d % lanes if step == 1 else 0
        for p in range(0, whole, lanes):
            v = load(x, p)
            total = fma(v, v, total)
        squares = float(reduce_add(total))
        for p in range(whole, d):
            squares += float(x[p * step]) * float(x[p * step])
        if low < squares < high:
            return 1 / math.sqrt(squares)
        for p in range(d):
            if not x[p * step] == 0:
                return math.nan
        return 0.0

    @jit_for(element)
    def worse(score, row, other, other_row):  # noqa: ANN001, ANN202
        return score < other or score == other and row > other_row

    @jit_for(element)
    def sift(scores, ids, count, i):  # noqa: ANN001, ANN202
        """Restore the heap, whose root is the worst, below place i."""
        while True:
            child = 2 * i + 1
            if child >= count:
                return
            if child + 1 < count and worse(scores[child + 1], ids[child + 1], scores[child], ids[child]):
                child += 1
            if not worse(scores[child], ids[child], scores[i], ids[i]):
                return
            scores[i], scores[child] = scores[child], scores[i]
            ids[i], ids[child] = ids[child], ids[i]
            i = child

    @jit_for(element)
    def offer(scores, ids, counts, query, k, score, row):  # noqa: ANN001, ANN202
        """Offer a score to a query's reservoir."""
        s, r, count = offset(scores, query * k), offset(ids, query * k), counts[query]
        if count == k:
            if worse(s[0], r[0], score, row):
                s[0] = score
                r[0] = row
                sift(s, r, count, 0)
            return
        while count > 0 and worse(score, row, s[(count - 1) // 2], r[(count - 1) // 2]):
            s[count], r[count] = s[(count - 1) // 2], r[(count - 1) // 2]
            count = (count - 1) // 2
        s[count] = score
        r[count] = row
        counts[query] += 1

    @jit_for(element)
    def handle_tile(s, tile, width, rows, weights, first_row, first, queries, scores, ids, counts):  # noqa: ANN001, ANN202
        """Offer what reaches the thresholds of queries [first, first + queries)."""
        thresholds = room(reals, nr)
        for q in range(width):
            full = q < queries and counts[first + q] == s.k
            thresholds[q] = scores[(first + q) * s.k] if full else real(-math.inf if q < queries else math.nan)
        for i in range(rows):
            for j in range(0, width, lanes):
                v = load(tile, i * width + j)
                if s.metric == COSINE:
                    v = minimum(1, maximum(-1, v * weights[i]))
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
                    offer(scores, ids, counts, query, s.k, score, row)
                    if counts[query] == s.k:
                        thresholds[q] = scores[query * s.k]

    @jit_for(element)
    def task(arg, index, slot):  # noqa: ANN001, ANN202
        job = struct(cast(arg, Job))
        s = struct(cast(job.search, Search))
        m, d, row_step = s.queries.n, s.queries.d, s.rows.row // size
        scores, ids = offset(cast(job.scores, reals), slot * m * s.k), offset(cast(job.ids, sizes), slot * m * s.k)
        counts = offset(cast(job.counts, sizes), slot * m)
        first_row = index * CHUNK
        rows = min(CHUNK, s.rows.n - first_row)
        x = cast(s.rows.data + first_row * s.rows.row, reals)
        block = take(job.runtime, size * (CHUNK + MR * d + BLOCK * nr))
        if is_null(block):
            job.error = NO_MEMORY
            return
        weights = cast(block, reals)
        edge = offset(weights, CHUNK)
        tile = offset(edge, MR * d)
        whole = rows // MR * MR
        for i in range(rows if s.metric == COSINE else 0):
            weights[i] = real(inverse_norm(offset(x, i * row_step), d, 1))
            if weights[i] != weights[i]:
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
                handle_tile(s, tile, width, min(BLOCK, rows - i), offset(weights, i), first_row + i, first,
                            min(width, m - first), scores, ids, counts)
        give(job.runtime, block)

    @jit_for(element)
    def finish_task(arg, index, slot):  # noqa: ANN001, ANN202
        """Merge the reservoirs of some queries; the heap's worst goes last."""
        job = struct(cast(arg, Job))
        s = struct(cast(job.search, Search))
        m, k, threads = s.queries.n, s.k, struct(cast(job.runtime, Runtime)).threads
        scores, ids, counts = cast(job.scores, reals), cast(job.ids, sizes), cast(job.counts, sizes)
        for query in range(index * FINISH, min((index + 1) * FINISH, m)):
            for part in range(1, threads):
                for i in range(counts[part * m + query]):
                    at = (part * m + query) * k + i
                    offer(scores, ids, counts, query, k, scores[at], ids[at])
            if counts[query] < k:
                job.error = DECLINED
            best, rows = offset(scores, query * k), offset(ids, query * k)
            for count in range(counts[query] - 1, -1, -1):
                cast(s.scores, reals)[query * k + count] = best[0]
                cast(s.ids, sizes)[query * k + count] = rows[0]
                best[0] = best[count]
                rows[0] = rows[count]
                sift(best, rows, count, 0)

    @jit_for(element)
    def pack_queries(s, to):  # noqa: ANN001, ANN202
        """Into micro-panels; whether all are in range."""
        q, row, column, d = cast(s.queries.data, reals), s.queries.row // size, s.queries.column // size, s.queries.d
        for first in range(0, s.queries.n, nr):
            count = min(nr, s.queries.n - first)
            width = ceil_div(count, lanes) * lanes
            panel = offset(to, first * d)
            pack(panel, width, count, d, offset(q, first * row), row, column)
            for i in range(count if s.metric == COSINE else 0):
                scale = inverse_norm(offset(q, (first + i) * row), d, column)
                if scale != scale:
                    return False
                for p in range(d):
                    panel[p * width + i] = real(panel[p * width + i] * scale)
        return True

    def search(request, runtime):  # noqa: ANN001, ANN202
        s, record, threads = struct(request), room(Job, 1), struct(runtime).threads
        m, n, d, k = s.queries.n, s.rows.n, s.queries.d, s.k
        if (s.result != TOPK or s.metric == EUCLIDEAN or s.blocks.data != 0 or s.function.call != 0
                or m == 0 or s.allowed == 0 or d == 0
                or s.queries.type != number_type or s.rows.type != number_type or d > 1 and s.rows.column != size
                or (s.rows.row | s.queries.row | s.queries.column | s.rows.data | s.queries.data) % size != 0):
            return i32(DECLINED)
        job = struct(record)
        job.runtime, job.error, job.search = address_of(runtime), KERNEL_OK, address_of(request)
        block = take(job.runtime, size * ceil_div(m, lanes) * lanes * d + 16 * threads * m * (k + 1))
        if is_null(block):
            return i32(NO_MEMORY)
        job.ids = address_of(block)
        job.counts = job.ids + 8 * threads * m * k
        job.scores = job.counts + 8 * threads * m
        job.queries = job.scores + 8 * threads * m * k
        for i in range(threads * m):
            cast(job.counts, sizes)[i] = 0
        status = i32(DECLINED)
        if pack_queries(s, cast(job.queries, reals)):
            status = run_tasks(task_pointer(task), record, ceil_div(n, CHUNK),
                               duration(1.0 * m * n * d, 1.0 * n * d, size))
        if status == KERNEL_OK:
            status = run_tasks(task_pointer(finish_task), record, ceil_div(m, FINISH),
                               duration(0.0, 16.0 * m * k * threads, size))
        give(job.runtime, block)
        return status
    return search
