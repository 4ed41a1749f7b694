"""C, as Numba sees it: structs and their pointers, calls of C functions, and functions of Numba's as callbacks.

Addresses are integers (intp) until `cast` makes typed pointers of them. Nothing here bakes an address into compiled
code: what is cached on disk is loaded at another one.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


@intrinsic
def struct(typingctx: Any, pointer: Any) -> Any:
    """The record that a pointer to one points to; its fields are read and written where they lie."""
    return pointer.dtype(pointer), lambda context, builder, sig, args: builder.bitcast(
        args[0], context.get_value_type(pointer.dtype))


@intrinsic
def cast(typingctx: Any, address: Any, pointer_type: Any) -> Any:
    """An address, or a pointer of another type, as a pointer of this type."""
    t = getattr(pointer_type, "instance_type", None) or pointer_type.dtype

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to = context.get_value_type(t)
        return builder.inttoptr(args[0], to) if isinstance(address, types.Integer) else builder.bitcast(args[0], to)
    return t(address, pointer_type), codegen


@intrinsic
def address_of(typingctx: Any, pointer: Any) -> Any:
    """The address that a pointer holds, or at which a record lies."""
    return types.intp(pointer), lambda context, builder, sig, args: builder.ptrtoint(
        args[0], context.get_value_type(types.intp))


@intrinsic
def offset(typingctx: Any, pointer: Any, index: Any) -> Any:
    """The pointer to pointer[index]."""
    return pointer(pointer, types.intp), lambda context, builder, sig, args: builder.gep(args[0], [args[1]])


@intrinsic(prefer_literal=True)
def room(typingctx: Any, pointer_type: Any, count: Any) -> Any:
    """A pointer to so many (a literal) of what it points to, on the stack, for as long as the function runs."""
    t = getattr(pointer_type, "instance_type", None) or pointer_type.dtype

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = context.get_abi_sizeof(context.get_data_type(t.dtype)) * count.literal_value
        block = cgutils.alloca_once(builder, ir.ArrayType(ir.IntType(64), -(-size // 8)))
        return builder.bitcast(block, context.get_value_type(t))
    return t(pointer_type, count), codegen


@intrinsic
def copied(typingctx: Any, pointer: Any) -> Any:
    """A pointer to a copy, on the stack, of the record that a pointer points to."""
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = context.get_abi_sizeof(context.get_data_type(pointer.dtype))
        block = cgutils.alloca_once(builder, ir.ArrayType(ir.IntType(64), -(-size // 8)))
        cgutils.raw_memcpy(builder, block, args[0], ir.IntType(64)(size), 1)
        return builder.bitcast(block, context.get_value_type(pointer))
    return pointer(pointer), codegen


def _c_type(context: Any, result: types.Type, parameters: tuple[types.Type, ...]) -> Any:
    to = ir.VoidType() if result is types.void else context.get_value_type(result)
    return ir.FunctionType(to, [context.get_value_type(p) for p in parameters])


def c_function(result: types.Type, *parameters: types.Type) -> Any:
    """call(address, (arguments...)): a call of the C function of this type at an address."""
    @intrinsic
    def call(typingctx: Any, address: Any, arguments: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            values = [context.cast(builder, value, given, wanted) for value, given, wanted
                      in zip(cgutils.unpack_tuple(builder, args[1]), arguments, parameters, strict=True)]
            function = builder.inttoptr(args[0], _c_type(context, result, parameters).as_pointer())
            answer = builder.call(function, values)
            return context.get_dummy_value() if result is types.void else answer
        return result(address, arguments), codegen
    return call


def c_pointer(result: types.Type, *parameters: types.Type) -> Any:
    """to(function): the address of an @njit function as a C function of this type.

    It is that of a thunk in the caller's own module, so that it is right wherever a cache loads it. An exception in
    the function is a status of the contract's callers: the thunk answers -1, where it answers anything.
    """
    @intrinsic
    def to(typingctx: Any, function: Any) -> Any:
        call = function.get_call_type(typingctx, parameters, {})

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            compiled = function.dispatcher.overloads[call.args]
            context.add_linking_libs([compiled.library])
            name = f"thunk.{compiled.fndesc.mangled_name}.{len(builder.module.globals)}"
            thunk = ir.Function(builder.module, _c_type(context, result, parameters), name)
            thunk.linkage = "internal"
            inner = ir.IRBuilder(thunk.append_basic_block("entry"))
            target = context.declare_function(builder.module, compiled.fndesc)
            status, answer = context.call_conv.call_function(
                inner, target, compiled.fndesc.restype, compiled.fndesc.argtypes, thunk.args)
            if result is types.void:
                inner.ret_void()
            else:
                inner.ret(inner.select(status.is_ok, answer, ir.Constant(answer.type, -1)))
            return builder.ptrtoint(thunk, context.get_value_type(types.intp))
        return types.intp(function), codegen
    return to


