"""The one table of what is measured, and what every operation must say of itself.

A case is a row of CASES: an operation, its sizes, its element type and the layout of its operands. It is small and
can be pickled, because each side builds the same operands from it in a process of its own (pairs.py).
To add an operation: write a module with an `OPERATION` (matmul.py is the model), name it in OPERATIONS, and add rows.
One that needs more fields than these subclasses Case.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One row: what is computed, on what.

    Attributes
    ----------
    operation : str
        A key of OPERATIONS.
    family : str
        The kind of work the row stands for, as printed.
    m, n, k : int
        Sizes; for a product (m, k) @ (k, n), for others as their module says.
    dtype : str
        Element type of the operands.
    batch : tuple of int
        The dimensions in front of both operands: a stack.
    transposed : str
        The operands that are transposed views: "", "a", "b" or "ab".
    own : bool
        The second operand is the first one transposed, in the same memory.
    shared_b : bool
        A stack times one 2-D matrix.
    out : bool
        The result is written into a given array; otherwise each call allocates it.
    pad, offset : tuple of int
        For a and b, in elements: what follows each row (so the leading dimension), what precedes the matrix.
    gap_ms : float
        A rest before each call, in milliseconds, in which pools fall asleep, as between the calls of a program.
    quick : bool
        Belongs to --quick.
    """

    operation: str
    family: str
    m: int
    n: int
    k: int
    dtype: str = "float32"
    batch: tuple[int, ...] = ()
    transposed: str = ""
    own: bool = False
    shared_b: bool = False
    out: bool = True
    pad: tuple[int, int] = (0, 0)
    offset: tuple[int, int] = (0, 0)
    gap_ms: float = 0.0
    quick: bool = False


@dataclass(frozen=True)
class Operation:
    """What an operation's module says of it.

    Attributes
    ----------
    make : (case, seed) -> operands
        The same operands from the same seed, in any process.
    sides : {name: (case, operands) -> call}
        Who can do it; each entry imports its own library, and returns a function of no arguments to be timed.
    check : (case, operands, result) -> float
        The error in units of the tolerance: above 1, or NaN, is wrong.
    label : case -> str
        As printed.
    flops, nbytes : case -> float, or None
        The arithmetic needed, and the bytes that must be read and written at least once;
        None where they depend on the data.
    """

    make: Callable[[Case, int], Any]
    sides: Mapping[str, Callable[[Case, Any], Callable[[], Any]]]
    check: Callable[[Case, Any, Any], float]
    label: Callable[[Case], str]
    flops: Callable[[Case], float] | None = None
    nbytes: Callable[[Case], float] | None = None


# By module, imported when first needed: a side's process should load nothing but its own libraries.
OPERATIONS = {"matmul": "benchmarks.matmul", "minilm": "benchmarks.minilm_run"}


def operation(case: Case) -> Operation:
    """Return what `case.operation` says of itself."""
    return importlib.import_module(OPERATIONS[case.operation]).OPERATION


def make(case: Case, seed: int) -> Any:
    """Return the operands of `case`, the same in every process for the same seed."""
    return operation(case).make(case, seed)


def label(case: Case) -> str:
    """Return how `case` is printed."""
    return operation(case).label(case)


def flops(case: Case) -> float | None:
    """Return the floating-point operations that `case` needs, or None where they depend on the data."""
    function = operation(case).flops
    return function(case) if function else None


def nbytes(case: Case) -> float | None:
    """Return the bytes that `case` must read and write at least once, or None where they depend on the data."""
    function = operation(case).nbytes
    return function(case) if function else None


FLOATS = ("float32", "float64")

CASES = (
    # Called from Python on small arrays, the call itself is most of the time.
    *(Case("matmul", "small", 8, 8, 8, t, quick=True) for t in FLOATS),
    Case("matmul", "small", 8, 8, 8, transposed="a"),
    Case("matmul", "small", 8, 8, 8, pad=(8, 8)),
    Case("matmul", "small", 8, 8, 8, out=False),
    *(Case("matmul", "small", n, n, n, t, quick=t == "float32") for n in (32, 64, 100) for t in FLOATS),
    Case("matmul", "small", 32, 32, 32, out=False),
    # Large and square: the ground of a BLAS.
    *(Case("matmul", "square", 256, 256, 256, t) for t in FLOATS),
    Case("matmul", "square, 2 ms apart", 256, 256, 256, gap_ms=2),
    *(Case("matmul", "square", 512, 512, 512, t) for t in FLOATS),
    *(Case("matmul", "square", 1024, 1024, 1024, t, quick=True) for t in FLOATS),
    *(Case("matmul", "square", 2048, 2048, 2048, t) for t in FLOATS),
    Case("matmul", "square", 1024, 1024, 1024, out=False),
    *(Case("matmul", "transposed", 1024, 1024, 1024, t, transposed="a") for t in FLOATS),
    Case("matmul", "transposed", 1024, 1024, 1024, transposed="b", quick=True),
    Case("matmul", "transposed", 1024, 1024, 1024, "float64", transposed="b"),
    *(Case("matmul", "transposed", 1024, 1024, 1024, t, transposed="ab") for t in FLOATS),
    Case("matmul", "own transpose", 1024, 1024, 1024, own=True, quick=True),
    Case("matmul", "own transpose", 1024, 1024, 1024, "float64", own=True),
    Case("matmul", "own transpose", 256, 256, 20000, transposed="a", own=True),
    # A few rows or columns against a large matrix: bound by the reading of it.
    Case("matmul", "skinny", 1, 4096, 4096, quick=True),
    Case("matmul", "skinny", 2, 4096, 4096),
    Case("matmul", "skinny", 4, 4096, 4096, quick=True),
    Case("matmul", "skinny", 6, 4096, 4096),
    Case("matmul", "skinny", 8, 4096, 4096),
    Case("matmul", "skinny", 16, 4096, 4096),
    *(Case("matmul", "skinny", m, 4096, 4096, "float64", quick=m == 6) for m in (1, 4, 6, 16)),
    Case("matmul", "skinny", 4, 4096, 4096, transposed="b"),
    Case("matmul", "skinny", 1000, 6, 1000, quick=True),
    Case("matmul", "skinny", 6, 1000, 1000, "float64"),
    # One size apart from the others.
    Case("matmul", "tall", 4096, 64, 64),
    Case("matmul", "tall", 10000, 100, 100, quick=True),
    Case("matmul", "layer", 128, 3072, 768),
    Case("matmul", "long k", 64, 64, 4096, quick=True),
    Case("matmul", "long k", 24, 29, 3690, "float64"),
    Case("matmul", "long k", 4, 4, 1000000),
    # Stacks of small products, and a stack times one matrix.
    Case("matmul", "stack", 3, 3, 3, batch=(10000,), quick=True),
    Case("matmul", "stack", 4, 4, 4, batch=(10000,)),
    Case("matmul", "stack", 9, 9, 9, batch=(10000,)),
    Case("matmul", "stack", 16, 16, 16, batch=(10000,), quick=True),
    *(Case("matmul", "stack", 32, 32, 32, t, batch=(1000,), quick=t == "float32") for t in FLOATS),
    Case("matmul", "stack", 64, 64, 64, batch=(1000,), quick=True),
    Case("matmul", "stack", 64, 64, 32, batch=(32, 12), transposed="b"),
    Case("matmul", "stack @ 2-D", 128, 768, 768, batch=(64,), shared_b=True, quick=True),
)
