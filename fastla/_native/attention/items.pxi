# Where a batch item's arrays are, and which keys a row sees.

cdef extern from *:
    """
    enum { KEYS = VECTOR_BYTES == 64 ? 128 : 64 };      /* keys of a block */
    """
    enum:
        KEYS

cdef enum:
    DECODE_ROWS = 8                     # rows that the routes of few rows take at most
    SHORT_KEYS = 20                     # keys that the short route takes at most
    PART_KEYS = 1024                    # keys of a part, or more
    MOST_PARTS = 16
    WIDE = 512                          # above this width panels are done one by one,
    WIDE_KEYS = 16                      # in such blocks of keys
    TASK_PANELS = 4                     # panels of a task, which share its blocks of keys,
    STAGED_PANELS = 8                   # and where these are staged


# One batch item: its sizes, how it is cut, and its arrays' first elements (head 0, row 0).
cdef struct Item:
    Py_ssize_t index, queries, length, offset
    Py_ssize_t heads, rows, parts       # of a unit, and the parts of its keys
    int route
    const char* query
    const char* key
    const char* value
    const char* mask
    const char* slopes
    const char* key_scale
    const char* value_scale
    char* out
    char* lse


# Rows of a unit that meet keys together. Of a forward panel all arrays have a lane a row.
cdef struct Panel:
    Py_ssize_t first, count             # rows of the unit
    int vectors                         # of lanes (forward)
    Py_ssize_t low, high                # keys that some row sees
    Py_ssize_t common_low, common_high  # keys that every row sees
    bint started                        # sums hold something
    Py_ssize_t* row_low                 # what each row sees: [row_low, row_high), from where it stands
    Py_ssize_t* row_high
    Py_ssize_t* position
    real* query                         # scaled: forward [width][lanes], decode [rows][width]
    real* sums                          # forward [value_width][lanes], decode [rows][value_width, in whole vectors]
    real* top                           # the largest score so far
    real* total                         # the sum of weights so far


# The sizes of item b, and how it is cut: that hangs on the item alone. A unit has all heads of a group where their
# queries together do not fill two panels; where rows fill many panels, there are tasks enough without parts.
cdef void size_item(const Attention* a, Py_ssize_t b, Item* item) noexcept nogil:
    cdef Py_ssize_t group = a.heads // a.kv_heads
    item.index = b
    item.queries = a.queries if a.query_starts == NULL else a.query_starts[b + 1] - a.query_starts[b]
    item.length = a.lengths[b]
    item.offset = a.offsets[b]
    item.heads = group if item.queries * group <= 2 * NR and item.queries < NR else 1
    item.rows = item.heads * item.queries
    item.parts = 1 if item.rows > 2 * NR else larger(1, smaller(MOST_PARTS, item.length // PART_KEYS))
    item.route = route_of(a, item)


cdef void find_item(const Attention* a, Py_ssize_t b, Item* item) noexcept nogil:
    cdef Py_ssize_t at = b, i
    cdef int d = a.dims
    size_item(a, b, item)
    item.query = a.query.data
    item.key = a.key.data
    item.value = a.value.data
    item.mask = a.mask.data
    item.slopes = a.slopes.data
    item.key_scale = a.key_scale.data
    item.value_scale = a.value_scale.data
    item.out = a.out.data
    item.lse = a.lse.data
    while d > 0:
        d -= 1
        i = at % a.shape[d]
        at //= a.shape[d]
        item.query += i * a.query.batch[d]
        item.key += i * a.key.batch[d]
        item.value += i * a.value.batch[d]
        item.mask += i * a.mask.batch[d]
        item.slopes += i * a.slopes.batch[d]
        item.key_scale += i * a.key_scale.batch[d]
        item.value_scale += i * a.value_scale.batch[d]
        item.out += i * a.out.batch[d]
        item.lse += i * a.lse.batch[d]
    if a.query_starts != NULL:
        item.query += a.query_starts[b] * a.query.row
        item.out += a.query_starts[b] * a.out.row
        item.lse += a.query_starts[b] * a.lse.row
        item.key += a.key_starts[b] * a.key.row
        item.value += a.key_starts[b] * a.value.row


# Where a part of the keys begins: on a block.
cdef inline Py_ssize_t part_start(Py_ssize_t length, Py_ssize_t parts, Py_ssize_t part) noexcept nogil:
    return length if part == parts else ceil_div(length, KEYS) * part // parts * KEYS


# The rows of a panel, from the unit's row `first` on: what they see of keys [begin, end).
cdef void place_query_rows(const Attention* a, const Item* item, Panel* panel, Py_ssize_t begin,
                           Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t i, query = panel.first % larger(1, item.queries), position, low, high
    panel.low = panel.common_high = end
    panel.high = panel.common_low = begin
    for i in range(panel.count):
        position = query + item.offset
        query = query + 1 if query + 1 < item.queries else 0
        low = begin
        high = end
        if a.causal:
            high = smaller(high, position + 1)
        if a.left >= 0:
            low = larger(low, position - a.left)
        if a.right >= 0:
            high = smaller(high, position + a.right + 1)
        panel.row_low[i] = low
        panel.row_high[i] = high
        panel.position[i] = position
        panel.common_low = larger(panel.common_low, low)
        panel.common_high = smaller(panel.common_high, high)
        if low < high:
            panel.low = smaller(panel.low, low)
            panel.high = larger(panel.high, high)
    panel.started = False


# Whether keys [first, end) are not all seen by all rows.
cdef inline bint at_edge(const Panel* panel, Py_ssize_t first, Py_ssize_t end) noexcept nogil:
    return first < panel.common_low or end > panel.common_high


# Functions of the user are called for a panel of one unit.
cdef inline int route_of(const Attention* a, const Item* item) noexcept nogil:
    if item.rows > DECODE_ROWS:
        return ROUTE_FORWARD
    if item.length <= SHORT_KEYS and a.score_mod.call == NULL and a.mask_mod.call == NULL:
        return ROUTE_SHORT
    return ROUTE_DECODE


cdef inline Py_ssize_t panels_of(Py_ssize_t rows) noexcept nogil:
    return ceil_div(ceil_div(rows, LANES), NV)
