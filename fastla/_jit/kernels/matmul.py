"""Matrix products: Goto's loops. int matmul(const Product *, const Batch *, const Runtime *).

    for each task: a block of rows and columns of one of the batch's products
        for each piece of k, KC deep                 (its sums are added to those before, so k's order is kept)
            pack the columns of b into micro-panels of NV vectors
            for each block of MC rows                (they stay in L2)
                pack them where they are not adjacent along k
                for each micro-panel                 (it stays in L1)
                    the micro-kernel, tile by tile
                    after the last of k the epilogue, while the block is in cache

Each task packs the columns of b that it needs ("Packing b" in docs/measurements.md). An element's sum is made of the
same operations in the same order wherever its tile lies, so bits do not depend on tasks and threads. Of a matrix times
its own transpose, micro-panels right of the diagonal are left out, and mirrored afterwards.
"""

from typing import Any

from numba import int32, intp, types

from fastla._jit.interop import address_of, c_function, cast, copied, offset, room, struct
from fastla._jit.kernels.compiling import jit_for
from fastla._jit.kernels.contract import DECLINED, KERNEL_OK, Runtime, pointer_to
from fastla._jit.kernels.cost import duration, tasks_for
from fastla._jit.kernels.schedule import begin, ceil_div, give, is_null, job_type, run_tasks, take, task_pointer
from fastla._jit.kernels.tile import MR, NV, SQUARE, micro_kernels, packing
from fastla._jit.vec import lanes_of

Product, Batch, sizes = pointer_to("Product"), pointer_to("Batch"), types.CPointer(intp)
SIGNATURE = int32(Product, Batch, Runtime)
# Stored and computed types. Products of int8 are sums modulo 2^8, of which int16 has enough bits and CPUs multiply.
ELEMENTS = {"float32": (types.float32, types.float32), "float64": (types.float64, types.float64),
            "int32": (types.int32, types.int32), "int8": (types.int8, types.int16)}
KC = {8: 768, 4: 1024, 2: 1024}     # by the computed element's bytes: "Tile sizes"
MC = 48
OWN_BYTES = 524288                  # of b, in a task that packs its own columns of it
OWN_ROWS = 64                       # of a in a task, at least
MIRRORED = 64                       # rows in a task that mirrors them

Job = job_type("batch", "triangle", "rows", "columns", "row_tasks", "column_tasks", "depth", "chunk", "count")
Epilogue = pointer_to("Epilogue")
apply = c_function(int32, intp, types.voidptr, intp, intp, intp, intp, intp, intp)


