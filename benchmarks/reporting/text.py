"""Figures as text."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
from tabulate import tabulate

LINE = 120      # characters, of a printed sentence
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def seconds(value: float) -> str:
    """Return a time with three digits and its unit."""
    size, unit = next((u for u in UNITS if value >= u[0]), UNITS[-1])
    return f"{digits(value / size)} {unit}"


def digits(value: float) -> str:
    """Return three significant digits without an exponent: 0.123, 1.23, 12.3, 123, 1234."""
    decimals = 2 - math.floor(math.log10(value)) if value > 0 else 2
    return f"{value:.{max(0, min(decimals, 3))}f}"


def quartiles(values: tuple[float, float]) -> str:
    """Return the quartiles of ratios."""
    return "{:.2f} to {:.2f}".format(*values)


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean, the one in which 2 and 1/2 cancel; NaN of nothing."""
    values = list(values)
    return math.exp(np.mean(np.log(values))) if values else math.nan


def table(body: list[list[object]], header: Sequence[str], style: str, left: int) -> str:
    """Return rows as text; the first `left` columns are aligned left."""
    align = ["left"] * left + ["right"] * (len(header) - left)
    return tabulate(body, header, style, colalign=align if body else None, disable_numparse=True)


def paragraph(sentences: str, style: str) -> str:
    """Return sentences in lines that a terminal shows, or as they are for README.md's style."""
    return textwrap.fill(sentences, LINE) if style == "simple" else sentences
