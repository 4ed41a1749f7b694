"""The linear algebra of machine learning for people who write NumPy."""

import contextlib as _contextlib

from fastla.config import get_num_threads, num_threads, set_num_threads, show_config, use_backend

# isort: split
from fastla._attention import attention, attention_varlen
from fastla._block_mask import BlockMask, block_mask
from fastla._eigen import NoConvergence, eigsh, linear_operator, power_iteration
from fastla._eigh import eigh
from fastla._index import FlatIndex
from fastla._knn import knn, range_search
from fastla._kv_cache import KVCache
from fastla._layers import gated_linear, linear
from fastla._norms import normalize, vector_norm
from fastla._paired import paired_cosine_similarity
from fastla._pca import PCA
from fastla._products import dot, matmul, matvec, vecdot, vecmat
from fastla._row_norms import layer_norm, rms_norm
from fastla._similarity import cosine_similarity
from fastla._softmax import log_softmax, logsumexp, softmax
from fastla._svds import svds
from fastla._weights import PackedWeight, pack, quantize

__version__ = "0.1.0"

with _contextlib.suppress(ImportError, AttributeError):     # an optional companion, from version 3.5 on
    from fastla import _threadpoolctl  # noqa: F401

__all__ = [
    "BlockMask",
    "PCA",
    "FlatIndex",
    "KVCache",
    "NoConvergence",
    "PackedWeight",
    "attention",
    "attention_varlen",
    "block_mask",
    "cosine_similarity",
    "dot",
    "eigh",
    "eigsh",
    "gated_linear",
    "get_num_threads",
    "knn",
    "layer_norm",
    "linear",
    "linear_operator",
    "log_softmax",
    "logsumexp",
    "matmul",
    "matvec",
    "normalize",
    "num_threads",
    "pack",
    "paired_cosine_similarity",
    "power_iteration",
    "quantize",
    "range_search",
    "rms_norm",
    "set_num_threads",
    "show_config",
    "softmax",
    "svds",
    "use_backend",
    "vecdot",
    "vecmat",
    "vector_norm",
]
