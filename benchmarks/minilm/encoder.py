"""The sentence encoder as an operation to measure."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from benchmarks.minilm import model
from benchmarks.minilm.docstrings import docstrings
from benchmarks.operations import Call, Case

AGREEMENT = 1e-5    # between embeddings, which have length 1


def _folded(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a @ b by NumPy, a stack times one matrix as a single product."""
    if b.ndim > 2:
        return np.matmul(a, b)
    return np.matmul(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], -1)


def _by(library: model.Library) -> Callable[[Encoder, list[model.Batch]], Call]:
    def prepare(case: Encoder, batches: list[model.Batch]) -> Call:
        return lambda: model.embed(batches, library)
    return prepare


def _by_peer(name: str) -> Callable[[Encoder, list[model.Batch]], Call]:
    def prepare(case: Encoder, batches: list[model.Batch]) -> Call:
        peer = importlib.import_module(f"benchmarks.minilm.by_{name}")
        return lambda: peer.embed(batches)
    return prepare


@dataclass(frozen=True)
class Encoder(Case):
    """Docstrings, of at most so many tokens, become vectors."""

    texts: int
    tokens: int
    TABLE: ClassVar = "model"
    SIDES: ClassVar = {"numpy": _by(model.by_numpy()), "fastla": _by(model.BY_FASTLA),
                       "fastla int8": _by(model.BY_FASTLA_INT8), "torch": _by_peer("torch"),
                       "onnxruntime": _by_peer("onnxruntime"), "numpy folded": _by(model.by_numpy(_folded))}

    def make(self, seed: int) -> list[model.Batch]:
        """Return the texts as tokens."""
        return model.tokenize(docstrings(self.texts), self.tokens)

    def label(self) -> str:
        """Return the model and its texts."""
        return f"MiniLM-L6, {self.texts} docstrings of up to {self.tokens} tokens"

    def check(self, operands: list[model.Batch], result: np.ndarray) -> float:
        """Only that the lengths are 1: whether the sides agree is for run.py to say, which has all the results."""
        return float(np.abs(np.linalg.norm(result.astype(np.float64), axis=1) - 1).max() / AGREEMENT)

    def installed_sides(self) -> list[str]:
        """Return the sides whose libraries are installed; onnxruntime's graph is made by onnx."""
        return [side for side in super().installed_sides() if side != "onnxruntime" or importlib.util.find_spec("onnx")]
