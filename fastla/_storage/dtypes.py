"""What FlatIndex may store vectors as: the one table of it, for checks, memory, files and the choice of kernels."""

from typing import NamedTuple

import numpy as np

METRICS = ("cosine", "dot", "euclidean")


class Storage(NamedTuple):
    """How vectors of one storage dtype are held."""

    element: np.dtype                       # in memory and in files
    pair: int                               # numbers that one element holds
    row: str                                # of ELEMENTS in setup.py: the kernels that search it
    levels: int                             # the largest integer that is stored; 0: floating point
    # By metric: the least largest number of a vector that is stored as it is, and the first that is scaled.
    plain: dict[str, tuple[float, float]]
    most_dim: int | None                    # numbers that a vector may have


# A scale other than 1 only where numbers would leave the range of the dtype, or their squares that of float32.
_WIDE = {"cosine": (2.0**-30, 2.0**30), "dot": (0.0, 2.0**127), "euclidean": (2.0**-50, 2.0**50)}
_HALF = dict.fromkeys(METRICS, (2.0**-10, 2.0**15))

STORAGE = {
    "float32": Storage(np.dtype("<f4"), 1, "float32", 0, _WIDE, None),
    "float16": Storage(np.dtype("<f2"), 1, "float16_float32", 0, _HALF, None),
    "bfloat16": Storage(np.dtype("<u2"), 1, "bfloat16_float32", 0, _WIDE, None),
    # 65,536 numbers: 32 bits hold a sum of so many squares.
    "int8": Storage(np.dtype("<i2"), 2, "int8_float32", 127, dict.fromkeys(METRICS, (0.0, 0.0)), 65536),
}
