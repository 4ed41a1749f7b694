# The short route: units of few rows and few keys, many to a group, a row a lane. The softmax of all rows runs along
# lanes at once, so that what surrounds a unit's few numbers is paid for once a group. A lane's numbers meet no other's:
# the bits are those of a unit alone.

cdef enum:
    GROUP_ROWS = 16                     # rows of a group at most: whole vectors, and no fewer than a unit has

# What is left to do for a unit whose scores are known. Arrays begin at its first head.
cdef struct ShortUnit:
    Py_ssize_t queries, rows, keys
    const char* value
    const char* value_scale
    char* out
    char* lse


cdef struct ShortScratch:
    Py_ssize_t units, rows, keys        # of the group so far; the most keys of a unit
    ShortUnit unit[GROUP_ROWS]
    Panel panel                         # the rows of the unit that joins
    Py_ssize_t* row_low                 # arrays with a number a row of the group
    Py_ssize_t* row_high
    Py_ssize_t* position
    real* low                           # row_low and row_high
    real* high
    real* sink
    real* top
    real* total
    real* tile                          # [SHORT_KEYS][GROUP_ROWS], scores, then weights
    real* bias                          # likewise
    real* bias_row
    real* query                         # rows of a unit that are not adjacent reals
    real* key_room
    real* value_room
    real* sums                          # of a row


cdef Py_ssize_t lay_short(const AttentionJob* job, ShortScratch* s, char* block) noexcept nogil:
    cdef const Attention* a = job.attention
    cdef char* at = block
    cdef Py_ssize_t size = sizeof(real)
    s.row_low = <Py_ssize_t*>carve(&at, GROUP_ROWS * sizeof(Py_ssize_t))
    s.row_high = <Py_ssize_t*>carve(&at, GROUP_ROWS * sizeof(Py_ssize_t))
    s.position = <Py_ssize_t*>carve(&at, GROUP_ROWS * sizeof(Py_ssize_t))
    s.low = <real*>carve(&at, GROUP_ROWS * size)
    s.high = <real*>carve(&at, GROUP_ROWS * size)
    s.sink = <real*>carve(&at, GROUP_ROWS * size)
    s.top = <real*>carve(&at, GROUP_ROWS * size)
    s.total = <real*>carve(&at, GROUP_ROWS * size)
    s.tile = <real*>carve(&at, SHORT_KEYS * GROUP_ROWS * size)
    s.bias = <real*>carve(&at, SHORT_KEYS * GROUP_ROWS * size)
    s.bias_row = <real*>carve(&at, SHORT_KEYS * size)
    s.query = <real*>carve(&at, DECODE_ROWS * a.width * size)
    s.key_room = <real*>carve(&at, SHORT_KEYS * staged_row(a.width) * size)
    s.value_room = <real*>carve(&at, SHORT_KEYS * staged_row(a.value_width) * size)
    s.sums = <real*>carve(&at, sums_row(a) * size)
    s.units = s.rows = s.keys = 0
    return at - block


cdef inline bint has_bias(const Attention* a) noexcept nogil:
    return a.mask.data != NULL or a.slopes.data != NULL


# The scores of unit `index` of an item, in the group's tile from its next row on.
cdef void score_unit(const Attention* a, const Item* item, Py_ssize_t head, Py_ssize_t kv_head,
                     ShortScratch* s) noexcept nogil:
    cdef KeyBlock block
    cdef Scored scored
    block.first = 0
    block.count = item.length
    block.key = real_rows(&a.key, item.key + kv_head * a.key.head, item.length, a.width, &a.key_scale,
                          head_scale(&a.key_scale, item.key_scale, kv_head, 0), s.key_room, &block.key_row)
    block.value = block.key             # nothing to be asked for ahead
    block.value_row = block.key_row
    scored.rows = item.rows
    if item.heads == 1 and as_they_lie(&a.query, a.width):
        scored.query = <const real*>(item.query + head * a.query.head)
        scored.query_row = a.query.row // <Py_ssize_t>sizeof(real)
    else:
        read_queries(a, item, head, &s.panel, s.query)
        scored.query = s.query
        scored.query_row = a.width
    scored.scores = s.tile + s.rows
    scored.row = 1
    scored.key = GROUP_ROWS
    score_keys(a, &scored, &block)


