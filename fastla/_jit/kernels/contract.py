"""The contract of core and targets as Numba's types, read from kernels.h itself: no struct is written twice."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numba import from_dtype, types

HEADER = Path(__file__).parents[2] / "_native" / "contract" / "kernels.h"
_SCALARS = {"int": "i4", "unsigned": "u4", "double": "f8", "ptrdiff_t": "p", "size_t": "P", "TileFunction": "p"}


def _text() -> str:
    """The header without its comments."""
    return re.sub(r"/\*.*?\*/", " ", HEADER.read_text(), flags=re.DOTALL)


@cache
def constants() -> dict[str, int]:
    """The enumerated names and their values; TYPE_float32 and the like are the rows of NUMBER_TYPES."""
    text, values = _text(), {}
    for body in re.findall(r"enum\s*\{([^}()]*)\}", text):
        value = -1
        for item in filter(None, map(str.strip, body.split(","))):
            name, _, given = item.partition("=")
            value = int(given) if given else value + 1
            values[name.strip()] = value
    rows = re.findall(r"\brow\((\w+),", text)
    return values | {f"TYPE_{name}": i for i, name in enumerate(rows)}


@cache
def layout(name: str) -> np.dtype:
    """A struct of the contract; pointers, those to functions too, are addresses.

    They are of intp: to Numba the sum of a signed and an unsigned integer is a floating-point number.
    """
    body = re.search(rf"typedef struct(?: \w+)? \{{([^}}]*)\}} {name};", _text())
    fields: list[tuple[Any, ...]] = []
    for statement in filter(None, map(str.strip, body[1].split(";"))):
        if function := re.search(r"\(\*(\w+)\)\(", statement):
            fields.append((function[1], "p"))
            continue
        words = [word for word in re.sub(r"([*,])", r" \1 ", statement).split() if word not in ("const", "struct")]
        for declared in " ".join(words[1:]).split(","):
            field = re.search(r"(\w+)\s*(?:\[\s*(\w+)\s*\])?\s*$", declared)
            pointer = "*" in declared
            count = () if field[2] is None else (int(constants().get(field[2], field[2])),)
            fields.append((field[1], "p" if pointer else _SCALARS.get(words[0]) or layout(words[0]), *count))
    return np.dtype([(f[0], f[1], f[2:]) if len(f) > 2 else f for f in fields], align=True)


def pointer_to(name: str) -> types.CPointer:
    """The type of a pointer to a struct of the contract."""
    return types.CPointer(from_dtype(layout(name)))


KERNEL_OK, NO_MEMORY, DECLINED = (constants()[f"KERNEL_{name}"] for name in ("OK", "NO_MEMORY", "DECLINED"))
Runtime = pointer_to("Runtime")
