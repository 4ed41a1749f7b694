"""Objects and functions as constants of compiled code: true, equal to themselves, and never None.

Numba has no type for them. What a function takes of an object (its attributes) and calls is replaced before this type
is met (`rewrite.py`); what is left are comparisons and tests, which are answered here while compiling.
"""

import operator
from typing import Any

from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, overload, register_model, typeof_impl

from fastla._jit.functions.substitutes import Helper, Place


class Known(types.Opaque):
    """An object: `compared` by its class's own ==, `counted` where its class says when it is true."""

    def __init__(self, shown: str, compared: bool, counted: bool) -> None:
        super().__init__(shown + ", with ==" * compared + ", with a truth of its own" * counted)
        self.compared, self.counted = compared, counted


register_model(Known)(models.OpaqueModel)


@typeof_impl.register(Place)
def _type_of_place(place: Place, context: Any) -> Known:
    return Known(place.shown, place.compared, place.counted)


@typeof_impl.register(Helper)
def _type_of_helper(helper: Helper, context: Any) -> Known:
    return Known(helper.shown, False, False)


def _compare(answer: bool) -> Any:
    def generic(x: Any, y: Any) -> Any:
        known = [t for t in (x, y) if isinstance(t, Known)]
        if not known or any(t.compared for t in known):
            return None
        same = answer if x == y else not answer

        def run(x: Any, y: Any) -> Any:
            return same
        return run
    return generic


class _Truth(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        x, = args
        return signature(types.boolean, x) if isinstance(x, Known) and not x.counted else None


overload(operator.eq)(_compare(True))
overload(operator.ne)(_compare(False))
for operation, answer in ((bool, cgutils.true_bit), (operator.truth, cgutils.true_bit),
                          (operator.not_, cgutils.false_bit)):
    infer_global(operation)(type("_TruthOf", (_Truth,), {"key": operation}))
    lower_builtin(operation, Known)(lambda context, builder, sig, args, answer=answer: answer)


@lower_builtin(operator.is_, Known, Known)
def _is(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return cgutils.true_bit if sig.args[0] == sig.args[1] else cgutils.false_bit
