"""The searches as random calls, beside the lines that a NumPy user writes."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.sweep.functions import FLOATS, Drawn, array, size

NARROW = ("float32", "float16", "bfloat16", "int8")
METRICS = ("cosine", "cosine", "dot", "euclidean")


def _scores(q: np.ndarray, x: np.ndarray, metric: str) -> np.ndarray:
    """Return what is the better the larger it is."""
    if metric == "cosine":
        return (q / np.linalg.norm(q, axis=1, keepdims=True)) @ (x / np.linalg.norm(x, axis=1, keepdims=True)).T
    if metric == "dot":
        return q @ x.T
    squares = np.square(q).sum(1)[:, np.newaxis] + np.square(x).sum(1) - 2 * (q @ x.T)
    return -np.sqrt(np.maximum(squares, 0))


def _top(scores: np.ndarray, k: int, metric: str) -> tuple[np.ndarray, np.ndarray]:
    best = np.argpartition(scores, scores.shape[1] - k, axis=1)[:, -k:]
    values = np.take_along_axis(scores, best, 1)
    order = np.argsort(-values, axis=1)
    values = np.take_along_axis(values, order, 1)
    return -values if metric == "euclidean" else values, np.take_along_axis(best, order, 1)


def _vectors(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, str]:
    """Return queries, a corpus and what they are."""
    dtype = str(rng.choice(FLOATS))
    n = size(rng, 20, 50_000)
    d = size(rng, 2, min(1000, 4_000_000 / n))
    m = size(rng, 1, min(2000, 20_000_000 / n))
    (q, text_q), (x, text_x) = (array(rng, (rows, d), dtype) for rows in (m, n))
    return q, x, f"{text_q} in {text_x}, {dtype}"


def _first(result: Any) -> np.ndarray:
    return np.asarray(result[0])


def knn(rng: np.random.Generator) -> Drawn:
    """Draw a search of a raw corpus, in a quarter of the calls with a mask."""
    q, x, text = _vectors(rng)
    metric, k = str(rng.choice(METRICS)), size(rng, 1, min(100, len(x) // 2))
    mask = rng.random(len(x)) < 0.8 if rng.random() < 0.25 else None
    mask = None if mask is None or mask.sum() < k else mask

    def theirs() -> tuple[np.ndarray, np.ndarray]:
        if mask is None:
            return _top(_scores(q, x, metric), k, metric)
        rows = np.flatnonzero(mask)
        values, best = _top(_scores(q, x[rows], metric), k, metric)
        return values, rows[best]

    keywords = {"metric": metric} if mask is None else {"metric": metric, "mask": mask}
    return Drawn(f"{text}, k={k}, {metric}{'' if mask is None else ', mask'}", theirs,
                 lambda fastla: lambda: fastla.knn(q, x, k, **keywords), _first)


def range_search(rng: np.random.Generator) -> Drawn:
    """Draw a search by a threshold that few rows reach; it lies in the widest gap between scores nearby."""
    q, x, text = _vectors(rng)
    scores = np.sort(_scores(q, x, "cosine"), axis=None)[::-1]
    place = min(size(rng, 1, 100 * len(q)), len(scores) - 2)
    near = scores[place:place + 100].astype(np.float64)
    widest = int(np.argmax(near[:-1] - near[1:]))
    threshold = float((near[widest] + near[widest + 1]) / 2)

    def theirs() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = _scores(q, x, "cosine")
        rows, columns = np.nonzero(found >= threshold)
        values = found[rows, columns]
        order = np.lexsort((-values, rows))
        return np.searchsorted(rows, np.arange(len(q) + 1)), values[order], columns[order]

    return Drawn(f"{text}, threshold={threshold:.4f}", theirs,
                 lambda fastla: lambda: fastla.range_search(q, x, threshold), _first, tolerance=0.03)   # of the counts


def index_search(rng: np.random.Generator) -> Drawn:
    """Draw a search of an index; NumPy's lines keep the corpus normalized, in float32."""
    q, x, text = _vectors(rng)
    storage, k = str(rng.choice(NARROW)), size(rng, 1, min(100, len(x) // 2))
    kept = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)

    def theirs() -> tuple[np.ndarray, np.ndarray]:
        unit = (q / np.linalg.norm(q, axis=1, keepdims=True)).astype(np.float32)
        return _top(unit @ kept.T, k, "cosine")

    def ours(fastla: ModuleType) -> Callable[[], Any]:
        index = fastla.FlatIndex(x.shape[1], dtype=storage)
        index.add(x)
        return lambda: index.search(q, k)

    return Drawn(f"{text}, k={k}, stored as {storage}", theirs, ours, _first, tolerance=0.02)   # as int8 needs