# A unit joins the group.
cdef void add_unit(const Attention* a, const Item* item, Py_ssize_t head, ShortScratch* s) noexcept nogil:
    cdef ShortUnit* unit = s.unit + s.units
    cdef Py_ssize_t kv_head = head // (a.heads // a.kv_heads), first = s.rows, i, j
    s.panel.first = 0
    s.panel.count = item.rows
    s.panel.row_low = s.row_low + first
    s.panel.row_high = s.row_high + first
    s.panel.position = s.position + first
    place_query_rows(a, item, &s.panel, 0, item.length)
    score_unit(a, item, head, kv_head, s)
    for i in range(item.rows):
        s.low[first + i] = <real>s.panel.row_low[i]
        s.high[first + i] = <real>s.panel.row_high[i]
        if has_bias(a):
            bias_row(a, item, head, &s.panel, i, 0, item.length, item.mask != NULL, s.bias_row)
            for j in range(item.length):
                s.bias[j * GROUP_ROWS + first + i] = s.bias_row[j]
        if a.sinks != NULL:
            s.sink[first + i] = (<const real*>a.sinks)[head + i // item.queries]
    unit.queries = item.queries
    unit.rows = item.rows
    unit.keys = item.length
    unit.value = item.value + kv_head * a.value.head
    unit.value_scale = head_scale(&a.value_scale, item.value_scale, kv_head, 0)
    unit.out = item.out + head * a.out.head
    unit.lse = item.lse + head * a.lse.head
    s.units += 1
    s.rows += item.rows
    s.keys = larger(s.keys, item.length)


# The group's scores become weights, with their largest and their sums a row.
cdef void weigh_group(const Attention* a, ShortScratch* s) noexcept nogil:
    cdef Py_ssize_t i, key
    cdef real* at
    cdef vec top, base, total, score
    multiply_all(s.tile, s.keys * GROUP_ROWS, <real>a.scale)
    if a.softcap != 0:
        cap_scores(s.tile, s.keys * GROUP_ROWS, <real>a.softcap)
    if has_bias(a):
        add_bias_tile(s.tile, s.bias, s.keys * GROUP_ROWS)
    for i from 0 <= i < s.rows by LANES:
        top = splat(-REAL_INFINITY)
        total = zero()
        for key in range(s.keys):
            at = s.tile + key * GROUP_ROWS + i
            score = within(load(at), <real>key, load(s.low + i), load(s.high + i))
            store(at, score)
            top = larger_of(top, score)
        base = finite_base(top)
        for key in range(s.keys):
            at = s.tile + key * GROUP_ROWS + i
            store(at, vec_exp_weight(load(at) - base))
            total = total + load(at)
        store(s.top + i, top)
        store(s.total + i, total)


# sums[value_width] = factor * (row's weights @ V), of the keys that the row sees: others may hold NaN.
cdef void sum_values(const Attention* a, const ShortScratch* s, Py_ssize_t row, real factor, const real* value,
                     Py_ssize_t value_row, real* sums) noexcept nogil:
    cdef Py_ssize_t d, n, key
    cdef const real* weight = s.tile + row
    cdef const real* bias = s.bias + row if has_bias(a) else NULL
    cdef vec sum
    for d from 0 <= d < a.value_width by LANES:
        n = smaller(LANES, a.value_width - d)
        sum = zero()
        for key in range(s.row_low[row], s.row_high[row]):
            if bias != NULL and bias[key * GROUP_ROWS] == -REAL_INFINITY:
                continue
            sum = sum + splat(weight[key * GROUP_ROWS]) * \
                (load(value + key * value_row + d) if n == LANES else load_zero(value + key * value_row + d, n))
        store(sums + d, sum * splat(factor))


# The group's results go out, and it is empty again.
cdef void finish_group(const Attention* a, ShortScratch* s) noexcept nogil:
    cdef real factor[GROUP_ROWS]
    cdef real lse[GROUP_ROWS]
    cdef Py_ssize_t row = 0, value_row, u, i, head, query
    cdef const ShortUnit* unit
    cdef const real* value
    weigh_group(a, s)
    for i from 0 <= i < s.rows by LANES:
        store(factor + i, row_factors(a, load(s.top + i), load(s.total + i), load(s.sink + i), lse + i))
    for u in range(s.units):
        unit = s.unit + u
        value = real_rows(&a.value, unit.value, unit.keys, a.value_width, &a.value_scale, unit.value_scale,
                          s.value_room, &value_row)
        head = query = 0
        for i in range(unit.rows):
            sum_values(a, s, row, factor[row], value, value_row, s.sums)
            write_row(unit.out + head * a.out.head + query * a.out.row, a.out.column, <output*>s.sums, a.value_width,
                      a.out.type)
            if a.lse.data != NULL:
                (<real*>(unit.lse + head * a.lse.head + query * a.lse.row))[0] = lse[row]
            row += 1
            query += 1
            if query == unit.queries:
                query = 0
                head += 1
    s.units = s.rows = s.keys = 0


# Unit `index` of an item.
cdef void short_task(const Attention* a, const Item* item, Py_ssize_t index, ShortScratch* s) noexcept nogil:
    if s.rows + item.rows > GROUP_ROWS:
        finish_group(a, s)
    add_unit(a, item, index * item.heads, s)
