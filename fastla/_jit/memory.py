"""Numbers and vectors in memory, which need not be aligned; and tiles of vectors on the stack."""

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin

from fastla._jit.vec import INT32, Tile, Vec, call_llvm, llvm_name, vector_of


def _place(context: Any, builder: Any, pointer: Any, index: Any, vec: Vec) -> Any:
    return builder.bitcast(builder.gep(pointer, [index]), context.get_value_type(vec).as_pointer())


@intrinsic
def number(typingctx: Any, pointer: Any, index: Any) -> Any:
    """pointer[index]."""
    return pointer.dtype(pointer, types.intp), lambda context, builder, sig, args: builder.load(
        builder.gep(args[0], [args[1]]), align=1)


@intrinsic
def set_number(typingctx: Any, pointer: Any, index: Any, x: Any) -> Any:
    """pointer[index] = x."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], builder.gep(args[0], [args[1]]), align=1)
        return context.get_dummy_value()
    return types.void(pointer, types.intp, pointer.dtype), codegen


@intrinsic
def load(typingctx: Any, pointer: Any, index: Any) -> Any:
    """The elements from pointer[index] on."""
    vec = Vec(pointer.dtype)
    return vec(pointer, types.intp), lambda context, builder, sig, args: builder.load(
        _place(context, builder, *args, vec), align=1)


@intrinsic
def store(typingctx: Any, pointer: Any, index: Any, v: Any) -> Any:
    """Store a vector's elements from pointer[index] on."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _place(context, builder, *args[:2], v), align=1)
        return context.get_dummy_value()
    return types.void(pointer, types.intp, v), codegen


def _first(builder: Any, n: Any, lanes: int) -> Any:
    """Whether a lane is one of the first n."""
    wide = ir.VectorType(n.type, lanes)
    one = builder.insert_element(ir.Constant(wide, ir.Undefined), n, INT32(0))
    every = builder.shuffle_vector(one, ir.Constant(wide, ir.Undefined),
                                   ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes))
    return builder.icmp_signed(">", every, ir.Constant(wide, list(range(lanes))))


@intrinsic
def load_part(typingctx: Any, pointer: Any, index: Any, n: Any, rest: Any) -> Any:
    """The first n elements; the other lanes are `rest`, and memory beyond is not touched."""
    vec = Vec(pointer.dtype)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _place(context, builder, *args[:2], vec)
        other = vector_of(context, builder, args[3], sig.args[3], vec)
        mask = _first(builder, args[2], vec.lanes)
        return call_llvm(builder, f"llvm.masked.load.{llvm_name(vec)}.p0", other.type, place, INT32(1),
                     mask, other)
    return vec(pointer, types.intp, types.intp, rest), codegen


@intrinsic
def store_part(typingctx: Any, pointer: Any, index: Any, n: Any, v: Any) -> Any:
    """Store the first n elements alone."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _place(context, builder, *args[:2], v)
        mask = _first(builder, args[2], v.lanes)
        call_llvm(builder, f"llvm.masked.store.{llvm_name(v)}.p0", ir.VoidType(), args[3], place, INT32(1),
              mask)
        return context.get_dummy_value()
    return types.void(pointer, types.intp, types.intp, v), codegen


@intrinsic
def prefetch(typingctx: Any, pointer: Any, index: Any) -> Any:
    """Ask for the cache line of pointer[index], which need not exist."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(8).as_pointer())
        call_llvm(builder, "llvm.prefetch.p0", ir.VoidType(), place, INT32(0), INT32(3), INT32(1))
        return context.get_dummy_value()
    return types.void(pointer, types.intp), codegen


@intrinsic(prefer_literal=True)
def tile(typingctx: Any, like: Any, rows: Any, columns: Any) -> Any:
    """Room for rows x columns (literals) vectors like that one."""
    t = Tile(like, rows.literal_value, columns.literal_value)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return cgutils.alloca_once(builder, context.get_value_type(t).pointee, name="tile")
    return t(like, rows, columns), codegen


def _cell(builder: Any, t: Any, i: Any, j: Any) -> Any:
    return builder.gep(t, [INT32(0), i, j], inbounds=True)


@infer_global(operator.getitem)
class _TileGet(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(args[0].vec, args[0], types.UniTuple(types.intp, 2)) if isinstance(args[0], Tile) else None


@lower_builtin(operator.getitem, Tile, types.UniTuple)
def _(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.load(_cell(builder, args[0], *cgutils.unpack_tuple(builder, args[1], 2)))


@infer_global(operator.setitem)
class _TileSet(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if not isinstance(args[0], Tile):
            return None
        return signature(types.none, args[0], types.UniTuple(types.intp, 2), args[0].vec)


@lower_builtin(operator.setitem, Tile, types.UniTuple, Vec)
def _(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    builder.store(args[2], _cell(builder, args[0], *cgutils.unpack_tuple(builder, args[1], 2)))
    return context.get_dummy_value()
