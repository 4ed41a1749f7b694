"""What is done with the lanes of vectors: broadcast, fused, chosen among, converted, brought together."""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from fastla._jit.vec import FUSED, INT32, Vec, call_llvm, common_vector, llvm_name, vector_of


@intrinsic
def splat(typingctx: Any, x: Any) -> Any:
    """A number in every lane of a vector of its type."""
    vec = Vec(x)
    return vec(x), lambda context, builder, sig, args: vector_of(context, builder, args[0], x, vec)


def multiply_add(builder: Any, vec: Vec, x: Any, y: Any, z: Any) -> Any:
    """Emit x * y + z."""
    if isinstance(vec.dtype, types.Integer):
        return builder.add(builder.mul(x, y), z)
    if not FUSED:
        return builder.fadd(builder.fmul(x, y), z)
    return call_llvm(builder, f"llvm.fma.{llvm_name(vec)}", x.type, x, y, z)


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """Compute a * b + c, fused where the CPU can; a or b may be a number."""
    vec = c if isinstance(c, Vec) else a if isinstance(a, Vec) else b

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return multiply_add(builder, vec, *(
            vector_of(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True)))
    return vec(a, b, c), codegen


def _choice(compare: str) -> Any:
    def typed(typingctx: Any, a: Any, b: Any) -> Any:
        vec = common_vector(a, b)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            x, y = (vector_of(context, builder, v, t, vec) for v, t in zip(args, sig.args, strict=True))
            if isinstance(vec.dtype, types.Float):
                return builder.select(builder.fcmp_ordered(compare, x, y), x, y)
            return builder.select(builder.icmp_signed(compare, x, y), x, y)
        return vec(a, b), codegen
    return typed


@intrinsic
def maximum(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two; b where one is NaN."""
    return _choice(">")(typingctx, a, b)


@intrinsic
def minimum(typingctx: Any, a: Any, b: Any) -> Any:
    """The smaller of two; b where one is NaN."""
    return _choice("<")(typingctx, a, b)


@intrinsic
def select(typingctx: Any, mask: Any, a: Any, b: Any) -> Any:
    """Lanes of a where the mask says yes, else of b; either may be a number."""
    vec = common_vector(a, b)
    return vec(mask, a, b), lambda context, builder, sig, args: builder.select(
        args[0], vector_of(context, builder, args[1], a, vec), vector_of(context, builder, args[2], b, vec))


@intrinsic
def mask_bits(typingctx: Any, mask: Any) -> Any:
    """A mask as an integer: bit i is lane i's answer."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.zext(builder.bitcast(args[0], ir.IntType(mask.lanes)), ir.IntType(64))
    return types.uint64(mask), codegen


@intrinsic
def lowest_bit(typingctx: Any, bits: Any) -> Any:
    """The place of the lowest bit that is set."""
    return types.intp(types.uint64), lambda context, builder, sig, args: call_llvm(
        builder, "llvm.cttz.i64", args[0].type, args[0], ir.IntType(1)(1))


@intrinsic
def lane(typingctx: Any, v: Any, i: Any) -> Any:
    """Element i."""
    return v.dtype(v, types.intp), lambda context, builder, sig, args: builder.extract_element(args[0], args[1])


@intrinsic
def square_root(typingctx: Any, v: Any) -> Any:
    """The square root of each lane."""
    return v(v), lambda context, builder, sig, args: call_llvm(
        builder, f"llvm.sqrt.{llvm_name(v)}", args[0].type, args[0])


@intrinsic
def bits_as(typingctx: Any, v: Any, like: Any) -> Any:
    """The same bits as another type's vector; like: a number of that type."""
    vec = Vec(like, v.lanes)
    return vec(v, like), lambda context, builder, sig, args: builder.bitcast(args[0], context.get_value_type(vec))


@intrinsic
def converted(typingctx: Any, v: Any, like: Any) -> Any:
    """The same numbers, of another type; integers wrap around. like: a number of that type."""
    vec = Vec(like, v.lanes)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to = context.get_value_type(vec)
        before, after = (isinstance(t, types.Float) for t in (v.dtype, vec.dtype))
        if before != after:
            return builder.sitofp(args[0], to) if after else builder.fptosi(args[0], to)
        if v.dtype.bitwidth == vec.dtype.bitwidth:
            return args[0]
        wider = vec.dtype.bitwidth > v.dtype.bitwidth
        name = ("fpext" if wider else "fptrunc") if after else ("sext" if wider else "trunc")
        return getattr(builder, name)(args[0], to)
    return vec(v, like), codegen


def _folded(combine: Any) -> Any:
    """The lanes brought together, halves onto halves: always in the same order."""
    def typed(typingctx: Any, v: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            x, half = args[0], v.lanes // 2
            while half:
                places = ir.Constant(ir.VectorType(INT32, v.lanes), [(i + half) % v.lanes for i in range(v.lanes)])
                x = combine(builder, v, x, builder.shuffle_vector(x, ir.Constant(x.type, ir.Undefined), places))
                half //= 2
            return builder.extract_element(x, INT32(0))
        return v.dtype(v), codegen
    return typed


@intrinsic
def reduce_add(typingctx: Any, v: Any) -> Any:
    """The sum of the lanes."""
    return _folded(lambda builder, vec, x, y: getattr(
        builder, "fadd" if isinstance(vec.dtype, types.Float) else "add")(x, y))(typingctx, v)


@intrinsic
def reduce_max(typingctx: Any, v: Any) -> Any:
    """The largest lane; a NaN among them may be passed over."""
    return _folded(lambda builder, vec, x, y: builder.select(
        (builder.fcmp_ordered if isinstance(vec.dtype, types.Float) else builder.icmp_signed)(">", x, y), x, y)
    )(typingctx, v)


def polynomial(float32: list[str], float64: list[str]) -> Any:
    """evaluate(x): the polynomial with these coefficients (in hexadecimal), lowest power first, by x's type."""
    tables = {32: float32, 64: float64}

    @intrinsic
    def evaluate(typingctx: Any, x: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element, t = context.get_value_type(x.dtype), args[0].type
            numbers = [ir.Constant(t, [ir.Constant(element, float.fromhex(text))] * x.lanes)
                       for text in tables[x.dtype.bitwidth]]
            total = numbers[-1]
            for number in numbers[-2::-1]:
                total = multiply_add(builder, x, total, args[0], number)
            return total
        return x(x), codegen
    return evaluate
