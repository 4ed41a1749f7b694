"""Softmax attention, fused: the scores of a block of keys never leave L1. int attention(const Attention *, ...).

    for each task: a panel of NV vectors of query rows of one head, a row a lane, scaled and packed
        for each block of 64 keys that some row sees
            the micro-kernel makes a tile of scores, [keys][rows] = K Q^T
            -infinity where a row does not see a key; the mask
            each row's largest score so far and sum of weights go on (online softmax); scores become weights
            the micro-kernel adds V^T times the weights to the sums, [width][rows]
        the sums divided by the rows' totals go out

What it leaves to the native target: few rows (decoding), packed sequences, stored keys, softcap, sinks, ALiBi, masks of
other types; and calls whose results turn out not to be finite, for values that a row does not see must not reach it.
"""

import math
from typing import Any

from numba import int32, intp, types

from fastla._jit.interop import cast, offset, room, struct
from fastla._jit.kernels.compiling import jit_for
from fastla._jit.kernels.contract import DECLINED, KERNEL_OK, Runtime, constants, pointer_to
from fastla._jit.kernels.cost import duration
from fastla._jit.kernels.schedule import begin, ceil_div, give, is_null, job_type, run_tasks, take, task_pointer
from fastla._jit.kernels.tile import MR, NV, micro_kernels, packing
from fastla._jit.lanes import mask_bits, maximum, select, splat
from fastla._jit.memory import load, number, set_number, store
from fastla._jit.vec import lanes_of
from fastla._jit.vmath import exp_weight

Attention, sizes, flags = pointer_to("Attention"), types.CPointer(intp), types.CPointer(types.uint8)
SIGNATURE = int32(Attention, Runtime)
KEYS = 64               # of a block
FEW = 8                 # rows from which there is enough arithmetic for tiles
TYPES = {name: constants()[f"TYPE_{name}"] for name in ("float32", "float64", "uint8")}

Job = job_type("panels")


