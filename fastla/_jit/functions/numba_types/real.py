"""The number that a user's function computes with: a type of its own, for Numba's float32 does not stay one.

`Real` is as wide as the array that the function works on, and whatever meets it becomes one: integers (Numba makes
float64 of float32 and an index), float64 scalars, elements of captured arrays. A `Literal`, a number of the function's
text, is exact until it meets something: a Real gives a Real, an integer a
float64, another float stays what it is. Their
operations are Numba's own on the float underneath; functions that Numba would call number by number are those of
`real_math.py`, which LLVM inlines and vectorises.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.imputils import lower_cast, lower_constant
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model, typeof_impl

from fastla._jit.functions.numba_types import real_math
from fastla._jit.functions.numba_types.emitted import Value

MOST_POWER = 64         # whole exponents up to this are products


class _Own(types.Number):
    """A float that is none of Numba's; `of`: the one that a function's Reals are."""

    def __init__(self, name: str, of: types.Float) -> None:
        super().__init__(f"{name}({of})")
        self.of = of

    def unify(self, typingctx: Any, other: Any) -> Any:
        return meet(self, other)


class Real(_Own):
    """The number that a function is called with, and what is made of it."""

    def __init__(self, of: types.Float) -> None:
        super().__init__("Real", of)


class Literal(_Own):
    """A floating-point number of the function's text."""

    def __init__(self, of: types.Float) -> None:
        super().__init__("Literal", of)


_FLOATS = types.Float | _Own


class LiteralValue:
    """A Literal as a constant of the intermediate representation."""

    def __init__(self, value: float, of: types.Float) -> None:
        self.value, self.of = value, of


@typeof_impl.register(LiteralValue)
def _typeof_literal(value: LiteralValue, c: Any) -> Literal:
    return Literal(value.of)


@register_model(Real)
@register_model(Literal)
class _Model(models.PrimitiveModel):
    def __init__(self, dmm: Any, t: _Own) -> None:
        super().__init__(dmm, t, dmm.lookup(plain(t)).get_value_type())


def _lower_literal(context: Any, builder: Any, t: Literal, value: LiteralValue) -> Any:
    return ir.Constant(ir.DoubleType(), value.value)


def plain(t: Any) -> Any:
    """The type of Numba's with the same bits."""
    return t.of if isinstance(t, Real) else types.float64 if isinstance(t, Literal) else t


def meet(a: Any, b: Any) -> Any:
    """The type that two numbers become; None: not for this file to say."""
    if isinstance(b, Real) and not isinstance(a, Real) or isinstance(b, Literal) and not isinstance(a, _Own):
        a, b = b, a
    if isinstance(a, Real) and isinstance(b, _FLOATS | types.Integer | types.Boolean):
        return a
    if isinstance(a, Literal):
        if isinstance(b, types.Integer | types.Boolean):
            return Real(a.of) if isinstance(b, types.Boolean) else types.float64
        return b if isinstance(b, _FLOATS) else None
    return None


def _cast(context: Any, builder: Any, from_type: Any, to_type: Any, value: Any) -> Any:
    return context.cast(builder, value, plain(from_type), plain(to_type))


def _delegate(function: Callable) -> Callable:
    """Code that lets Numba's own function do it, on floats."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        resolved = context.typing_context.resolve_value_type(function)
        inner = resolved.get_call_type(context.typing_context, [plain(t) for t in sig.args], {})
        args = [context.cast(builder, x, plain(t), to) for x, t, to in zip(args, sig.args, inner.args, strict=True)]
        result = context.get_function(resolved, inner)(builder, args)
        return context.cast(builder, result, inner.return_type, sig.return_type)
    return codegen


def _define(function: Callable, generic: Callable, codegen: Callable, *lowered: Any, literal: bool = False) -> None:
    """Tell Numba the types that a function takes and gives, and the code for arguments of these classes."""
    template = type("RealTemplate", (AbstractTemplate,), {
        "key": function, "generic": lambda self, args, kws: None if kws else generic(self.context, args),
        "prefer_literal": literal})
    infer_global(function, types.Function(template))        # as a decorator it asks for a name, which old ufuncs lack
    for classes in lowered:
        lower_builtin(function, *classes)(codegen)


def _binary(result: Any) -> Callable:
    def generic(context: Any, args: Any) -> Any:
        t = meet(*args) if len(args) == 2 else None
        return None if t is None else signature(result or t, t, t)
    return generic


def _unary(result: Any, *names: type) -> Callable:
    def generic(context: Any, args: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], names or _Own):
            return signature(result or args[0], *args)
        return None
    return generic


def _power(context: Any, args: Any) -> Any:
    base, exponent = args
    if isinstance(base, Real) and isinstance(exponent, types.IntegerLiteral):
        return signature(base, base, exponent) if abs(exponent.literal_value) <= MOST_POWER else None
    return _binary(None)(context, [plain_literal(t) for t in args])


def plain_literal(t: Any) -> Any:
    """An integer literal's type without its value."""
    return t.literal_type if isinstance(t, types.IntegerLiteral) else t


