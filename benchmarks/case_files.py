"""Cases from a JSON file: a list of {"family": ..., "params": {...}, "threads": [...]}."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.operations import Case
from benchmarks.operations.products import Product
from benchmarks.operations.search import Index, Search
from benchmarks.operations.similarity import Cosine

THREADS = [2]       # where a case does not say


class Entry(NamedTuple):
    """A case of a file, and the numbers of threads it asks for."""

    case: Case
    threads: list[int]


def _product(family: str, p: Mapping[str, Any]) -> Product:
    return Product(family, p["m"], p["n"], p["k"], dtype=p["dtype"], batch=tuple(p.get("batch", ())),
                   transposed=p.get("transposed", ""), own=p.get("times_own_transpose", False),
                   shared_b=p.get("shared_b", False), out=not p.get("alloc", False), gap_ms=p.get("gap_ms", 0))


def _index(family: str, p: Mapping[str, Any]) -> Index:
    return Index(family, p["q"], p["n"], p["d"], top=p["k"], storage=p.get("storage", "float32"))


# What a family's parameters mean; a new family is a row.
FAMILIES: Mapping[str, Callable[[str, Mapping[str, Any]], Case]] = {
    "matmul": _product,
    "cosine": lambda family, p: Cosine(family, p["q"], p["n"], p["d"]),
    "knn": lambda family, p: Search(family, p["q"], p["n"], p["d"], top=p["k"]),
    "index": _index,
    "index_narrow": _index,
}


def read(path: Path) -> tuple[list[Entry], set[str]]:
    """Return the cases of a file whose family is known, and the families that are not."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    entries = [Entry(FAMILIES[row["family"]](row["family"], row["params"]), row.get("threads", THREADS))
               for row in rows if row["family"] in FAMILIES]
    return entries, {row["family"] for row in rows} - FAMILIES.keys()
