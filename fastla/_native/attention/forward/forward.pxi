# The forward route: some panels of a unit against the keys that they see, block by block.
include "panel.pxi"


# A panel meets a block of keys. biased: s.bias holds what is added to the scores.
cdef void meet_block(AttentionJob* job, const Item* item, Py_ssize_t head, Panel* panel, const KeyBlock* block,
                     bint biased, bint careful, ForwardScratch* s) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef Py_ssize_t width = panel.vectors * LANES
    multiply_tiles(block.count, panel.vectors, a.width, block.key, block.key_row, 1, panel.query, s.tile, False)
    if a.softcap != 0:
        cap_scores(s.tile, block.count * width, <real>a.softcap)
    if a.score_mod.call != NULL and not call_user(job, &a.score_mod, item, head, panel, block.first, block.count,
                                                  s.tile, 1, width):
        return
    if biased:
        add_bias_tile(s.tile, s.bias, block.count * width)
    if at_edge(panel, block.first, block.first + block.count):
        hide_unseen(panel, block.first, block.count, s.tile)
    soften_any(panel, block.count, a.value_width, s.tile)
    multiply_tiles(a.value_width, panel.vectors, block.count, block.value, 1, block.value_row, s.tile, panel.sums,
                   panel.started)
    panel.started = True
    if careful:
        add_not_finite(a, item, head // (a.heads // a.kv_heads), block, panel, s.tile, s.bias if biased else NULL, 1,
                       width,
                       panel.sums, 1, width)


# The part of a block that a panel sees.
cdef inline KeyBlock seen_part(const KeyBlock* block, const Panel* panel) noexcept nogil:
    cdef KeyBlock part = block[0]
    cdef Py_ssize_t skipped = larger(0, panel.low - block.first)
    part.first += skipped
    part.key += skipped * block.key_row
    part.value += skipped * block.value_row
    part.count = smaller(block.first + block.count, panel.high) - part.first
    return part


# Panels [index, index + count) of a unit against keys [begin, end). Returns whether all sums are finite.
cdef bint attend_panels(AttentionJob* job, const Item* item, Py_ssize_t b, Py_ssize_t head, Py_ssize_t rows,
                        Py_ssize_t index, Py_ssize_t count, Py_ssize_t begin, Py_ssize_t end, bint careful,
                        ForwardScratch* s) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef Py_ssize_t low = end, high = begin, first, last, i, from_key
    cdef bint found
    cdef int show
    cdef KeyBlock block, part
    for i in range(count):
        start_panel(a, item, head, rows, index + i, panels_of(rows), begin, end, s.panel + i, s.rows)
        if s.panel[i].low < s.panel[i].high:
            low = smaller(low, s.panel[i].low)
            high = larger(high, s.panel[i].high)
    for first from low // job.keys * job.keys <= first < high by job.keys:
        found = False
        block.first = larger(first, low)
        last = smaller(first + job.keys, high)
        for i in range(count):
            if s.panel[i].low >= last or s.panel[i].high <= block.first:
                continue
            show = shown(job, b, head, index + i, first)
            if show == TILE_EMPTY:
                continue
            from_key = larger(block.first, s.panel[i].low)
            show = prepare_bias(job, item, head, s.panel + i, from_key, smaller(last, s.panel[i].high) - from_key,
                                show == TILE_MIXED, s)
            if show == TILE_EMPTY:
                continue
            if not found:
                find_block(a, item, head // (a.heads // a.kv_heads), block.first, last - block.first, s.key_room,
                           s.value_room, careful, &block)
                found = True
            part = seen_part(&block, s.panel + i)
            meet_block(job, item, head, s.panel + i, &part, show == TILE_MIXED, careful, s)
    for i in range(count):
        if s.panel[i].started and not finite_sums(s.panel[i].sums, a.value_width * s.panel[i].vectors * LANES):
            return False
    return True


# A panel's sums go out, or into records.
cdef void finish_panel(const Attention* a, const Item* item, Py_ssize_t head, Panel* panel, real* room,
                       real* records) noexcept nogil:
    cdef real factor[NR]
    cdef Py_ssize_t width = panel.vectors * LANES, i, d
    cdef bint there = records == NULL and panel.first + panel.count <= item.queries and \
        as_they_lie(&a.out, a.value_width)
    cdef real* to = room
    cdef Py_ssize_t to_row = a.value_width
    if not panel.started:
        memset(panel.sums, 0, width * a.value_width * sizeof(real))
    if there:
        to = <real*>out_row(a, item, head, panel.first)
        to_row = a.out.row // <Py_ssize_t>sizeof(real)
    if records == NULL:
        finish_weights(a, item, head, panel.first, panel.count, panel.top, panel.total, factor)
        for d in range(a.value_width):
            for i from 0 <= i < width by LANES:
                store(panel.sums + d * width + i, load(panel.sums + d * width + i) * load(factor + i))
    transpose_into(to, to_row, a.value_width, panel.count, panel.sums, width, 1)
    if there:
        return
    for i in range(panel.count):
        if records == NULL:
            write_row(out_row(a, item, head, panel.first + i), a.out.column, <output*>(room + i * a.value_width),
                      a.value_width, a.out.type)
        else:
            write_record(a, panel.top[i], panel.total[i], room + i * a.value_width,
                         records + (panel.first + i) * record_size(a))


# Task `index` of an item: groups of panels, the last one (under a causal mask the longest) first.
cdef void forward_task(AttentionJob* job, const Item* item, Py_ssize_t b, Py_ssize_t index,
                       ForwardScratch* s) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef Py_ssize_t heads = item.heads, rows = item.rows, parts = item.parts, units = a.heads // heads
    cdef Py_ssize_t groups = ceil_div(panels_of(rows), job.panels)
    cdef Py_ssize_t part = index % parts, unit = index // parts % units, group = groups - 1 - index // parts // units
    cdef Py_ssize_t first = panel_start(panels_of(rows), groups, group), i
    cdef Py_ssize_t count = panel_start(panels_of(rows), groups, group + 1) - first
    cdef real* records = NULL
    if parts > 1:
        records = job.records + job.record_starts[b] + (unit * parts + part) * rows * record_size(a)
    cdef Py_ssize_t begin = part_start(item.length, parts, part), end = part_start(item.length, parts, part + 1)
    if not attend_panels(job, item, b, unit * heads, rows, first, count, begin, end, False, s):
        attend_panels(job, item, b, unit * heads, rows, first, count, begin, end, True, s)
    for i in range(count):
        finish_panel(a, item, unit * heads, s.panel + i, s.rows, records)
