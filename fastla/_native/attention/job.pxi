# What the tasks of a call share.
cdef struct AttentionJob:
    Job job
    const Attention* attention
    Py_ssize_t* starts                  # [batch + 1]: the first task of each item
    Py_ssize_t* record_starts           # [batch + 1]: its first record (real*)
    real* records                       # of items that are cut into parts: [unit][part][row]
    # what tiles of the mask show: [item][head][panel][block of keys]; NULL: there is none
    unsigned char* table
    Py_ssize_t table_items, table_heads, table_panels, table_blocks
    Py_ssize_t panels                   # of a task, at most
    Py_ssize_t keys                     # of a block
    Py_ssize_t tasks, chunk             # tasks, and how many one index stands for
    bint takes[ATTENTION_ROUTES]        # whether any item takes a route
