"""Reading a prompt and writing on, as operations to measure."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

import fastla
from benchmarks.operations import Call, Case
from benchmarks.smollm import libraries
from benchmarks.smollm.model import SMOLLM, Decoder, Library, Shape, parameters, random_weights


class Written(NamedTuple):
    """Tokens, and the logits of each, that is before it."""

    tokens: list[int]
    logits: np.ndarray


def held_by(case: LanguageModel) -> tuple[Shape, Mapping[str, np.ndarray]]:
    """Return the model of a case."""
    if case.random:
        return SMOLLM, random_weights(SMOLLM)
    from benchmarks.smollm import files

    found = files.load()
    return found.shape, found.weights


def _by(library: Callable[[], Library]) -> Callable[[LanguageModel, np.ndarray], Call]:
    def prepare(case: LanguageModel, prompt: np.ndarray) -> Call:
        shape, weights = held_by(case)
        decoder = Decoder(shape, library(), weights)
        logits = decoder.read(prompt)

        def read() -> np.ndarray:
            decoder.forget()
            return decoder.read(prompt)

        def write() -> Written:
            nonlocal logits
            tokens, after = zip(*itertools.islice(decoder.write(logits), case.writes), strict=True)
            before, logits = [logits, *after[:-1]], after[-1]
            return Written(list(tokens), np.array(before))

        return write if case.writes else read
    return prepare


def _by_llama_cpp(case: LanguageModel, prompt: np.ndarray) -> Call:
    from benchmarks.smollm import by_llama_cpp

    return by_llama_cpp.prepare(prompt.tolist(), case.writes)


def _memory(case: LanguageModel, prompt: np.ndarray) -> Call:
    """Read as many bytes as the weights have, in one piece, as often as the model does: what memory gives just then.

    By a product with one row of x, the fastest of the readers that were tried.
    """
    pieces = fastla.pack(np.ones((parameters(SMOLLM) // SMOLLM.width, SMOLLM.width), np.float32))
    x = np.ones((1, SMOLLM.width), np.float32)

    def read() -> np.ndarray:
        for _ in range(case.writes or 1):
            result = fastla.linear(x, pieces)
        return result
    return read


MEMORY = "memory"           # no side that computes the model


@dataclass(frozen=True)
class LanguageModel(Case):
    """A prompt is read; or, after it, so many tokens are written: in each call those that follow the last call's."""

    prompt: tuple[int, ...]
    writes: int = 0
    random: bool = False
    TABLE: ClassVar = "model"
    SIDES: ClassVar = {"numpy": _by(lambda: libraries.NUMPY), "fastla": _by(lambda: libraries.FASTLA),
                       "fastla int8": _by(lambda: libraries.FASTLA_INT8), "torch": _by(libraries.by_torch),
                       "llama_cpp": _by_llama_cpp, MEMORY: _memory}

    @property
    def tokens(self) -> int:
        """How many a call sees to."""
        return self.writes or len(self.prompt)

    def make(self, seed: int) -> np.ndarray:
        """Return the prompt."""
        return np.array(self.prompt)

    def label(self) -> str:
        """Return what is done."""
        return f"{'write' if self.writes else 'read'} {self.tokens} tokens"

    def check(self, prompt: np.ndarray, result: np.ndarray | Written) -> float:
        """Only that all logits are numbers: how far the sides are apart is for the report to say."""
        logits = result.logits if isinstance(result, Written) else result
        return 0.0 if np.isfinite(logits).all() else np.inf
