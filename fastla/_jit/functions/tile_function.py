"""The loop over a tile around a user's function, as a C function: `TileFunction` of `_native/contract/kernels.h`.

What the function is given beside numbers and their places lies in a block of 8-byte words: first, where it failed and
with what (`FAILED_WORDS`), then its slots: a number's word, or an array's address, lengths and strides.

A failure (an exception, an index beyond an array) sets a flag and computes on, for a loop with a way out is not
vectorised. The numbers of a part are kept aside until the flag has been looked at; where it is set they are computed
again one by one, and the first that fails is noted.
"""

import re
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import cfunc, from_dtype
from numba.core import cgutils, types
from numba.extending import intrinsic

from fastla._jit.functions.captured import Description
from fastla._jit.functions.numba_types.captured_array import CapturedArray
from fastla._jit.functions.numba_types.real import Real
from fastla._jit.functions.rewrite import compiled
from fastla._jit.functions.tile_pieces import (
    INT8,
    PART,
    POINTER,
    id_at,
    new_flag,
    note_failure,
    numbers_aside,
    wide_vectors,
    word_pointer,
)
from fastla._jit.functions.user_function import FAILED_WORDS


class Callback(NamedTuple):
    """A compiled function over tiles: its address, and what keeps the code alive."""

    address: int
    code: Any


def numba_type(kind: tuple) -> types.Type:
    """The type of a slot."""
    dtype, dims, layout = kind
    element = from_dtype(np.dtype(dtype))
    return CapturedArray(element, dims, layout) if layout else element


def _slot_reader(slots: list[types.Type]) -> Any:
    @intrinsic
    def read_slots(typingctx: Any, captured: Any, flag: Any) -> Any:
        """The slots' values as a tuple."""
        result = types.Tuple(slots)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            values, byte = [], 8 * FAILED_WORDS
            for t in slots:
                if isinstance(t, CapturedArray):
                    values.append(t.load(context, builder, args[0], byte, args[1]))
                    byte += 8 * (1 + 2 * t.ndim)
                else:
                    data = context.get_data_type(t)
                    values.append(context.data_model_manager[t].from_data(
                        builder, builder.load(word_pointer(builder, args[0], byte, data))))
                    byte += 8
            return context.make_tuple(builder, result, values)
        return result(captured, flag), codegen
    return read_slots


def _caller(kind: str, function: Any, element: types.Type, masks: bool) -> Any:
    """What calls the user's function for one number; kind: a letter for each argument, see user_function.py."""
    descriptor, library = function.fndesc, function.library

    @intrinsic
    def call(typingctx: Any, x: Any, line: Any, at: Any, b: Any, h: Any, norms: Any, slots: Any, flag: Any,
             across: Any) -> Any:
        """Place and norm of the line, then those in it; across: lines are columns."""
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            x_value, line_place, place, b_value, h_value, norm_pair, slot_values, flag_value, is_across = args

            def row_and_column(of_line: Any, in_line: Any) -> tuple:
                return builder.select(is_across, in_line, of_line), builder.select(is_across, of_line, in_line)
            i, j = row_and_column(line_place, place)
            norm_row, norm_column = row_and_column(*cgutils.unpack_tuple(builder, norm_pair))
            by_letter = {"x": x_value, "i": i, "j": j, "b": b_value, "h": h_value, "q": norm_row, "n": norm_column}
            values = [by_letter[letter] for letter in kind] + cgutils.unpack_tuple(builder, slot_values)
            context.add_linking_libs([library])
            compiled_function = context.declare_function(builder.module, descriptor)
            status, result = context.call_conv.call_function(
                builder, compiled_function, descriptor.restype, descriptor.argtypes, values)
            failed = builder.zext(status.is_error, INT8)
            builder.store(builder.or_(builder.load(flag_value), failed), flag_value)
            if masks:
                yes = context.is_true(builder, descriptor.restype, result)
                hidden = ir.Constant(x_value.type, 0 if isinstance(element, types.Integer) else float("-inf"))
                return builder.select(yes, x_value, hidden)
            return context.cast(builder, result, descriptor.restype, element)
        return element(x, line, at, b, h, norms, slots, flag, across), codegen
    return call


