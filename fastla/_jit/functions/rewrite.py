"""A user's function as Numba's intermediate representation, rewritten and compiled.

Bytecode differs from one Python to the next, and a function's text is not always to be had; the representation that
Numba makes of any of them is. In it literals become those of `numba_types/real.py`, what a description has a slot for
becomes an argument, attributes of objects become what they stand for, and the functions that it calls are inlined.
"""

import inspect
import operator
from collections import Counter
from types import ModuleType
from typing import Any

import numpy as np
from numba.core import compiler, ir, ir_utils, postproc, types
from numba.core.analysis import compute_cfg_from_blocks
from numba.core.cpu import ParallelOptions
from numba.core.inline_closurecall import InlineClosureCallPass, InlineWorker
from numba.core.ir_utils import find_topo_order, guard, simplify_CFG
from numba.core.registry import cpu_target

from fastla._jit.functions.captured import Description
from fastla._jit.functions.numba_types import known  # noqa: F401
from fastla._jit.functions.numba_types.pythonic import power, where
from fastla._jit.functions.numba_types.real import MOST_POWER, LiteralValue
from fastla._jit.functions.substitutes import Helper, Place, Slot, copy_with

MOST_INLINED = 500


ASKED = (hasattr, getattr, isinstance, issubclass, type, id, callable, vars, dir)    # of objects, in Python


def _is_frozen(t: Any) -> bool:
    """Whether Numba's constants of a type do not follow the object."""
    if isinstance(t, types.BaseTuple):
        return any(_is_frozen(element) for element in t)
    return isinstance(t, types.Array | types.Record | types.List | types.Set)


def _must_be_known(read: Any) -> None:
    """TypeError if a function reads an object that Numba has no constants of, or asks what compiled code cannot."""
    value = read.value
    if any(value is asked for asked in ASKED):
        raise TypeError(f"calls {read.name}, whose answer compiled code does not know")
    if callable(value) or isinstance(value, Slot | Helper | ModuleType) or value is ir.UNDEFINED:
        return
    try:
        found = cpu_target.typing_context.resolve_value_type(value)
    except Exception:           # a ValueError, or NumPy's of a dtype
        found = None
    if found is None or _is_frozen(found):
        of = f"dtype {value.dtype}" if isinstance(value, np.ndarray) else f"type {type(value).__name__}"
        inside = " of arrays" if isinstance(found, types.BaseTuple) else ""
        raise TypeError(f"reads {read.name}, of {of}{inside}, where it may read numbers, arrays of numbers, tuples of "
                        "numbers, strings, functions, and attributes of objects that are such")


class _Rewriter:
    """of: the float that literals are taken to; own: whether as `Literal`s or as Numba's floats."""

    def __init__(self, of: types.Float, own: bool) -> None:
        self.of, self.own = of, own
        self.assigned: dict[str, int] = {}          # how often each variable is
        # Variables that are assigned once: literals, NumPy itself, the builtin pow, and objects.
        self.constants: dict[str, float] = {}
        self.numpy: set[str] = set()
        self.pow: set[str] = set()
        self.places: dict[str, Place] = {}

    def literal(self, value: float) -> Any:
        if self.own:
            return LiteralValue(value, self.of)
        return np.float32(value) if self.of is types.float32 else value

    def run(self, func_ir: ir.FunctionIR, parameters: list[Any] | None) -> None:
        """parameters: what stands for the function's arguments (Description.parameters); None: they stay."""
        self.assigned = Counter(statement.target.name for block in func_ir.blocks.values()
                                for statement in block.find_insts(ir.Assign))
        for label in find_topo_order(func_ir.blocks):
            body: list[Any] = []
            for statement in func_ir.blocks[label].body:
                if isinstance(statement, ir.Assign):
                    self._assign(statement, parameters, body)
                body.append(statement)
            func_ir.blocks[label].body = body

    def _assign(self, statement: ir.Assign, parameters: list[Any] | None, body: list[Any]) -> None:
        value, loc = statement.value, statement.loc
        target, once = statement.target.name, self.assigned[statement.target.name] == 1
        if isinstance(value, ir.Arg) and parameters is not None:
            found = parameters[value.index]
            if isinstance(found, int):
                statement.value = ir.Arg(value.name, found, loc)
            else:
                value = ir.Global(value.name, found, loc)
        if isinstance(value, ir.Expr) and value.op == "getattr" and value.value.name in self.places:
            members = self.places[value.value.name].members
            if value.attr in members:
                value = ir.Global(value.attr, members[value.attr], loc)
        elif isinstance(value, ir.Expr) and value.op == "getattr" and value.value.name in self.numpy:
            value = ir.Global(value.attr, getattr(np, value.attr, ir.UNDEFINED), loc)
        if isinstance(value, ir.Global | ir.FreeVar):
            if isinstance(value.value, Place):
                if once:
                    self.places[target] = value.value
            else:
                _must_be_known(value)
            if isinstance(value.value, Place | Helper):
                value = ir.Const(value.value, loc)
            elif value.value is np and once:
                self.numpy.add(target)
            elif value.value is pow and once:
                self.pow.add(target)
            elif value.value is np.where:
                value = ir.Global("where", where, loc)
            statement.value = value
        elif isinstance(value, ir.Var) and value.name in self.places and once:
            self.places[target] = self.places[value.name]
        elif isinstance(value, ir.Const) and type(value.value) in (int, float):
            if once:
                self.constants[target] = value.value
            if type(value.value) is float:
                statement.value = ir.Const(self.literal(value.value), loc)
        elif isinstance(value, ir.Expr) and value.op in ("binop", "inplace_binop") \
                and value.fn in (operator.pow, operator.ipow):
            self._power(value, statement, body)
        elif isinstance(value, ir.Expr) and value.op == "call" and value.func.name in self.pow \
                and len(value.args) == 2 and not value.kws:
            self._power(ir.Expr.binop(operator.pow, *value.args, loc), statement, body)

    def _power(self, value: ir.Expr, statement: ir.Assign, body: list[Any]) -> None:
        """Make x ** 2 of x ** 2.0, 1.0 / x ** 2 of x ** -2, and power(x, y) where y is no literal."""
        loc, exponent = statement.loc, self.constants.get(value.rhs.name)

        def new(what: Any, name: str) -> ir.Var:
            variable = statement.target.scope.redefine(name, loc=loc)
            body.append(ir.Assign(what, variable, loc))
            return variable
        if exponent is None or exponent != exponent // 1 or abs(exponent) > MOST_POWER:
            function = new(ir.Global("power", power, loc), "$power")
            statement.value = ir.Expr.call(function, (value.lhs, value.rhs), (), loc)
            return
        rhs = new(ir.Const(int(abs(exponent)), loc), "$whole")
        raised = ir.Expr.binop(operator.pow, value.lhs, rhs, loc)
        if exponent < 0:
            one = new(ir.Const(self.literal(1.0), loc), "$one")
            raised = ir.Expr.binop(operator.truediv, one, new(raised, "$raised"), loc)
        statement.value = raised


