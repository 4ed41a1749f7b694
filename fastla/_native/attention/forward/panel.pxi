# What a panel of the forward route has before it meets keys: its queries, packed, and the bias of a tile.

cdef struct ForwardScratch:
    Panel panel[STAGED_PANELS]
    real* tile                          # [KEYS][NR]
    real* bias                          # likewise
    real* bias_rows                     # [NR][KEYS]
    real* rows                          # [NR][the larger width]
    real* key_room                      # [keys][staged row]
    real* value_room


cdef Py_ssize_t lay_forward(const AttentionJob* job, ForwardScratch* s, char* block) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef char* at = block
    cdef Py_ssize_t i, size = sizeof(real)
    s.tile = <real*>carve(&at, KEYS * NR * size)
    s.bias = <real*>carve(&at, KEYS * NR * size)
    s.bias_rows = <real*>carve(&at, KEYS * NR * size)
    s.rows = <real*>carve(&at, NR * larger(a.width, a.value_width) * size)
    s.key_room = <real*>carve(&at, job.keys * staged_row(a.width) * size)
    s.value_room = <real*>carve(&at, job.keys * staged_row(a.value_width) * size)
    for i in range(job.panels):
        s.panel[i].row_low = <Py_ssize_t*>carve(&at, NR * sizeof(Py_ssize_t))
        s.panel[i].row_high = <Py_ssize_t*>carve(&at, NR * sizeof(Py_ssize_t))
        s.panel[i].position = <Py_ssize_t*>carve(&at, NR * sizeof(Py_ssize_t))
        s.panel[i].top = <real*>carve(&at, NR * size)
        s.panel[i].total = <real*>carve(&at, NR * size)
        s.panel[i].query = <real*>carve(&at, NR * a.width * size)
        s.panel[i].sums = <real*>carve(&at, NR * a.value_width * size)
    return at - block


# Queries of a panel, [count][width].
cdef void read_queries(const Attention* a, const Item* item, Py_ssize_t head, const Panel* panel,
                       real* to) noexcept nogil:
    cdef Py_ssize_t i, query = panel.first % larger(1, item.queries)
    head += panel.first // larger(1, item.queries)
    for i in range(panel.count):
        read_row(<output*>(to + i * a.width), item.query + head * a.query.head + query * a.query.row, a.query.column,
                 a.width, a.query.type)
        query += 1
        if query == item.queries:
            query = 0
            head += 1


cdef void multiply_all(real* x, Py_ssize_t n, real factor) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = x[i] * factor


# Panel `index` of so many in a unit of `rows`, before it has met any keys of [begin, end).
cdef void start_panel(const Attention* a, const Item* item, Py_ssize_t head, Py_ssize_t rows, Py_ssize_t index,
                      Py_ssize_t panels, Py_ssize_t begin,
                      Py_ssize_t end, Panel* panel, real* room) noexcept nogil:
    cdef Py_ssize_t vectors = ceil_div(rows, LANES), start = panel_start(vectors, panels, index), i
    cdef const real* query
    panel.vectors = <int>(panel_start(vectors, panels, index + 1) - start)
    panel.first = start * LANES
    panel.count = smaller(panel.vectors * LANES, rows - panel.first)
    place_query_rows(a, item, panel, begin, end)
    for i in range(panel.vectors * LANES):
        panel.top[i] = -REAL_INFINITY
        panel.total[i] = 0
    if panel.low >= panel.high or a.width == 0:
        return
    if item.queries >= rows and as_they_lie(&a.query, a.width):
        query = <const real*>(item.query + head * a.query.head + panel.first * a.query.row)
        pack_panel(panel.query, panel.vectors * LANES, panel.count, a.width, query,
                   a.query.row // <Py_ssize_t>sizeof(real), 1)
    else:
        read_queries(a, item, head, panel, room)
        pack_panel(panel.query, panel.vectors * LANES, panel.count, a.width, room, a.width, 1)
    multiply_all(panel.query, panel.vectors * LANES * a.width, <real>a.scale)


# The bias of a tile, [keys][lanes], from rows that are transposed.
cdef void bias_tile(const Attention* a, const Item* item, Py_ssize_t head, const Panel* panel, Py_ssize_t first,
                    Py_ssize_t keys, bint masked,
                    ForwardScratch* s) noexcept nogil:
    cdef Py_ssize_t i, width = panel.vectors * LANES
    cdef const real* mask
    if masked and item.slopes == NULL and panel.first + panel.count <= item.queries and as_they_lie(&a.mask, KEYS):
        mask = <const real*>(item.mask + head * a.mask.head + panel.first * a.mask.row + first * a.mask.column)
        pack_panel(s.bias, width, panel.count, keys, mask, a.mask.row // <Py_ssize_t>sizeof(real), 1)
        return
    for i in range(panel.count):
        bias_row(a, item, head, panel, i, first, keys, masked, s.bias_rows + i * KEYS)
    pack_panel(s.bias, width, panel.count, keys, s.bias_rows, KEYS, 1)


# What a tile of the mask shows a panel.
cdef inline int shown(const AttentionJob* job, Py_ssize_t b, Py_ssize_t head, Py_ssize_t panel,
                      Py_ssize_t first) noexcept nogil:
    if job.attention.mask.data == NULL:
        return TILE_FULL
    if job.table == NULL:
        return TILE_MIXED
    cdef Py_ssize_t row = (b % job.table_items * job.table_heads + head % job.table_heads) * job.table_panels
    return job.table[(row + panel % job.table_panels) * job.table_blocks + first // KEYS]


# The bias of a panel at keys [first, first + keys), if it has one, before its scores are computed. Returns what the
# tile shows: TILE_MIXED where the bias must be added.
cdef int prepare_bias(AttentionJob* job, const Item* item, Py_ssize_t head, const Panel* panel, Py_ssize_t first,
                      Py_ssize_t keys, bint masked, ForwardScratch* s) noexcept nogil:
    cdef const Attention* a = job.attention
    if not masked and item.slopes == NULL and a.mask_mod.call == NULL:
        return TILE_FULL
    bias_tile(a, item, head, panel, first, keys, masked, s)
    return TILE_MIXED if a.mask_mod.call == NULL else ask_mask(job, item, head, panel, first, keys, s.bias)
