"""A number while code is being emitted: formulas are written with Python's operators."""

from typing import Any

from llvmlite import ir


class Value:
    """A float32 or float64 while code is being emitted; Python's operators emit. Numbers beside it take its type."""

    def __init__(self, context: Any, builder: Any, value: Any) -> None:
        self.context, self.builder, self.value = context, builder, value
        self.wide = value.type == ir.DoubleType()
        self.integers = ir.IntType(64 if self.wide else 32)

    def of(self, value: Any) -> "Value":
        return Value(self.context, self.builder, value)

    def number(self, x: Any) -> "Value":
        if isinstance(x, Value):
            return x
        x = float.fromhex(x) if isinstance(x, str) else x
        return self.of(ir.Constant(self.value.type, float(x)))

    def choose(self, narrow: Any, wide: Any) -> "Value":
        """A constant of float32, or of float64."""
        return self.number(wide if self.wide else narrow)

    def _emit(self, name: str, x: Any, y: Any) -> "Value":
        x, y = self.number(x), self.number(y)
        return self.of(getattr(self.builder, name)(x.value, y.value))

    def __add__(self, y: Any) -> "Value":
        return self._emit("fadd", self, y)

    def __sub__(self, y: Any) -> "Value":
        return self._emit("fsub", self, y)

    def __mul__(self, y: Any) -> "Value":
        return self._emit("fmul", self, y)

    def __truediv__(self, y: Any) -> "Value":
        return self._emit("fdiv", self, y)

    def __radd__(self, y: Any) -> "Value":
        return self._emit("fadd", y, self)

    def __rsub__(self, y: Any) -> "Value":
        return self._emit("fsub", y, self)

    def __rmul__(self, y: Any) -> "Value":
        return self._emit("fmul", y, self)

    def __rtruediv__(self, y: Any) -> "Value":
        return self._emit("fdiv", y, self)

    def compare(self, op: str, y: Any) -> Any:
        return self.builder.fcmp_ordered(op, self.value, self.number(y).value)

    def is_nan(self) -> Any:
        return self.builder.fcmp_unordered("uno", self.value, self.value)

    def select(self, where: Any, y: Any, z: Any) -> "Value":
        return self.of(self.builder.select(where, self.number(y).value, self.number(z).value))

    def intrinsic(self, name: str, *more: Any) -> "Value":
        """A function of LLVM's with this and further numbers."""
        args = [self.value, *(self.number(x).value for x in more)]
        function = self.builder.module.declare_intrinsic(f"llvm.{name}", [self.value.type],
                                                         ir.FunctionType(self.value.type, [a.type for a in args]))
        return self.of(self.builder.call(function, args))

    def fma(self, y: Any, z: Any) -> "Value":
        """Multiply by y and add z, fused where the CPU can."""
        return self.intrinsic("fmuladd", y, z)

    def bits(self) -> Any:
        return self.builder.bitcast(self.value, self.integers)

    def from_bits(self, bits: Any) -> "Value":
        return self.of(self.builder.bitcast(bits, self.value.type))

    def polynomial(self, narrow: str, wide: str) -> "Value":
        """Of this number; coefficients in hexadecimal, lowest power first."""
        numbers = (wide if self.wide else narrow).split()
        total = self.number(numbers[-1])
        for text in numbers[-2::-1]:
            total = total.fma(self, self.number(text))
        return total