def _untyped(function: Any) -> ir.FunctionIR:
    """A function's representation, with the functions within it inlined where they are called."""
    func_ir = compiler.run_frontend(function)
    InlineClosureCallPass(func_ir, ParallelOptions(False)).run()
    return func_ir


def _next_helper(func_ir: ir.FunctionIR) -> tuple[Any, int, Helper] | None:
    """The next call of a function that is to be inlined: its block, its place there, the function."""
    for block in func_ir.blocks.values():
        for i, statement in enumerate(block.body):
            if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Expr) \
                    and statement.value.op == "call":
                called = guard(ir_utils.get_definition, func_ir, statement.value.func)
                value = called.value if isinstance(called, ir.Global | ir.FreeVar | ir.Const) else None
                helper = value.call if isinstance(value, Place) else value
                if isinstance(helper, Helper):
                    return block, i, helper
    return None


def _inline_helpers(func_ir: ir.FunctionIR, of: types.Float, own: bool) -> None:
    worker = InlineWorker()
    for _ in range(MOST_INLINED):
        func_ir._definitions = ir_utils.build_definitions(func_ir.blocks)
        found = _next_helper(func_ir)
        if found is None:
            break
        block, i, helper = found
        function = helper.copy()
        called = _untyped(function)
        _Rewriter(of, own).run(called, helper.parameters)
        if helper.parameters is not None:       # what the worker holds a call against
            signature = inspect.signature(function)
            function.__signature__ = signature.replace(     # type: ignore[attr-defined]
                parameters=[signature.parameters[name] for name in helper.free])
        worker.inline_ir(func_ir, block, i, called, helper.function.__code__.co_freevars)
    else:
        raise TypeError(f"calls more than {MOST_INLINED} functions")
    for dead in compute_cfg_from_blocks(func_ir.blocks).dead_nodes():
        del func_ir.blocks[dead]
    func_ir.blocks = simplify_CFG(func_ir.blocks)


def _slots_as_arguments(func_ir: ir.FunctionIR, count: int) -> None:
    for block in func_ir.blocks.values():
        for statement in block.body:
            if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Global | ir.FreeVar | ir.Const) \
                    and isinstance(statement.value.value, Slot):
                at = count + statement.value.value.index
                statement.value = ir.Arg(func_ir.arg_names[at], at, statement.loc)


def compiled(description: Description, arguments: list[types.Type], slots: list[types.Type], of: types.Float,
             own: bool) -> compiler.CompileResult:
    """Compile a function of `arguments`, then `slots`; errors are Numba's."""
    func_ir = _untyped(copy_with(description.function, description.names))
    _Rewriter(of, own).run(func_ir, description.parameters)
    _inline_helpers(func_ir, of, own)
    func_ir.arg_names = tuple(f"argument{i}" for i in range(len(arguments) + len(slots)))
    func_ir.arg_count = len(func_ir.arg_names)
    for block in func_ir.blocks.values():
        for statement in block.body:
            if isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Arg):
                statement.value = ir.Arg(func_ir.arg_names[statement.value.index], statement.value.index, statement.loc)
    _slots_as_arguments(func_ir, len(arguments))
    func_ir._definitions = ir_utils.build_definitions(func_ir.blocks)
    func_ir._consts = type(func_ir._consts)(func_ir)
    postproc.PostProcessor(func_ir).run()
    flags = compiler.Flags()
    flags.nrt = flags.forceinline = flags.boundscheck = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.error_model = "numpy"
    cpu_target.typing_context.refresh()
    cpu_target.target_context.refresh()
    return compiler.compile_ir(
        cpu_target.typing_context, cpu_target.target_context, func_ir, (*arguments, *slots), None, flags, {})
