# Gated linear layers: of raw weights two products, the second of which meets the gate; of packed ones a single pass.

# gated_linear(x, gate, up, activation, out)
cdef object compiled_gated_linear(PyObject** arguments, Entry row):
    cdef object gate = <object>arguments[1], up = <object>arguments[2], product
    cdef int activation = activation_of(<object>arguments[3])
    if activation < 0 or isinstance(gate, Weight) != isinstance(up, Weight):
        return None
    if isinstance(gate, Weight):
        return packed_linear(<object>arguments[0], <Weight>gate, up, None, activation, None, <object>arguments[4])
    product = linear_of(<object>arguments[0], up, None, None, None, None, None)
    if product is None:
        return None
    return linear_of(<object>arguments[0], gate, None, <object>arguments[3], None, product, <object>arguments[4])