def build(element: str) -> Any:
    """The entry for an element row."""
    stored, real = ELEMENTS[element]
    lanes, size, stored_size = lanes_of(real), real.bitwidth // 8, stored.bitwidth // 8
    kc = KC[size]
    nr, numbers, reals, widens = NV * lanes, types.CPointer(stored), types.CPointer(real), stored is not real
    may_decline = element != "int8"         # natively int8 has no kernel that would do it
    strip, pack = micro_kernels(real), packing(real)

    @jit_for(element)
    def move_to(g, batch, item):  # noqa: ANN001, ANN202
        """Let a product be that of an item."""
        shape, strides = cast(batch.shape, sizes), batch.strides
        for d in range(batch.dims - 1, -1, -1):
            at = stored_size * (item % shape[d])
            item //= shape[d]
            g.a += at * cast(strides[0], sizes)[d]
            g.b += at * cast(strides[1], sizes)[d]
            g.c += at * cast(strides[2], sizes)[d]

    @jit_for(element)
    def pack_columns(to, g, p, depth, column, n, seen):  # noqa: ANN001, ANN202
        """Micro-panels of b[p : p + depth, column : column + n], whole rows at a time, as memory likes it.

        Of n columns, here as below, those from `seen` on need not be computed.
        """
        b = offset(cast(g.b, numbers), p * g.b_row + column * g.b_col)
        vectors = ceil_div(n, lanes)
        panels = ceil_div(vectors, NV)
        for q in range(0, depth, SQUARE):
            for panel in range(panels):
                first = vectors * panel // panels * lanes
                width = vectors * (panel + 1) // panels * lanes - first
                if first >= seen:
                    break
                pack(offset(to, first * depth + q * width), width, min(width, n - first), min(SQUARE, depth - q),
                     offset(b, first * g.b_col + q * g.b_row), g.b_col, g.b_row)

    @jit_for(element)
    def edge_tile(nv, k, a, a_row, a_col, b, tile, c, c_row, rows, columns, more):  # noqa: ANN001, ANN202
        """A tile of which c has some rows and columns alone, or that is narrowed, by way of a whole one."""
        strip(nv, 1, k, a, a_row, a_col, 0, b, tile, nr, 0, False)
        for i in range(rows):
            for j in range(columns):
                x = stored(tile[i * nr + j])
                c[i * c_row + j] = stored(c[i * c_row + j] + x) if more else x

    @jit_for(element)
    def multiply_rows(g, row, rows, column, n, seen, p, depth, packed_b, packed_a, tile):  # noqa: ANN001, ANN202
        """Rows [row, row + rows) of a, a block of at most MC, against all micro-panels."""
        a = offset(cast(g.a, numbers), row * g.a_row + p * g.a_col)
        whole = rows // MR
        in_place = g.a_col == 1 and not widens
        for i in range(whole if in_place else 0, ceil_div(rows, MR)):
            pack(offset(packed_a, i * MR * depth), MR, min(MR, rows - i * MR), depth, offset(a, i * MR * g.a_row),
                 g.a_row, g.a_col)
        x, x_row, x_col, x_next = packed_a, 1, MR, MR * depth
        if in_place:
            x, x_row, x_col, x_next = cast(a, reals), g.a_row, 1, MR * g.a_row
        vectors = ceil_div(n, lanes)
        panels = ceil_div(vectors, NV)
        for panel in range(panels):
            first = vectors * panel // panels * lanes
            nv = vectors * (panel + 1) // panels - first // lanes
            if first >= seen:
                break
            width = min(nv * lanes, n - first)
            b = offset(packed_b, first * depth)
            c = offset(cast(g.c, numbers), row * g.c_row + column + first)
            tiles = whole if width == nv * lanes and not widens else 0
            strip(nv, tiles, depth, x, x_row, x_col, x_next, b, cast(c, reals), g.c_row, MR * g.c_row, p > 0)
            for i in range(tiles, ceil_div(rows, MR)):
                to, left = offset(c, i * MR * g.c_row), min(MR, rows - i * MR)
                if i < whole:
                    edge_tile(nv, depth, offset(x, i * x_next), x_row, x_col, b, tile, to, g.c_row, left, width, p > 0)
                else:
                    edge_tile(nv, depth, offset(packed_a, i * MR * depth), 1, MR, b, tile, to, g.c_row, left, width,
                              p > 0)

    @jit_for(element)
    def finish(g, row, rows, column, n, item):  # noqa: ANN001, ANN202
        """The epilogue of a block of c that is complete."""
        if g.epilogue == 0:
            return int32(KERNEL_OK)
        c = offset(cast(g.c, numbers), row * g.c_row + column)
        return apply(cast(g.epilogue, sizes)[0], (
            g.epilogue, cast(c, types.voidptr), rows, n, g.c_row, g.first_row + row, g.first_column + column, item))

    @jit_for(element)
    def seen_by(g, end, column, n):  # noqa: ANN001, ANN202
        """How many of n columns from `column` on the rows before `end` need."""
        return max(0, min(n, end - column)) if g.syrk != 0 else n

    @jit_for(element)
    def block(g, item, row, m, column, n, depth, packed_b, packed_a, tile):  # noqa: ANN001, ANN202
        """c[row : row + m, column : column + n], a task's part of it."""
        if g.k == 0:
            c = offset(cast(g.c, numbers), row * g.c_row + column)
            for i in range(m):
                for j in range(n):
                    c[i * g.c_row + j] = stored(0)
            return finish(g, row, m, column, n, item)
        for p in range(0, g.k, depth):
            pack_columns(packed_b, g, p, min(depth, g.k - p), column, n, seen_by(g, row + m, column, n))
            for i in range(0, m, MC):
                rows = min(MC, m - i)
                seen = seen_by(g, row + i + rows, column, n)
                multiply_rows(g, row + i, rows, column, n, seen, p, min(depth, g.k - p), packed_b, packed_a, tile)
                if p + depth >= g.k and seen > 0:
                    status = finish(g, row + i, rows, column, seen, item)
                    if status != KERNEL_OK:
                        return status
        return int32(KERNEL_OK)

    @jit_for(element)
    def task(arg, index, slot):  # noqa: ANN001, ANN202
        job = struct(cast(arg, Job))
        b_room = ceil_div(job.columns, lanes) * lanes * job.depth
        packed = take(job, size * (b_room + MC * job.depth + MR * nr))
        if is_null(packed):
            return
        packed_b = cast(packed, reals)
        packed_a = offset(packed_b, b_room)
        for i in range(index * job.chunk, min((index + 1) * job.chunk, job.count)):
            g, item = struct(copied(cast(job.request, Product))), i // (job.row_tasks * job.column_tasks)
            g.syrk = job.triangle
            move_to(g, struct(cast(job.batch, Batch)), item)
            # Of a triangle the longest rows come first.
            row = (job.row_tasks - 1 - i // job.column_tasks % job.row_tasks) * job.rows
            column = i % job.column_tasks * job.columns
            status = block(g, g.item + item, row, min(job.rows, g.m - row), column, min(job.columns, g.n - column),
                           job.depth, packed_b, packed_a, offset(packed_a, MC * job.depth))
            if status != KERNEL_OK:
                job.error = status
                break
        give(job, packed)

    @jit_for(element)
    def mirror_task(arg, index, slot):  # noqa: ANN001, ANN202
        """What lies right of the diagonal, from some rows of the triangle."""
        job = struct(cast(arg, Job))
        g = struct(copied(cast(job.request, Product)))
        parts = ceil_div(g.m, MIRRORED)
        move_to(g, struct(cast(job.batch, Batch)), index // parts)
        c, row = cast(g.c, numbers), (parts - 1 - index % parts) * MIRRORED
        end = min(row + MIRRORED, g.m)
        for first in range(0, end, SQUARE):
            for j in range(first, min(first + SQUARE, end)):
                for i in range(max(row, j + 1), end):
                    c[j * g.c_row + i] = c[i * g.c_row + j]

    def matmul(product, batch, runtime):  # noqa: ANN001, ANN202
        g, count = struct(product), struct(batch).count
        if may_decline and (g.m < MR or g.n < lanes):       # few rows or columns: memory decides, not registers
            return int32(DECLINED)
        job = struct(room(Job, 1))
        begin(job, runtime, product)
        job.batch = address_of(batch)
        job.triangle = intp(g.syrk != 0 and (g.epilogue == 0 or struct(cast(g.epilogue, Epilogue)).symmetric != 0))
        ns = count * duration(g.m * g.n * intp(1) * g.k, g.m * g.k + g.k * g.n + g.m * g.n, size)
        tasks = tasks_for(ns, struct(runtime).threads)
        job.depth = ceil_div(g.k, max(1, ceil_div(g.k, kc)))        # pieces of k as even as possible
        panels = ceil_div(g.n, nr)
        job.columns = nr * min(panels, max(1, OWN_BYTES // (max(1, job.depth) * nr * size)))
        job.column_tasks = ceil_div(g.n, job.columns)
        row_tasks = max(1, min(g.m // OWN_ROWS, ceil_div(tasks, count * job.column_tasks)))
        job.rows = ceil_div(ceil_div(g.m, row_tasks), MR) * MR
        job.row_tasks = ceil_div(g.m, job.rows)
        job.count = count * job.row_tasks * job.column_tasks
        job.chunk = ceil_div(job.count, max(1, tasks))
        status = run_tasks(task_pointer(task), job, ceil_div(job.count, job.chunk), ns)
        if status == KERNEL_OK and job.triangle != 0:
            status = run_tasks(task_pointer(mirror_task), job, count * ceil_div(g.m, MIRRORED),
                               duration(0.0, 8.0 * count * g.m * g.n, size))
        return status
    return matmul
