"""The only modules that raise on user input, a file a family. Kernels assume what is checked here."""

from fastla._storage.dtypes import METRICS
from fastla._validate.arrays import as_array
from fastla._validate.common import (
    MAX_THREADS,
    axes,
    numbers,
    numbers_or_complex,
    one_axis,
    one_of,
    output,
    real,
    score_dtype,
    thread_count,
    truth,
    whole,
)
from fastla._validate.cosine import Cosine, cosine, paired
from fastla._validate.index import ids, ids_left, index_dim, known, new_ids, rows, storage, unknown
from fastla._validate.products import MAX_DIMS, Product, foreign, product
from fastla._validate.search import candidates, corpus, excluded, excluded_ids, queries, search_mask

__all__ = [
    "MAX_DIMS",
    "MAX_THREADS",
    "METRICS",
    "Cosine",
    "Product",
    "as_array",
    "axes",
    "candidates",
    "corpus",
    "cosine",
    "excluded",
    "excluded_ids",
    "foreign",
    "ids",
    "ids_left",
    "index_dim",
    "known",
    "new_ids",
    "numbers",
    "numbers_or_complex",
    "one_axis",
    "one_of",
    "output",
    "paired",
    "product",
    "queries",
    "real",
    "rows",
    "score_dtype",
    "search_mask",
    "storage",
    "thread_count",
    "truth",
    "unknown",
    "whole",
]
