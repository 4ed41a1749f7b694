"""Exact nearest neighbours as operations to measure: of a raw corpus, and from an index that keeps it ready."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from benchmarks.operations import Call, Case
from benchmarks.operations.similarity import Operands, exact_cosines, some_rows, unit, vectors

TOLERANCE = {"float32": 1e-5, "float16": 1e-3, "bfloat16": 4e-3, "int8": 1e-2}  # of a similarity, by what is stored
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "int8": 1}                  # of a stored number
FAISS_STORAGE = {"float16": "QT_fp16", "bfloat16": "QT_bf16", "int8": "QT_8bit"}
Found = tuple[Any, Any]     # scores and indices, each (queries, top), best first


def _numpy_top(scores: np.ndarray, top: int) -> Found:
    """Return the best of each row of scores, as NumPy's users write it."""
    best = np.argpartition(scores, scores.shape[1] - top, axis=1)[:, -top:]
    values = np.take_along_axis(scores, best, 1)
    order = np.argsort(-values, axis=1)
    return np.take_along_axis(values, order, 1), np.take_along_axis(best, order, 1)


def _knn_fastla(case: Search, operands: Operands) -> Call:
    import fastla
    return lambda: fastla.knn(*operands, case.top)


def _knn_numpy(case: Search, operands: Operands) -> Call:
    q, x = operands
    return lambda: _numpy_top(unit(q) @ unit(x).T, case.top)


def _knn_sklearn(case: Search, operands: Operands) -> Call:
    from sklearn.neighbors import NearestNeighbors
    q, x = operands
    neighbours = NearestNeighbors(n_neighbors=case.top, algorithm="brute", metric="cosine").fit(x)

    def call() -> Found:
        distances, indices = neighbours.kneighbors(q)
        return 1 - distances, indices
    return call


def _knn_torch(case: Search, operands: Operands) -> Call:
    import torch
    q, x = map(torch.from_numpy, operands)
    normalize = torch.nn.functional.normalize
    return lambda: torch.topk(normalize(q) @ normalize(x).T, case.top)


def _knn_faiss(case: Search, operands: Operands) -> Call:
    import faiss
    q, x = operands
    return lambda: faiss.knn(unit(q), unit(x), case.top, metric=faiss.METRIC_INNER_PRODUCT)


@dataclass(frozen=True)
class Search(Case):
    """The `top` rows of n that are nearest to each of m queries by cosine; k numbers a row; a raw corpus."""

    m: int
    n: int
    k: int
    top: int = field(default=10, kw_only=True)
    storage: ClassVar[str] = "float32"
    TABLE: ClassVar = "similarity"
    SIDES: ClassVar = {"numpy": _knn_numpy, "sklearn": _knn_sklearn, "torch": _knn_torch, "faiss": _knn_faiss,
                       "fastla": _knn_fastla}

    def make(self, seed: int) -> Operands:
        """Return queries and corpus."""
        return vectors(seed, self.m, self.n, self.k)

    def label(self) -> str:
        """Return the call."""
        return f"knn(({self.m}, {self.k}), ({self.n}, {self.k}), {self.top})"

    def flops(self) -> float:
        """Return those of the scores, and of the lengths of all rows."""
        return 2.0 * self.k * (self.m * self.n + self.m + self.n)

    def nbytes(self) -> float:
        """Return the bytes of queries, corpus and results."""
        return 4.0 * self.k * (self.m + self.n) + 12.0 * self.m * self.top

    def check(self, operands: Operands, result: Found) -> float:
        """Return the largest error of some queries: of scores, and by how much a missed row beats one found."""
        scores, indices = map(np.asarray, result)
        if scores.shape != (self.m, self.top) or indices.shape != (self.m, self.top):
            return math.inf
        rows = some_rows(self.m)
        exact = exact_cosines(operands[0][rows], operands[1])
        best = -np.sort(-exact, axis=1)[:, :self.top]
        theirs = np.take_along_axis(exact, indices[rows].astype(np.int64), 1)
        if any(len(set(found)) < self.top for found in indices[rows].tolist()):
            return math.inf
        errors = np.abs([theirs - best, scores[rows] - theirs])
        return float(errors.max() / TOLERANCE[self.storage])


def _index_fastla(case: Index, operands: Operands) -> Call:
    import fastla
    q, x = operands
    index = fastla.FlatIndex(case.k, dtype=case.storage)
    index.add(x)
    return lambda: index.search(q, case.top)


def _index_numpy(case: Index, operands: Operands) -> Call:
    q, x = (unit(operand) for operand in operands)
    return lambda: _numpy_top(q @ x.T, case.top)


def _index_torch(case: Index, operands: Operands) -> Call:
    import torch
    q, x = (torch.from_numpy(unit(operand)) for operand in operands)
    return lambda: torch.topk(q @ x.T, case.top)


def _index_faiss(case: Index, operands: Operands) -> Call:
    import faiss
    q, x = (unit(operand) for operand in operands)
    if case.storage == "float32":
        index = faiss.IndexFlatIP(case.k)
    else:
        kind = getattr(faiss.ScalarQuantizer, FAISS_STORAGE[case.storage])
        index = faiss.IndexScalarQuantizer(case.k, kind, faiss.METRIC_INNER_PRODUCT)
        index.train(x)
    index.add(x)
    return lambda: index.search(q, case.top)


@dataclass(frozen=True)
class Index(Search):
    """The same from an index, which holds the corpus as `storage`; peers that have no such storage hold float32."""

    storage: str = field(default="float32", kw_only=True)
    SIDES: ClassVar = {"numpy": _index_numpy, "torch": _index_torch, "faiss": _index_faiss, "fastla": _index_fastla}

    def label(self) -> str:
        """Return the call."""
        return f"search(({self.m}, {self.k}), {self.top}) in ({self.n}, {self.k}) as {self.storage}"

    def nbytes(self) -> float:
        """Return the bytes of queries, corpus and results."""
        return self.k * (4.0 * self.m + BYTES[self.storage] * self.n) + 12.0 * self.m * self.top
