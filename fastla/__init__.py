"""The linear algebra of machine learning for people who write NumPy."""

from contextlib import suppress

from fastla.config import get_num_threads, num_threads, set_num_threads, show_config
from fastla.matmul import dot, matmul, matvec, vecdot, vecmat

__version__ = "0.1.0"

with suppress(ImportError):         # an optional companion
    import fastla._threadpoolctl  # noqa: F401

__all__ = [
    "dot",
    "get_num_threads",
    "matmul",
    "matvec",
    "num_threads",
    "set_num_threads",
    "show_config",
    "vecdot",
    "vecmat",
]
