"""The families that the Numba target has kernels for: NumPy, these kernels, and the native ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from benchmarks.operations import NUMBA, NUMPY, OURS, Call
from benchmarks.operations.attention import Attention
from benchmarks.operations.eigen import Leading
from benchmarks.operations.products import Product
from benchmarks.operations.search import Search
from benchmarks.operations.similarity import Cosine


def _sides(native: dict[str, Callable[[Any, Any], Call]]) -> dict[str, Callable[[Any, Any], Call]]:
    def numba(case: Any, operands: Any) -> Call:
        import fastla
        fastla.use_backend("numba")
        return native[OURS](case, operands)
    return {NUMPY: native[NUMPY], NUMBA: numba, OURS: native[OURS]}


class NumbaProduct(Product):
    """Products."""

    TABLE: ClassVar = "Numba"
    SIDES: ClassVar = _sides(Product.SIDES)


class NumbaCosine(Cosine):
    """Cosine similarities."""

    TABLE: ClassVar = "Numba"
    SIDES: ClassVar = _sides(Cosine.SIDES)


class NumbaSearch(Search):
    """The nearest rows."""

    TABLE: ClassVar = "Numba"
    SIDES: ClassVar = _sides(Search.SIDES)


class NumbaAttention(Attention):
    """Attention."""

    TABLE: ClassVar = "Numba"
    SIDES: ClassVar = _sides(Attention.SIDES)


class NumbaLeading(Leading):
    """Leading eigenpairs."""

    TABLE: ClassVar = "Numba"
    SIDES: ClassVar = _sides(Leading.SIDES)
