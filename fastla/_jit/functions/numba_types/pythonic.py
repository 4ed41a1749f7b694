"""Operations that Numba answers otherwise than Python and NumPy do: what `rewrite.py` puts in their place."""

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload


def power(x: Any, y: Any) -> Any:
    """Return x ** y where y is no literal: a whole number to a negative power is no whole number."""
    raise NotImplementedError


def where(condition: Any, x: Any, y: Any) -> Any:
    """Return numpy.where, of numbers a number."""
    raise NotImplementedError


@overload(power)
def _power(x: Any, y: Any) -> Any:
    def of_whole(x: Any, y: Any) -> Any:
        return float(x) ** y

    def of_real(x: Any, y: Any) -> Any:
        return x ** y
    return of_whole if isinstance(x, types.Integer | types.Boolean) and isinstance(y, types.Integer) else of_real


@overload(where)
def _where(condition: Any, x: Any, y: Any) -> Any:
    def of_numbers(condition: Any, x: Any, y: Any) -> Any:
        return x if condition else y

    def numpys(condition: Any, x: Any, y: Any) -> Any:
        return np.where(condition, x, y)
    numbers = types.Integer | types.Boolean | types.Float
    return of_numbers if all(isinstance(t, numbers) for t in (condition, x, y)) else numpys
