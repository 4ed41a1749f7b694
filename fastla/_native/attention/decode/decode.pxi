# The decoding route: few rows, so that memory decides. Scores are dot products of K's rows as they lie; V's rows are
# the micro-kernel's `b`.
include "key_dots.pxi"


cdef struct DecodeScratch:
    Panel panel
    real* tile                          # [DECODE_ROWS][KEYS]
    real* bias
    real* key_room
    real* value_room


# Elements from one row of sums to the next: whole vectors.
cdef inline Py_ssize_t sums_row(const Attention* a) noexcept nogil:
    return line_stride(larger(1, a.value_width), sizeof(real))


cdef Py_ssize_t lay_decode(const AttentionJob* job, DecodeScratch* s, char* block) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef char* at = block
    cdef Py_ssize_t size = sizeof(real)
    s.tile = <real*>carve(&at, DECODE_ROWS * KEYS * size)
    s.bias = <real*>carve(&at, DECODE_ROWS * KEYS * size)
    s.key_room = <real*>carve(&at, job.keys * staged_row(a.width) * size)
    s.value_room = <real*>carve(&at, job.keys * staged_row(a.value_width) * size)
    s.panel.row_low = <Py_ssize_t*>carve(&at, DECODE_ROWS * sizeof(Py_ssize_t))
    s.panel.row_high = <Py_ssize_t*>carve(&at, DECODE_ROWS * sizeof(Py_ssize_t))
    s.panel.position = <Py_ssize_t*>carve(&at, DECODE_ROWS * sizeof(Py_ssize_t))
    s.panel.top = <real*>carve(&at, ceil_div(DECODE_ROWS, LANES) * LANES * size)
    s.panel.total = <real*>carve(&at, ceil_div(DECODE_ROWS, LANES) * LANES * size)
    s.panel.query = <real*>carve(&at, DECODE_ROWS * a.width * size)
    s.panel.sums = <real*>carve(&at, DECODE_ROWS * sums_row(a) * size)
    return at - block


# Scores of a row become weights; what the row has summed so far is rescaled.
cdef void soften_row(const Attention* a, Panel* panel, Py_ssize_t row, Py_ssize_t first, Py_ssize_t keys,
                     const real* bias,
                     real* scores) noexcept nogil:
    cdef Py_ssize_t i, low = larger(0, smaller(keys, panel.row_low[row] - first))
    cdef Py_ssize_t high = larger(0, smaller(keys, panel.row_high[row] - first))
    cdef Py_ssize_t end = ceil_div(keys, LANES) * LANES
    cdef real* sums = panel.sums + row * sums_row(a)
    cdef vec top = splat(panel.top[row]), total = zero()
    cdef real base, factor
    for i in range(keys, end):
        scores[i] = -REAL_INFINITY
    if bias != NULL:
        add_bias_tile(scores, bias, end)
    for i in range(low):
        scores[i] = -REAL_INFINITY
    for i in range(high, keys):
        scores[i] = -REAL_INFINITY
    for i from 0 <= i < end by LANES:
        top = larger_of(top, load(scores + i))
    base = reduce_larger(top)
    factor = panel.top[row]
    panel.top[row] = base
    base = 0 if base == -REAL_INFINITY else base
    factor = exp_weight_of(factor - base)
    for i from 0 <= i < end by LANES:
        store(scores + i, vec_exp_weight(load(scores + i) - splat(base)))
        total = total + load(scores + i)
    panel.total[row] = panel.total[row] * factor + reduce_add(total)
    if panel.started and factor != 1:
        for i from 0 <= i < sums_row(a) by LANES:
            store(sums + i, load(sums + i) * splat(factor))


# sums[rows, value_width] (+)= weights[rows, keys] @ V
cdef void add_values(const Attention* a, const Panel* panel, const KeyBlock* block, const real* weights) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(a.value_width, LANES), panels = ceil_div(vectors, NV), i, first
    cdef Strip s
    cdef int nv
    for i in range(panels):
        first = panel_start(vectors, panels, i)
        nv = <int>(panel_start(vectors, panels, i + 1) - first)
        s.a = weights
        s.a_row = KEYS
        s.a_col = 1
        s.a_next = MR * KEYS
        s.b = <const stored*>block.value
        s.b_row = block.value_row
        s.c = panel.sums
        s.c_row = sums_row(a)
        s.c_next = MR * s.c_row
        s.b_next = s.ahead = s.share = 0
        s.k = block.count
        s.accumulate = panel.started
        place_strip(&s, a.value_width, first * LANES, nv, False)
        s.tiles = panel.count // MR
        if s.tiles:
            micro_kernel_any(MR, nv, &s)
            s.a += s.tiles * s.a_next
            s.c += s.tiles * s.c_next
        if panel.count % MR:
            s.tiles = 1
            micro_kernel_any(<int>(panel.count % MR), nv, &s)


