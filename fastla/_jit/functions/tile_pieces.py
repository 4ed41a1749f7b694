"""What the loop over a tile is made of: its flag, numbers kept aside, row numbers, and the note of a failure."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from fastla._jit.functions.user_function import MOST_ROWS
from fastla._jit.vec import BYTES

PART = 64               # numbers kept aside
INT8, INT32, INT64, DOUBLE = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.DoubleType()
POINTER = types.CPointer(types.uint8)


def word_pointer(builder: Any, block: Any, byte: int, to: Any) -> Any:
    """A pointer into a block of words, to a value of an LLVM type."""
    return builder.bitcast(builder.gep(block, [ir.Constant(INT64, byte)]), to.as_pointer())


@intrinsic
def new_flag(typingctx: Any) -> Any:
    """A byte on the stack, zero."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        flag = cgutils.alloca_once(builder, INT8)
        builder.store(INT8(0), flag)
        return flag
    return POINTER(), codegen


@intrinsic(prefer_literal=True)
def numbers_aside(typingctx: Any, tile: Any) -> Any:
    """Room for PART numbers on the stack."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return cgutils.alloca_once(builder, context.get_value_type(tile.dtype), size=PART)
    return tile(tile), codegen


@intrinsic
def id_at(typingctx: Any, ids: Any, i: Any) -> Any:
    """A row or column number. Below MOST_ROWS, so that LLVM computes differences of two in 32 bits."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        loaded = builder.load(builder.gep(args[0], [args[1]]))
        loaded.set_metadata("range", builder.module.add_metadata([INT32(0), INT32(MOST_ROWS)]))
        return builder.sext(loaded, INT64)
    return types.intp(ids, types.intp), codegen


@intrinsic
def wide_vectors(typingctx: Any) -> Any:
    """Let this function use the CPU's longest vectors."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        set.add(builder.function.attributes, f'"prefer-vector-width"="{8 * BYTES}"')
        return context.get_dummy_value()
    return types.void(), codegen


@intrinsic
def note_failure(typingctx: Any, captured: Any, row: Any, column: Any, b: Any, h: Any, x: Any, norms: Any) -> Any:
    """Write down what failed, unless another thread has."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        block, *words, x_value, norm_pair = args
        claimed = builder.cmpxchg(word_pointer(builder, block, 0, INT64), INT64(0), INT64(1), "monotonic", "monotonic")
        with builder.if_then(builder.extract_value(claimed, 1)):
            for i, word in enumerate(words):
                builder.store(word, word_pointer(builder, block, 8 * (1 + i), INT64))
            reals = [(x_value, x), *zip(cgutils.unpack_tuple(builder, norm_pair), norms, strict=True)]
            for i, (value, t) in enumerate(reals):
                place = word_pointer(builder, block, 40 + 8 * i, DOUBLE)
                builder.store(context.cast(builder, value, t, types.float64), place)
        return context.get_dummy_value()
    return types.void(captured, row, column, b, h, x, norms), codegen
