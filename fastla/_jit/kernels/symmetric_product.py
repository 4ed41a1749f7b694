"""Block products with a symmetric matrix, y = x A: what power iteration and eigsh spend their time on.

int symmetric_product(const SymmetricProduct *, const Runtime *). One triangle of A is read: half the memory traffic,
which is what such a product costs. An element a[i, j] below the diagonal counts for y[i] with x[j] and for y[j] with
x[i], both while it is in a register. Tasks are stripes of rows of about equal area, each with sums of its own, which
are added in the order of the stripes; their bounds depend on n alone, and so do the bits.
"""

import math
from typing import Any

from numba import int32, intp, types

from fastla._jit.interop import address_of, cast, offset, room, struct
from fastla._jit.kernels.compiling import jit_for
from fastla._jit.kernels.contract import KERNEL_OK, NO_MEMORY, Runtime, pointer_to
from fastla._jit.kernels.cost import duration
from fastla._jit.kernels.schedule import begin, give, is_null, job_type, run_tasks, take, task_pointer
from fastla._jit.lanes import fma, reduce_add, splat
from fastla._jit.memory import load, load_part, prefetch, store, store_part, tile
from fastla._jit.vec import lanes_of

Request = pointer_to("SymmetricProduct")
SIGNATURE = int32(Request, Runtime)
ROWS = 4                # of A at a time
PIECE_BYTES = 4096      # of a row of A at a time: these pieces of x and y stay in L1 for all rows of the stripe
STRIPES, ALIGN = 16, 16

Job = job_type("parts", "stride", "stripes")


def build(element: str) -> Any:
    """The entry for an element row."""
    real = getattr(types, element)
    reals, lanes, size, zero = types.CPointer(real), lanes_of(real), real.bitwidth // 8, real(0)
    piece = PIECE_BYTES // size

    def meet(rows: int) -> Any:
        @jit_for(element, rows)
        def run(n, a, a_row, x, own, y, sums):  # noqa: ANN001, ANN202
            """Add to y: y += sum_r own[r] a_r over n columns, and sums[r] += a_r . x."""
            acc = tile(splat(zero), rows, 1)
            for r in range(rows):
                acc[r, 0] = splat(zero)
            whole = n - n % lanes
            for j in range(0, whole, lanes):
                x_vec, y_vec = load(x, j), load(y, j)
                for r in range(rows):
                    a_vec = load(a, r * a_row + j)
                    prefetch(a, (rows + r) * a_row + j)         # the rows that come next
                    acc[r, 0] = fma(a_vec, x_vec, acc[r, 0])
                    y_vec = fma(own[r], a_vec, y_vec)
                store(y, j, y_vec)
            if whole < n:
                x_vec, y_vec = load_part(x, whole, n - whole, 0), load_part(y, whole, n - whole, 0)
                for r in range(rows):
                    a_vec = load_part(a, r * a_row + whole, n - whole, 0)
                    acc[r, 0] = fma(a_vec, x_vec, acc[r, 0])
                    y_vec = fma(own[r], a_vec, y_vec)
                store_part(y, whole, n - whole, y_vec)
            for r in range(rows):
                sums[r] += reduce_add(acc[r, 0])
        return run

    meet_rows, meet_one = meet(ROWS), meet(1)

    @jit_for(element)
    def stripe_start(n, stripes, s):  # noqa: ANN001, ANN202
        """The area above it is s / stripes of the triangle."""
        return n if s >= stripes else intp(n * math.sqrt(s / stripes)) // ALIGN * ALIGN

    @jit_for(element)
    def corner(rows, a, a_row, x, y):  # noqa: ANN001, ANN202
        """The triangle of some rows on the diagonal."""
        for r in range(rows):
            for s in range(r + 1):
                y[r] += a[r * a_row + s] * x[s]
                if s < r:
                    y[s] += a[r * a_row + s] * x[r]

    @jit_for(element)
    def task(arg, index, slot):  # noqa: ANN001, ANN202
        job = struct(cast(arg, Job))
        p = struct(cast(job.request, Request))
        a, s = cast(p.a, reals), job.stripes - 1 - index        # the longest rows first
        start, end = stripe_start(p.n, job.stripes, s), stripe_start(p.n, job.stripes, s + 1)
        sums = offset(cast(job.parts, reals), s * p.b * job.stride)
        for q in range(p.b):
            for i in range(end):
                sums[q * job.stride + i] = zero
        for j in range(0, end, piece):
            for i in range(start, end, ROWS):
                rows, width = min(ROWS, end - i), min(piece, i - j)
                for q in range(p.b if width > 0 else 0):
                    x, y = offset(cast(p.x, reals), q * p.n), offset(sums, q * job.stride)
                    if rows == ROWS:
                        meet_rows(width, offset(a, i * p.a_row + j), p.a_row, offset(x, j), offset(x, i),
                                  offset(y, j), offset(y, i))
                    else:
                        for r in range(i, i + rows):
                            meet_one(width, offset(a, r * p.a_row + j), p.a_row, offset(x, j), offset(x, r),
                                     offset(y, j), offset(y, r))
        for i in range(start, end, ROWS):
            for q in range(p.b):
                corner(min(ROWS, end - i), offset(a, i * p.a_row + i), p.a_row, offset(cast(p.x, reals), q * p.n + i),
                       offset(sums, q * job.stride + i))

    @jit_for(element)
    def sum_task(arg, q, slot):  # noqa: ANN001, ANN202
        job = struct(cast(arg, Job))
        p = struct(cast(job.request, Request))
        y = offset(cast(p.y, reals), q * p.n)
        for j in range(p.n):
            y[j] = zero
        for s in range(job.stripes):
            part = offset(cast(job.parts, reals), (s * p.b + q) * job.stride)
            for j in range(stripe_start(p.n, job.stripes, s + 1)):
                y[j] += part[j]

    def symmetric_product(request, runtime):  # noqa: ANN001, ANN202
        p, job = struct(request), struct(room(Job, 1))
        begin(job, runtime, request)
        job.stripes = max(1, min(STRIPES, p.n // 64))
        job.stride = (p.n + lanes) // lanes * lanes
        parts = take(job, job.stripes * p.b * job.stride * size)
        if is_null(parts):
            return int32(NO_MEMORY)
        job.parts = address_of(parts)
        status = run_tasks(task_pointer(task), job, job.stripes,
                           duration(1.0 * p.n * p.n * p.b, 0.5 * p.n * p.n, size))
        if status == KERNEL_OK:
            status = run_tasks(task_pointer(sum_task), job, p.b, duration(0.0, 1.0 * job.stripes * p.n * p.b, size))
        give(job, parts)
        return status
    return symmetric_product
