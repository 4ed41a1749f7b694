"""Vectors of the CPU as Numba values: `Vec` is a type whose data model is an LLVM vector.

Operators work lane by lane; a number beside a vector is taken to the vector's type, so literals do not widen it.
Comparisons give a `Mask`. A `Tile` is an array of vectors on the stack, which lies in registers once the loops over it
are unrolled. `memory.py` loads and stores them, `lanes.py` has what is done with lanes, `vmath.py` functions of them.
"""

import operator
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.registry import cpu_target
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

FEATURES = frozenset(cpu_target.target_context.codegen().magic_tuple()[2].split(","))
BYTES = 64 if {"+avx512f", "+avx512bw", "+avx512dq", "+avx512vl"} <= FEATURES else 32 if "+avx2" in FEATURES else 16
FUSED = "+fma" in FEATURES or "+neon" in FEATURES
INT32 = ir.IntType(32)


def lanes_of(dtype: types.Type) -> int:
    """How many elements of a type a vector holds."""
    return BYTES * 8 // dtype.bitwidth


class Vec(types.Type):
    """`lanes` numbers of one type; as many as a vector of the CPU holds by default."""

    def __init__(self, dtype: types.Type, lanes: int | None = None) -> None:
        self.dtype, self.lanes = dtype, lanes or lanes_of(dtype)
        super().__init__(f"Vec({dtype} x {self.lanes})")


class Mask(types.Type):
    """A yes or no for each lane."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(f"Mask({lanes})")


class Tile(types.Type):
    """Rows x columns vectors on the stack, indexed tile[i, j]."""

    def __init__(self, vec: Vec, rows: int, columns: int) -> None:
        self.vec, self.rows, self.columns = vec, rows, columns
        super().__init__(f"Tile({vec}, {rows}, {columns})")


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, t: Vec) -> None:
        super().__init__(dmm, t, ir.VectorType(dmm.lookup(t.dtype).get_value_type(), t.lanes))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, t: Mask) -> None:
        super().__init__(dmm, t, ir.VectorType(ir.IntType(1), t.lanes))


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, t: Tile) -> None:
        vec = dmm.lookup(t.vec).get_value_type()
        super().__init__(dmm, t, ir.ArrayType(ir.ArrayType(vec, t.columns), t.rows).as_pointer())


def vector_of(context: Any, builder: Any, value: Any, t: types.Type, vec: Vec) -> Any:
    """A value as a vector: a vector itself, or a number in each lane."""
    if isinstance(t, Vec):
        return value
    value = context.cast(builder, value, types.unliteral(t), vec.dtype)
    nothing = ir.Constant(context.get_value_type(vec), ir.Undefined)
    one = builder.insert_element(nothing, value, INT32(0))
    return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(INT32, vec.lanes), [0] * vec.lanes))


def call_llvm(builder: Any, name: str, result: Any, *values: Any) -> Any:
    """A call of an LLVM intrinsic."""
    function = ir.FunctionType(result, [value.type for value in values])
    return builder.call(cgutils.get_or_insert_function(builder.module, function, name), values)


def llvm_name(vec: Vec) -> str:
    """What LLVM calls a vector in the names of its intrinsics: v16f32."""
    return f"v{vec.lanes}{'f' if isinstance(vec.dtype, types.Float) else 'i'}{vec.dtype.bitwidth}"


# --- operators -------------------------------------------------------------------------------------------------------
def common_vector(x: types.Type, y: types.Type) -> Vec | None:
    """The vector type of an operation's operands; None: neither, or two that differ."""
    if isinstance(x, Vec) and (x == y or isinstance(y, types.Number)):
        return x
    return y if isinstance(y, Vec) and isinstance(x, types.Number) else None


def _define(function: Any, emit: Any, compares: bool = False) -> None:
    """emit(builder, vec, x, y) as what an operator does with vectors."""
    @infer_global(function)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            vec = common_vector(*args) if len(args) == 2 and not kws else None
            if vec is None:
                return None
            return signature(Mask(vec.lanes) if compares else vec, *args)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vec = common_vector(*sig.args)
        x, y = (vector_of(context, builder, value, t, vec) for value, t in zip(args, sig.args, strict=True))
        return emit(builder, vec, x, y)

    for pair in (Vec, Vec), (Vec, types.Number), (types.Number, Vec):
        lower_builtin(function, *pair)(lower)


def _arithmetic(function: Any, of_float: str, of_integer: str) -> None:
    _define(function, lambda builder, vec, x, y: getattr(
        builder, of_float if isinstance(vec.dtype, types.Float) else of_integer)(x, y))


def _comparison(function: Any, sign: str) -> None:
    def emit(builder: Any, vec: Vec, x: Any, y: Any) -> Any:
        if isinstance(vec.dtype, types.Float):
            return (builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered)(sign, x, y)
        return (builder.icmp_signed if vec.dtype.signed else builder.icmp_unsigned)(sign, x, y)

    _define(function, emit, compares=True)


for _f, _of_float, _of_integer in ((operator.add, "fadd", "add"), (operator.sub, "fsub", "sub"),
                                   (operator.mul, "fmul", "mul"), (operator.truediv, "fdiv", "sdiv"),
                                   (operator.lshift, "", "shl"), (operator.rshift, "", "ashr"),
                                   (operator.and_, "", "and_"), (operator.or_, "", "or_"), (operator.xor, "", "xor")):
    _arithmetic(_f, _of_float, _of_integer)
for _f, _sign in ((operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">="),
                  (operator.eq, "=="), (operator.ne, "!=")):
    _comparison(_f, _sign)


def _define_masks(function: Any, emit: Any) -> None:
    @infer_global(function)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            if len(args) == 2 and isinstance(args[0], Mask) and args[0] == args[1]:
                return signature(args[0], *args)
            return None

    lower_builtin(function, Mask, Mask)(lambda context, builder, sig, args: emit(builder, *args))


_define_masks(operator.and_, lambda builder, x, y: builder.and_(x, y))
_define_masks(operator.or_, lambda builder, x, y: builder.or_(x, y))


@infer_global(operator.neg)
class _Neg(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(args[0], args[0]) if isinstance(args[0], Vec) else None


@lower_builtin(operator.neg, Vec)
def _(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0]) if isinstance(sig.args[0].dtype, types.Float) else builder.neg(args[0])
