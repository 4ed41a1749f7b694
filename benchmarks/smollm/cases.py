"""Reading a prompt and writing on, as operations to measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.operations import Call, Case
from benchmarks.smollm import libraries
from benchmarks.smollm.model import SEED, SMOLLM, Decoder, Library, Shape


def _by(library: Callable[[], Library]) -> Callable[[LanguageModel, np.ndarray], Call]:
    def prepare(case: LanguageModel, prompt: np.ndarray) -> Call:
        decoder = Decoder(case.shape, library(), case.file)
        logits = decoder.read(prompt)

        def read() -> np.ndarray:
            decoder.forget()
            return decoder.read(prompt)

        def write() -> np.ndarray:
            decoder.write(case.tokens, logits)
            return decoder.read(prompt[:1])

        return write if case.writes else read
    return prepare


@dataclass(frozen=True)
class LanguageModel(Case):
    """A prompt of so many tokens is read; or, after a prompt, so many are written (more with every call)."""

    tokens: int
    writes: bool
    shape: Shape = SMOLLM
    file: Path | None = None
    TABLE: ClassVar = "model"
    SIDES: ClassVar = {"numpy": _by(lambda: libraries.NUMPY), "fastla": _by(lambda: libraries.FASTLA),
                       "fastla int8": _by(lambda: libraries.FASTLA_INT8), "torch": _by(libraries.by_torch)}

    def make(self, seed: int) -> np.ndarray:
        """Return the prompt."""
        return np.random.default_rng(SEED).integers(0, self.shape.vocabulary, 32 if self.writes else self.tokens)

    def label(self) -> str:
        """Return what is done."""
        return f"{'write' if self.writes else 'read'} {self.tokens} tokens"

    def check(self, prompt: np.ndarray, result: np.ndarray) -> float:
        """Only that all logits are numbers: how far the sides are apart is for the report to say."""
        return 0.0 if np.isfinite(result).all() else np.inf