def _line(call: Any, has_ids: bool, has_norms: bool, may_fail: bool) -> Any:
    """The loop over one line of a tile. Compiled once, it is inlined for either value of `across`."""
    from numba import njit

    @njit(error_model="numpy", forceinline=True)
    def line(tile: Any, start: int, count: int, other: int, ids: Any, other_norm: Any, norms: Any, b: int, h: int,
             slots: Any, flag: Any, captured: Any, across: bool) -> int:
        aside = numbers_aside(tile)
        first, step = 0, PART if may_fail else count
        while first < count:
            n = min(step, count - first)
            for c in range(n):
                at, place = start + first + c, id_at(ids, first + c) if has_ids else 0
                norm = norms[first + c] if has_norms else other_norm
                y = call(tile[at], other, place, b, h, (other_norm, norm), slots, flag, across)
                if may_fail:
                    aside[c] = y
                else:
                    tile[at] = y
            if may_fail:
                if flag[0]:
                    flag[0] = 0
                    if n == 1:
                        at, place = start + first, id_at(ids, first) if has_ids else 0
                        norm = norms[first] if has_norms else other_norm
                        if across:
                            note_failure(captured, place, other, b, h, tile[at], (norm, other_norm))
                        else:
                            note_failure(captured, other, place, b, h, tile[at], (other_norm, norm))
                        return 1
                    step = 1
                    continue
                for c in range(n):
                    tile[start + first + c] = aside[c]
            first += n
        return 0
    return line


def may_fail(function: Any, slots: list[types.Type]) -> bool:
    """Whether a compiled function may raise, or read arrays."""
    if any(isinstance(t, CapturedArray) for t in slots):
        return True
    text = function.library.get_llvm_str()
    body = re.search(rf'define [^\n]*@"?{re.escape(function.fndesc.llvm_func_name)}"?\((.*?)\n}}', text, re.S)
    return body is None or set(re.findall(r"ret i32 (\S+)", body[1])) != {"0"}


def tile_function(description: Description, kind: str, dtype: np.dtype, masks: bool) -> Callback:
    """Compile a function; TypeError and Numba's errors where it cannot be."""
    element = from_dtype(dtype)
    of = element if isinstance(element, types.Float) else types.float64
    slots = [numba_type(slot.kind) for slot in description.slots]
    function = _compiled(description, kind, element, of, slots)
    returned = function.fndesc.restype
    if not isinstance(returned, types.Number | types.Boolean) or isinstance(returned, types.Complex) and not masks:
        raise TypeError(f"returns {returned}, expected {'a bool' if masks else 'a number'}")
    if "PyObject_Call" in function.library.get_llvm_str():
        raise TypeError("goes back to Python (objmode, or a function of fastla), which a kernel cannot wait for")
    fails = may_fail(function, slots)
    call = _caller(kind, function, element, masks)
    has_ids, has_norms = "i" in kind, "n" in kind
    line = _line(call, has_ids, has_norms, fails)
    read_slots = _slot_reader(slots)
    pointer, ids, n = types.CPointer(element), types.CPointer(types.int32), types.intp

    def run(tile: Any, rows: int, columns: int, row_stride: int, column_stride: int, row_ids: Any, column_ids: Any,
            row_norms: Any, column_norms: Any, b: int, h: int, captured: Any) -> int:
        wide_vectors()
        flag = new_flag()
        slots = read_slots(captured, flag)
        across = row_stride == 1 and column_stride != 1
        if across:
            for c in range(columns):
                norm = column_norms[c] if has_norms else tile[0]
                column = id_at(column_ids, c) if has_ids else 0
                if line(tile, c * column_stride, rows, column, row_ids, norm, row_norms, b, h, slots, flag, captured,
                        across):
                    return 1
        else:
            for r in range(rows):
                norm = row_norms[r] if has_norms else tile[0]
                row = id_at(row_ids, r) if has_ids else 0
                if line(tile, r * row_stride, columns, row, column_ids, norm, column_norms, b, h, slots, flag, captured,
                        across):
                    return 1
        return 0
    signature = types.int32(pointer, n, n, n, n, ids, ids, pointer, pointer, n, n, POINTER)
    code = cfunc(signature, error_model="numpy")(run)
    return Callback(code.address, code)


def _compiled(description: Description, kind: str, element: types.Type, of: types.Float, slots: list[Any]) -> Any:
    """With numbers of real.py; what these do not know, with Numba's."""
    from numba.core.errors import NumbaError
    if isinstance(element, types.Float):
        real = Real(of)
        try:
            return compiled(description, [real if letter in "xqn" else types.intp for letter in kind], slots, of, True)
        except (NumbaError, TypeError, NotImplementedError):
            pass
    return compiled(description, [element if letter in "xqn" else types.intp for letter in kind], slots, of, False)