def _lower_power(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    exponent, square = sig.args[1].literal_value, args[0]
    product, n = None, abs(exponent)
    while n:
        if n & 1:
            product = square if product is None else builder.fmul(product, square)
        n >>= 1
        square = builder.fmul(square, square) if n else square
    one = ir.Constant(args[0].type, 1.0)
    return one if product is None else product if exponent > 0 else builder.fdiv(one, product)


def _function(spelled: Callable, numba: Callable, emit: Callable | None) -> None:
    """A function of real numbers by any of its names: emitted here, or Numba's `numba`."""
    def generic(context: Any, args: Any) -> Any:
        real = next((Real(t.of) for t in args if isinstance(t, _Own)), None)
        if real is None or not all(isinstance(t, _FLOATS | types.Integer | types.Boolean) for t in args):
            return None
        if emit is not None:
            return signature(real, *[real] * len(args)) if len(args) == emit.__code__.co_argcount else None
        inner = context.resolve_function_type(numba, tuple(real.of for _ in args), {})
        result = real if isinstance(inner.return_type, types.Float) else inner.return_type
        return signature(result, *[real] * len(args))

    def emitted(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return emit(*(Value(context, builder, x) for x in args)).value
    count = 1 if emit is None else emit.__code__.co_argcount
    counts = (1, 2) if emit is None else (count,)
    _define(spelled, generic, _delegate(numba) if emit is None else emitted, *((Real,) * n for n in counts))


def _where(context: Any, args: Any) -> Any:
    if len(args) != 3 or not isinstance(args[0], types.Boolean):
        return None
    t = meet(args[1], args[2])
    return None if t is None else signature(t, types.boolean, t, t)


def _register() -> None:
    lower_constant(Literal)(_lower_literal)
    for classes in ((_Own, types.Number), (types.Number, _Own), (_Own, _Own), (_Own, types.Boolean),
                    (types.Boolean, _Own)):
        lower_cast(*classes)(_cast)
    arithmetic = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod]
    for op in arithmetic:
        for name in (op, getattr(operator, f"i{op.__name__}")):
            _define(name, _binary(None), _delegate(op), (Real, Real), (Literal, Literal))
    for name in (operator.pow, operator.ipow):
        _define(name, _power, _delegate(operator.pow), (Real, Real), (Literal, Literal), literal=True)
        lower_builtin(name, Real, types.IntegerLiteral)(_lower_power)
    for op in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        _define(op, _binary(types.boolean), _delegate(op), (Real, Real), (Literal, Literal))
    for op in (operator.neg, operator.pos, abs):
        _define(op, _unary(None), _delegate(op), (Real,), (Literal,))
    for op in (operator.not_, bool):
        _define(op, _unary(types.boolean), _delegate(op), (Real,), (Literal,))
    for module, functions in ((math, real_math.FUNCTIONS), (np, real_math.NUMPY_FUNCTIONS)):
        for name, emit in functions.items():
            if hasattr(module, name):
                _function(getattr(module, name), getattr(math, real_math.SAME.get(name, name), None), emit)
    _define(np.where, _where, lambda context, builder, sig, args: builder.select(*args),
            (types.Boolean, Real, Real), (types.Boolean, Literal, Literal))


_register()