def build(element: str) -> Any:
    """The entry for an element row."""
    real = getattr(types, element)
    reals, lanes, size = types.CPointer(real), lanes_of(real), real.bitwidth // 8
    number_type, boolean, nr, zero, nothing = TYPES[element], TYPES["uint8"], NV * lanes, real(0), real(-math.inf)
    strip, pack = micro_kernels(real), packing(real)

    @jit_for(element)
    def item_of(a, heads, item, head):  # noqa: ANN001, ANN202
        """The address of a head of a batch item."""
        address, shape, steps = heads.data + head * heads.head, cast(a.shape, sizes), cast(heads.batch, sizes)
        for d in range(a.dims - 1, -1, -1):
            address += item % shape[d] * steps[d]
            item //= shape[d]
        return address

    @jit_for(element)
    def multiply(nv, rows, k, x, x_row, x_col, b, c, edge, more):  # noqa: ANN001, ANN202
        """c[rows, nv vectors] (+)= x @ b, tile by tile; the rows of a cut tile are packed."""
        tiles, width = rows // MR, nv * lanes
        strip(nv, tiles, k, x, x_row, x_col, MR * x_row, b, c, width, MR * width, more)
        if tiles * MR < rows:
            pack(edge, MR, rows - tiles * MR, k, offset(x, tiles * MR * x_row), x_row, x_col)
            strip(nv, 1, k, edge, 1, MR, 0, b, offset(c, tiles * MR * width), width, 0, more)

    @jit_for(element)
    def add_mask(mask, address, first, keys, rows, width, scores):  # noqa: ANN001, ANN202
        """The mask's block for keys [first, first + keys) and so many rows joins the scores."""
        for i in range(rows):
            row = address + i * mask.row + first * mask.column
            for j in range(keys):
                if mask.type == boolean:
                    if cast(row + j * mask.column, flags)[0] == 0:
                        scores[j * width + i] = nothing
                else:
                    bias = number(cast(row + j * mask.column, reals), 0)
                    scores[j * width + i] = bias if bias == nothing else scores[j * width + i] + bias

    @jit_for(element)
    def soften(nv, keys, value_width, scores, top, total, sums, started):  # noqa: ANN001, ANN202
        """Scores become weights; what the rows have summed so far is rescaled."""
        width = nv * lanes
        for j in range(0, width, lanes):
            old = high = load(top, j)
            for i in range(keys):
                high = maximum(load(scores, i * width + j), high)
            store(top, j, high)
            base, weights = select(high == nothing, 0, high), splat(zero)
            for i in range(keys):
                weight = exp_weight(load(scores, i * width + j) - base)
                store(scores, i * width + j, weight)
                weights = weights + weight
            factor = exp_weight(old - base)
            store(total, j, load(total, j) * factor + weights)
            if started and mask_bits(factor != 1) != 0:
                for d in range(value_width):
                    store(sums, d * width + j, load(sums, d * width + j) * factor)

    @jit_for(element)
    def write(a, job, item, head, first, rows, width, top, total, sums):  # noqa: ANN001, ANN202
        """Results and lse of a panel's rows."""
        out, lse = item_of(a, a.out, item, head), a.lse.data
        if lse != 0:
            lse = item_of(a, a.lse, item, head)
        for i in range(rows):
            factor = zero if total[i] == 0 else real(1) / total[i]
            to, row, check = out + (first + i) * a.out.row, (first + i) * a.lse.row, zero
            for d in range(a.value_width):
                x = zero if total[i] == 0 else sums[d * width + i] * factor
                check += x * zero
                set_number(cast(to + d * a.out.column, reals), 0, x)
            if lse != 0:
                set_number(cast(lse + row, reals), 0, nothing if total[i] == 0 else real(top[i] + math.log(total[i])))
            if not check == 0 or not total[i] < math.inf:
                job.error = DECLINED

    @jit_for(element)
    def panel(a, job, item, head, first, block):  # noqa: ANN001, ANN202
        """A panel of query rows from `first` on; block: its scratch."""
        rows = min(nr, a.queries - first)
        nv = ceil_div(rows, lanes)
        width = nv * lanes
        query = offset(block, 0)
        scores = offset(query, a.width * nr)
        sums = offset(scores, (KEYS + MR) * nr)
        top = offset(sums, (a.value_width + MR) * nr)
        total, edge = offset(top, nr), offset(top, 2 * nr)
        low, high = room(sizes, nr), room(sizes, nr)
        source = cast(item_of(a, a.query, item, head) + first * a.query.row, reals)
        pack(query, width, rows, a.width, source, a.query.row // size, a.query.column // size)
        for i in range(a.width * width):
            query[i] = real(query[i] * a.scale)
        first_key, end_key, every = a.keys, intp(0), intp(0)
        for i in range(width):
            position = first + min(i, rows - 1) + cast(a.offsets, sizes)[item]
            high[i] = min(a.keys, cast(a.lengths, sizes)[item])
            low[i] = max(0, position - a.left) if a.left >= 0 else 0
            if a.causal:
                high[i] = min(high[i], position + 1)
            if a.right >= 0:
                high[i] = min(high[i], position + a.right + 1)
            first_key, end_key = min(first_key, low[i]), max(end_key, high[i])
            every = max(every, low[i])
            top[i] = nothing
            total[i] = zero
        for i in range(a.value_width * width):
            sums[i] = zero
        kv_head = head // (a.heads // a.kv_heads)
        key, value = item_of(a, a.key, item, kv_head), item_of(a, a.value, item, kv_head)
        mask = a.mask.data
        if mask != 0:
            mask = item_of(a, a.mask, item, head) + first * a.mask.row
        started = False
        for k in range(first_key // KEYS * KEYS, end_key, KEYS):
            keys = min(KEYS, a.keys - k)
            multiply(nv, keys, a.width, cast(key + k * a.key.row, reals), a.key.row // size, a.key.column // size,
                     query, scores, edge, False)
            if mask != 0:
                add_mask(a.mask, mask, k, keys, rows, width, scores)
            for i in range(width):
                for j in range(max(0, low[i] - k) if low[i] - k < keys else keys):
                    scores[j * width + i] = nothing
                for j in range(max(0, high[i] - k), keys):
                    scores[j * width + i] = nothing
            soften(nv, keys, a.value_width, scores, top, total, sums, started)
            multiply(nv, a.value_width, keys, cast(value + k * a.value.row, reals), a.value.column // size,
                     a.value.row // size, scores, sums, edge, started)
            started = True
        write(a, job, item, head, first, rows, width, top, total, sums)

    @jit_for(element)
    def task(arg, index, slot):  # noqa: ANN001, ANN202
        job = struct(cast(arg, Job))
        a = struct(cast(job.request, Attention))
        if job.error != KERNEL_OK:
            return
        count = nr * (a.width + KEYS + a.value_width + 2 * MR + 2) + MR * max(a.width, KEYS)
        block = take(job, size * count)
        if is_null(block):
            return
        row = job.panels - 1 - index % job.panels       # of causal attention the longest come first
        panel(a, job, index // job.panels // a.heads, index // job.panels % a.heads, row * nr, cast(block, reals))
        give(job, block)

    @jit_for(element)
    def differs(heads):  # noqa: ANN001, ANN202
        """Whether it is not of this type, or not in whole elements."""
        return heads.type != number_type or (heads.row | heads.column | heads.head) % size != 0

    def attention(call, runtime):  # noqa: ANN001, ANN202
        a, job = struct(call), struct(room(Job, 1))
        if (a.queries < FEW or a.keys == 0 or a.width == 0 or a.value_width == 0 or a.batch == 0 or a.heads == 0
                or a.query_starts != 0 or a.slopes.data != 0 or a.sinks != 0 or a.softcap != 0
                or a.score_mod.call != 0 or a.mask_mod.call != 0 or a.key_scale.data != 0 or a.value_scale.data != 0
                or differs(a.query) or differs(a.key) or differs(a.value) or differs(a.out)
                or a.lse.data != 0 and differs(a.lse)
                or a.mask.data != 0 and a.mask.type != boolean and differs(a.mask)):
            return int32(DECLINED)
        begin(job, runtime, call)
        job.panels = ceil_div(a.queries, nr)
        pairs = 1.0 * a.batch * a.heads * a.queries * a.keys
        return run_tasks(task_pointer(task), job, a.batch * a.heads * job.panels,
                         duration(pairs * (a.width + a.value_width + 32), 0.0, size))
    return attention