# Whether a block's mask shows nothing to any row.
cdef bint block_empty(const Panel* panel, Py_ssize_t keys, const real* bias) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(panel.count):
        if not sees_nothing(bias + i * KEYS, keys):
            return False
    return True


# softcap of a block's scores, in whole vectors.
cdef void cap_rows(const Attention* a, const Panel* panel, Py_ssize_t keys, real* tile) noexcept nogil:
    cdef Py_ssize_t i, j, end = ceil_div(keys, LANES) * LANES
    for i in range(panel.count):
        for j in range(keys, end):
            tile[i * KEYS + j] = 0
        cap_scores(tile + i * KEYS, end, <real>a.softcap)


cdef void decode_block(AttentionJob* job, const Item* item, Py_ssize_t head, Py_ssize_t first, Py_ssize_t keys,
                       bint careful,
                       DecodeScratch* s) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef Panel* panel = &s.panel
    cdef bint biased = item.mask != NULL or item.slopes != NULL or a.mask_mod.call != NULL
    cdef Py_ssize_t kv_head = head // (a.heads // a.kv_heads), i, j
    cdef KeyBlock block
    cdef Scored scored
    if biased:
        for i in range(panel.count):
            bias_row(a, item, head, panel, i, first, keys, item.mask != NULL, s.bias + i * KEYS)
        if a.mask_mod.call != NULL and not call_user(job, &a.mask_mod, item, head, panel, first, keys, s.bias, KEYS, 1):
            return
        for i in range(panel.count):
            for j in range(keys, ceil_div(keys, LANES) * LANES):
                s.bias[i * KEYS + j] = -REAL_INFINITY
        if block_empty(panel, keys, s.bias):
            return
    find_block(a, item, kv_head, first, keys, s.key_room, s.value_room, careful, &block)
    scored.rows = panel.count
    scored.query = panel.query
    scored.query_row = a.width
    scored.scores = s.tile
    scored.row = KEYS
    scored.key = 1
    score_keys(a, &scored, &block)
    if a.softcap != 0:
        cap_rows(a, panel, keys, s.tile)
    if a.score_mod.call != NULL and not call_user(job, &a.score_mod, item, head, panel, first, keys, s.tile, KEYS, 1):
        return
    for i in range(panel.count):
        soften_row(a, panel, i, first, keys, s.bias + i * KEYS if biased else NULL, s.tile + i * KEYS)
    add_values(a, panel, &block, s.tile)
    panel.started = True
    if careful:
        add_not_finite(a, item, kv_head, &block, panel, s.tile, s.bias if biased else NULL, KEYS, 1, panel.sums,
                       sums_row(a), 1)


# Keys [begin, end) of a unit. Returns whether all sums are finite.
cdef bint decode_part(AttentionJob* job, const Item* item, Py_ssize_t head, Py_ssize_t begin, Py_ssize_t end,
                      bint careful,
                      DecodeScratch* s) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef Panel* panel = &s.panel
    cdef Py_ssize_t first, last, i
    place_query_rows(a, item, panel, begin, end)
    for i in range(ceil_div(DECODE_ROWS, LANES) * LANES):
        panel.top[i] = -REAL_INFINITY
        panel.total[i] = 0
    memset(panel.sums, 0, panel.count * sums_row(a) * sizeof(real))
    first = panel.low // job.keys * job.keys
    while first < panel.high:
        last = smaller(first + job.keys, panel.high)
        decode_block(job, item, head, larger(first, panel.low), last - larger(first, panel.low), careful, s)
        first += job.keys
    return finite_sums(panel.sums, panel.count * sums_row(a))


# Task `index` of an item: a part of the keys of a unit.
cdef void decode_task(AttentionJob* job, const Item* item, Py_ssize_t b, Py_ssize_t index,
                      DecodeScratch* s) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef Panel* panel = &s.panel
    cdef Py_ssize_t heads = item.heads, rows = item.rows, parts = item.parts
    cdef Py_ssize_t part = index % parts, head = index // parts * heads, i, record
    cdef Py_ssize_t begin = part_start(item.length, parts, part), end = part_start(item.length, parts, part + 1)
    cdef real factor[DECODE_ROWS + LANES]
    panel.first = 0
    panel.count = rows
    read_queries(a, item, head, panel, panel.query)
    multiply_all(panel.query, rows * a.width, <real>a.scale)
    if not decode_part(job, item, head, begin, end, False, s):
        decode_part(job, item, head, begin, end, True, s)
    if parts == 1:
        finish_weights(a, item, head, 0, rows, panel.top, panel.total, factor)
    for i in range(rows):
        if parts == 1:
            write_scaled(a, item, head, i, factor[i], panel.sums + i * sums_row(a))
        else:
            record = (index // parts * parts + part) * rows + i
            write_record(a, panel.top[i], panel.total[i], panel.sums + i * sums_row(a),
                         job.records + job.record_starts[b] + record * record_size(a))
