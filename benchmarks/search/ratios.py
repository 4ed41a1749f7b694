"""What the order of a corpus and a mask cost a search: sorted over shuffled, a mask over gathering the rows.

Both are the median over rounds, in which the two take turns, of the ratio in a round: a machine that becomes slower
slows both. In one process, for it is fastla on both sides.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

import fastla
from benchmarks.reporting import text

ROWS = 100_000
DIMS = (16, 128, 384)
STORED = ("raw", "float32", "float16", "int8")     # raw: knn, else a FlatIndex
QUERIES = (1, 32, 1000)
KS = (1, 10, 100, 1000)
ALLOWED = 0.01
MASKS = ("scattered", "in a run")                  # where the rows that a mask allows are
SECONDS, FEWEST, MOST = 0.1, 5, 25                 # of a side, and rounds
SORTED_BOUND, MASK_BOUND = 1.5, 1.05             # 1, but for noise


class Ratios(NamedTuple):
    """Ratios of one kind of corpus for each of KS, or for each of MASKS."""

    dim: int
    stored: str
    queries: int
    ratios: list[float]


def ratio(over: Callable[[], object], under: Callable[[], object]) -> float:
    """Return how many times as long a call takes as another."""
    times: tuple[list[float], list[float]] = ([], [])
    rounds = MOST
    for count in range(MOST + 1):
        for call, taken in zip((over, under), times, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
        if count == 1:          # the first warmed up
            rounds = min(MOST, max(FEWEST, int(SECONDS / max(times[0][1], times[1][1]))))
        if count >= rounds:
            break
    return float(np.median(np.divide(times[0][1:], times[1][1:])))


def searcher(x: np.ndarray, stored: str) -> Callable[[np.ndarray, int], object]:
    """Return a search of rows in one of the ways to hold them."""
    if stored == "raw":
        return lambda queries, k: fastla.knn(queries, x, k)
    index = fastla.FlatIndex(x.shape[1], dtype=stored)
    index.add(x)
    return index.search


def sorted_ratios() -> list[Ratios]:
    """Return times of a corpus sorted by ascending score over the shuffled one's.

    The queries are nearly the same, so that it is sorted for all.
    """
    rng = np.random.default_rng(0)
    found = []
    for dim in DIMS:
        shuffled = rng.standard_normal((ROWS, dim), dtype=np.float32)
        query = rng.standard_normal((1, dim), dtype=np.float32)
        rising = shuffled[np.argsort(fastla.cosine_similarity(query, shuffled)[0])]
        for stored in STORED:
            over, under = searcher(rising, stored), searcher(shuffled, stored)
            for count in QUERIES:
                queries = query + np.float32(0.01) * rng.standard_normal((count, dim), dtype=np.float32)
                ratios = [ratio(partial(over, queries, k), partial(under, queries, k)) for k in KS]
                found.append(Ratios(dim, stored, count, ratios))
    return found


def mask_ratios() -> list[Ratios]:
    """Return times of `knn` with a mask that allows one row in a hundred over gathering these and searching them."""
    rng = np.random.default_rng(1)
    found = []
    for dim in DIMS:
        x = rng.standard_normal((ROWS, dim), dtype=np.float32)
        rows = np.arange(ROWS)
        masks = (rng.random(ROWS) < ALLOWED, rows < ROWS * ALLOWED)
        for count in QUERIES:
            queries = rng.standard_normal((count, dim), dtype=np.float32)
            ratios = [ratio(partial(fastla.knn, queries, x, mask=mask), partial(_gathered, queries, x, mask))
                      for mask in masks]
            found.append(Ratios(dim, "raw", count, ratios))
    return found


def _gathered(queries: np.ndarray, x: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a user without masks would write."""
    rows = np.flatnonzero(mask)
    scores, indices = fastla.knn(queries, x[rows])
    return scores, rows[indices]


def within(rising: list[Ratios], masked: list[Ratios]) -> bool:
    """Whether all stay within their bounds."""
    return max(_all(rising)) < SORTED_BOUND and max(_all(masked)) <= MASK_BOUND


def tables(rising: list[Ratios], masked: list[Ratios]) -> str:
    """Return the table of sorted corpora, and that of masks."""
    parts = []
    for rows, columns in ((rising, [f"k = {k}" for k in KS]), (masked, MASKS)):
        body = [[row.stored, row.dim, row.queries, *(f"{r:.2f}x" for r in row.ratios)] for row in rows]
        parts.append(text.table(body, ("corpus", "numbers a row", "queries", *columns), "simple", left=1))
    return "\n\n".join(parts)


def sentence(rising: list[Ratios], masked: list[Ratios]) -> str:
    """Return what was measured."""
    def span(rows: list[Ratios]) -> str:
        return f"{min(_all(rows)):.2f} to {max(_all(rows)):.2f} times as long as"

    return (f"A corpus sorted by ascending score takes {span(rising)} a shuffled one ({ROWS:,} rows of {_list(DIMS)} "
            f"numbers, {_list(STORED)}; {_list(QUERIES)} queries, k = {_list(KS)}), and `knn` with a mask that allows "
            f"{ALLOWED:.0%}, {_list(MASKS)}, {span(masked)} gathering those rows.")


def _all(rows: list[Ratios]) -> list[float]:
    return [r for row in rows for r in row.ratios]


def _list(values: tuple[object, ...]) -> str:
    return f"{', '.join(map(str, values[:-1]))} and {values[-1]}"
