"""Measuring the sentence encoder, and its part of the report."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.minilm import files
from benchmarks.minilm.encoder import AGREEMENT, Encoder
from benchmarks.minilm.model import MAX_TOKENS
from benchmarks.reporting import text
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.sides import Workers, here

SENTENCES = 512
QUICK_TOKENS = 48   # cuts the longer half of the docstrings: a pass takes about half as long
QUICK_LIMIT_S = 20.0    # a round takes 17 s on two idle cores; on a busy machine one round must do
SIDES = ("numpy", "numpy folded", "fastla")
HANDFUL = Encoder("model", 8, MAX_TOKENS)       # long and short texts, so that padding is masked
LEGEND = ("Sentences a second. Folded: NumPy with each stack @ matrix turned into one product by hand. "
          "The differences are between embeddings of length 1.")


@dataclass
class Model:
    """The model as measured.

    Attributes
    ----------
    found : Measurement
        Of whole passes over its texts.
    difference : float
        The largest between an embedding's entries by fastla's products and by NumPy's.
    from_torch : float, or None
        The largest between fastla's and torch's, over a handful of texts; None where torch is not installed.
    """

    found: Measurement
    difference: float
    from_torch: float | None

    @property
    def right(self) -> bool:
        """The embeddings agree."""
        return self.found.right and self.difference <= AGREEMENT and (self.from_torch or 0) <= AGREEMENT


def measure(threads: int, *, quick: bool = False, offline: bool = False) -> Model:
    """Measure the model with NumPy's products and with fastla's.

    Parameters
    ----------
    threads : int
        For every side.
    quick : bool
        Shorter texts and fewer rounds: under a minute on two cores.
    offline : bool
        Fetch nothing.

    Raises
    ------
    files.Unavailable
        Where the weights are neither in the user's cache nor can be fetched.
    SideFailed
        Where a side raises or dies.
    """
    files.ensure(offline=offline)
    case = Encoder("model", SENTENCES, QUICK_TOKENS if quick else MAX_TOKENS)
    with Workers(threads, [here(side) for side in SIDES]) as workers:
        handful = workers.measure(HANDFUL, 0, results=True).results["fastla"]   # this warms the processes up, too
        found = workers.measure(case, 2 if quick else 3, 0.0, min_calls=1, warm=False, results=True,
                                limit_s=QUICK_LIMIT_S if quick else math.inf)
    ours = found.results["fastla"]
    difference = max(float(np.abs(ours - found.results[peer]).max()) for peer in SIDES if peer != "fastla")
    from_torch = None
    if importlib.util.find_spec("torch"):
        with Workers(threads, [here("torch")]) as workers:
            torchs = workers.measure(HANDFUL, 0, results=True).results["torch"]
        from_torch = float(np.abs(handful - torchs).max())
    return Model(found, difference, from_torch)


def section(models: Sequence[Model], style: str) -> str:
    """Return the table of the model, and what is to be said of it."""
    return f"{table(models, style)}\n\n{text.paragraph(LEGEND, style)}"


def table(models: Sequence[Model], style: str = "simple") -> str:
    """Return the table of the model: sentences a second by each side's products, and how far they are apart."""
    header = ("model", "threads", "NumPy", "NumPy, folded", "fastla", "ratio", "to folded", "largest difference",
              "from torch")
    body: list[list[object]] = []
    for model in models:
        found = model.found
        rates = [f"{text.digits(found.case.texts / found.median(side))}/s" for side in SIDES]
        ratios = [f"{found.ratio(peer):.2f}x" if not found.disturbed else "disturbed" for peer in SIDES[:2]]
        from_torch = "not installed" if model.from_torch is None else f"{model.from_torch:.1e}"
        body.append([found.case.label(), found.threads, *rates, *ratios,
                     f"{model.difference:.1e}" + ("" if model.right else " WRONG"), from_torch])
    return text.table(body, header, style, left=1)
