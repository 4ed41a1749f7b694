"""The linear algebra of machine learning for people who write NumPy."""

from contextlib import suppress

from fastla._attention import attention, attention_varlen
from fastla._index import FlatIndex
from fastla._kv_cache import KVCache
from fastla._norms import normalize, vector_norm
from fastla._products import dot, matmul, matvec, vecdot, vecmat
from fastla._similarity import cosine_similarity, knn, paired_cosine_similarity, range_search
from fastla._softmax import log_softmax, logsumexp, softmax
from fastla.config import get_num_threads, num_threads, set_num_threads, show_config

__version__ = "0.1.0"

with suppress(ImportError, AttributeError):         # an optional companion, from version 3.5 on
    import fastla._threadpoolctl  # noqa: F401

__all__ = [
    "FlatIndex",
    "KVCache",
    "attention",
    "attention_varlen",
    "cosine_similarity",
    "dot",
    "get_num_threads",
    "knn",
    "log_softmax",
    "logsumexp",
    "matmul",
    "matvec",
    "normalize",
    "num_threads",
    "paired_cosine_similarity",
    "range_search",
    "set_num_threads",
    "show_config",
    "softmax",
    "vecdot",
    "vecmat",
    "vector_norm",
]
