"""Arrays that a user's function reads: an index beyond one sets a flag, and a loop over such reads stays vectorised.

Numba's own check of bounds raises, which ends the loop; it remains for slices and the like.
"""

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import impl_ret_borrowed
from numba.extending import lower_builtin, models, register_model
from numba.np.arrayobj import load_item, make_array

INT8, INT64 = ir.IntType(8), ir.IntType(64)


class CapturedArray(types.Array):
    """An array that is only read, whose header keeps the flag's address where others name their parent."""

    def __init__(self, dtype: types.Type, ndim: int, layout: str) -> None:
        super().__init__(dtype, ndim, layout, readonly=True, name=f"CapturedArray({dtype}, {ndim}, {layout})")

    def load(self, context: Any, builder: Any, block: Any, byte: int, flag: Any) -> Any:
        """The array whose address, lengths and strides lie in a block's words from a byte on."""
        array = make_array(self)(context, builder)
        words = builder.bitcast(builder.gep(block, [INT64(byte)]), INT64.as_pointer())
        values = [builder.load(builder.gep(words, [INT64(i)])) for i in range(1 + 2 * self.ndim)]
        shape, strides = values[1:1 + self.ndim], values[1 + self.ndim:]
        array.data = builder.inttoptr(values[0], array.data.type)
        array.shape = cgutils.pack_array(builder, shape, ty=INT64)
        array.strides = cgutils.pack_array(builder, strides, ty=INT64)
        size = INT64(1)
        for length in shape:
            size = builder.mul(size, length)
        array.nitems = size
        array.itemsize = INT64(self.dtype.bitwidth // 8 if hasattr(self.dtype, "bitwidth") else 1)
        array.meminfo = cgutils.get_null_value(array.meminfo.type)
        array.parent = builder.bitcast(flag, array.parent.type)
        return array._getvalue()


@register_model(CapturedArray)
class _Model(models.ArrayModel):
    pass


def _read(context: Any, builder: Any, sig: Any, args: Any, indices: list[Any], index_types: list[Any]) -> Any:
    t = sig.args[0]
    array = make_array(t)(context, builder, args[0])
    beyond, places = ir.IntType(1)(0), []
    for d, (index, index_type) in enumerate(zip(indices, index_types, strict=True)):
        length = builder.extract_value(array.shape, d)
        i = context.cast(builder, index, index_type, types.intp)
        if index_type.signed:
            i = builder.select(builder.icmp_signed("<", i, INT64(0)), builder.add(i, length), i)
        outside = builder.icmp_unsigned(">=", i, length)
        beyond = builder.or_(beyond, outside)
        places.append(builder.select(outside, INT64(0), i))
    flag = builder.bitcast(array.parent, INT8.as_pointer())
    builder.store(builder.or_(builder.load(flag), builder.zext(beyond, INT8)), flag)
    pointer = cgutils.get_item_pointer(context, builder, t, array, places, wraparound=False, boundscheck=False)
    return impl_ret_borrowed(context, builder, sig.return_type, load_item(context, builder, t, pointer))


@lower_builtin(operator.getitem, CapturedArray, types.Integer)
def _getitem(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    if sig.args[0].ndim > 1:
        from numba.np.arrayobj import getitem_arraynd_intp
        return getitem_arraynd_intp(context, builder, sig, args)
    return _read(context, builder, sig, args, [args[1]], [sig.args[1]])


@lower_builtin(operator.getitem, CapturedArray, types.BaseTuple)
def _getitem_tuple(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    t, index = sig.args
    if len(index) != t.ndim or not all(isinstance(i, types.Integer) for i in index):
        from numba.np.arrayobj import getitem_array_tuple
        return getitem_array_tuple(context, builder, sig, args)
    return _read(context, builder, sig, args, cgutils.unpack_tuple(builder, args[1]), list(index))
