"""What can be measured: an operation is a subclass of Case, with its sizes, operands, sides, check and cost.

To add one: write a module with a frozen dataclass that derives from Case (products.py is the model), and add rows of it
to cases.py. A side's process loads no library but its own: a side imports it when it is asked for.
"""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

OURS, NUMPY = "fastla", "numpy"
NUMBA = "numba fastla"     # fastla by its Numba target
Call = Callable[[], Any]


@dataclass(frozen=True)
class Case(ABC):
    """One row of the table: what is computed, on what. It is pickled to each side's process, which builds the operands.

    Attributes
    ----------
    family : str
        The kind of work the row stands for, as printed.
    dtype : str
        Element type of the operands.
    gap_ms : float
        A rest before each call, in milliseconds, in which pools fall asleep, as between the calls of a program.
    quick : bool
        Belongs to --quick.
    TABLE : str
        The table of the report that has the row.
    SIDES : {library: (case, operands) -> call}
        Who can do it, by the name that is imported (a word may follow it). The call takes no arguments and is timed.
    """

    family: str
    dtype: str = field(default="float32", kw_only=True)
    gap_ms: float = field(default=0.0, kw_only=True)
    quick: bool = field(default=False, kw_only=True)
    TABLE: ClassVar[str]
    SIDES: ClassVar[dict[str, Callable[[Any, Any], Call]]]

    @abstractmethod
    def make(self, seed: int) -> Any:
        """Return the operands, the same from the same seed in any process."""

    @abstractmethod
    def check(self, operands: Any, result: Any) -> float:
        """Return the error in units of the tolerance: above 1, or NaN, is wrong."""

    @abstractmethod
    def label(self) -> str:
        """Return what is computed, as printed."""

    def flops(self) -> float | None:
        """Return the floating-point operations needed, or None where they depend on the data."""
        return None

    def nbytes(self) -> float | None:
        """Return the bytes that must be read and written at least once, or None where they depend on the data."""
        return None

    def installed_sides(self) -> list[str]:
        """Return the sides whose library is installed, NumPy's first and fastla's last."""
        found = [side for side in self.SIDES if importlib.util.find_spec(side.split()[0])]
        return sorted(found, key=lambda side: (side != NUMPY, side == OURS))
