"""Where a written token's time goes: products, norms, attention, and what Python does between them."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.reporting import text
from benchmarks.smollm.model import Decoder, Library, Shape

PARTS = {"linear": "products", "gated": "products", "norm": "norms", "attend": "attention"}


def timed(library: Library, spent: Counter[str]) -> Library:
    """Return the library whose functions add their seconds to `spent`, by the names of PARTS."""
    def clocked(function: Callable, part: str) -> Callable:
        def call(*arguments: Any) -> Any:
            started = time.perf_counter()
            result = function(*arguments)
            spent[part] += time.perf_counter() - started
            return result
        return call
    return library._replace(**{name: clocked(getattr(library, name), part) for name, part in PARTS.items()})


def table(shape: Shape, weights: Mapping[str, np.ndarray], prompt: Sequence[int], count: int,
          libraries: Mapping[str, Library]) -> str:
    """Return milliseconds of a token by part, in the mean over `count` of them, for each library."""
    names, body = [*dict.fromkeys(PARTS.values()), "between", "token"], []
    for side, library in libraries.items():
        spent: Counter[str] = Counter()
        decoder = Decoder(shape, timed(library, spent), weights)
        after = decoder.write(decoder.read(prompt))
        list(itertools.islice(after, count))
        spent.clear()
        started = time.perf_counter()
        list(itertools.islice(after, count))
        spent["token"] = time.perf_counter() - started
        spent["between"] = 2 * spent["token"] - spent.total()
        body.append([side, *(f"{spent[name] / count * 1e3:.2f}" for name in names)])
    return text.table(body, ("ms a token", *names), "simple", left=1)
