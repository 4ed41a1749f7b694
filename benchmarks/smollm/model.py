"""A decoder as Llama's, in the shape of SmolLM2-135M: grouped queries, rotary positions, SwiGLU, RMS norms.

Layers, norms and attention are functions that are passed in (`Library`): NumPy's, fastla's, fastla's with weights of
8 bits, or torch's. Weights have the names of GGUF files. They are the model's own (files.py) or random, of the same
shapes: what is written is then noise, but takes as long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

SEED = 11


class Shape(NamedTuple):
    """Sizes of a model; `width` is that of a token, heads / kv_heads query heads share a key head."""

    width: int = 576
    layers: int = 30
    heads: int = 9
    kv_heads: int = 3
    hidden: int = 1536
    vocabulary: int = 49152
    theta: float = 100000.0
    eps: float = 1e-5

    @property
    def head(self) -> int:
        """The width of a head."""
        return self.width // self.heads


SMOLLM = Shape()


class Library(NamedTuple):
    """What a forward pass is made of.

    linear: x (n, d) and a weight. gated: x, gate, up. norm: x, weight, eps, and what is added first, or None; returns
    (the norm, the sum). new_cache: of a Shape. attend: a cache, then query, key and value (heads, n, width) of n new
    tokens; returns (heads, n, width). prepare: a weight as `linear` and `gated` take it.
    """

    linear: Callable[[Any, Any], Any]
    gated: Callable[[Any, Any, Any], Any]
    norm: Callable[[Any, Any, float, Any], tuple[Any, Any]]
    new_cache: Callable[[Shape], Any]
    attend: Callable[[Any, Any, Any, Any], Any]
    prepare: Callable[[np.ndarray], Any]


def sizes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights by name."""
    width, queries, keys = shape.width, shape.heads * shape.head, shape.kv_heads * shape.head
    of_a_layer = {
        "attn_norm": (width,), "attn_q": (queries, width), "attn_k": (keys, width), "attn_v": (keys, width),
        "attn_output": (width, queries), "ffn_norm": (width,), "ffn_gate": (shape.hidden, width),
        "ffn_up": (shape.hidden, width), "ffn_down": (width, shape.hidden),
    }
    return {"token_embd.weight": (shape.vocabulary, width), "output_norm.weight": (width,)} | {
        f"blk.{layer}.{name}.weight": size for layer in range(shape.layers) for name, size in of_a_layer.items()}


@cache
def random_weights(shape: Shape) -> dict[str, np.ndarray]:
    """Return weights of a model that has learnt nothing."""
    rng = np.random.default_rng(SEED)
    return {name: rng.standard_normal(size, np.float32) * np.float32(0.05) if len(size) == 2
            else np.ones(size, np.float32) for name, size in sizes(shape).items()}


def parameters(shape: Shape) -> int:
    """Return how many numbers are read to write a token."""
    return sum(int(np.prod(size)) for size in sizes(shape).values())


def angles(shape: Shape, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return cosines and sines, (count, head), by which positions from `first` on turn heads (Su et al., 2021)."""
    half = shape.head // 2
    angle = np.arange(first, first + count)[:, None] * shape.theta ** (-np.arange(half) / half)
    cos, sin = np.cos(angle), np.sin(angle)
    return (np.concatenate((cos, cos), axis=1).astype(np.float32),
            np.concatenate((-sin, sin), axis=1).astype(np.float32))


def rotated(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> np.ndarray:
    """Return heads (h, n, d) turned by `angles`: the halves of a head against each other."""
    half = x.shape[-1] // 2
    swapped = np.concatenate((x[..., half:], x[..., :half]), axis=-1)
    swapped *= sin
    swapped += x * cos
    return swapped


class Decoder:
    """A model that has read some tokens; the weights are prepared once."""

    def __init__(self, shape: Shape, library: Library, weights: Mapping[str, np.ndarray]) -> None:
        wrong = [name for name, size in sizes(shape).items() if name not in weights or weights[name].shape != size]
        if wrong:
            raise ValueError(f"the model has no weights of its shapes for {', '.join(wrong)}")
        self.shape, self.library = shape, library
        self.embeddings = weights["token_embd.weight"]
        self.weights = {name: library.prepare(w) if w.ndim == 2 else w for name, w in weights.items()
                        if not name.endswith(("attn_q.weight", "attn_k.weight", "attn_v.weight"))}
        for layer in range(shape.layers):
            name = f"blk.{layer}.attn_"
            self.weights[f"{name}qkv.weight"] = library.prepare(
                np.concatenate([weights[f"{name}{part}.weight"] for part in "qkv"]))
        self.caches: list[Any] = []
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.caches = [self.library.new_cache(self.shape) for _ in range(self.shape.layers)]
        self.length = 0

    def read(self, tokens: Sequence[int]) -> np.ndarray:
        """Read further tokens; return the logits of the one that follows the last, (vocabulary,)."""
        shape, by, w = self.shape, self.library, self.weights
        x, added = self.embeddings[np.asarray(tokens)], None
        turn = angles(shape, self.length, len(x))
        for layer, held in enumerate(self.caches):
            name = f"blk.{layer}."
            normed, x = by.norm(x, w[f"{name}attn_norm.weight"], shape.eps, added)
            heads = by.linear(normed, w[f"{name}attn_qkv.weight"]).reshape(len(x), -1, shape.head).swapaxes(0, 1)
            both = rotated(heads[:-shape.kv_heads], *turn)
            attended = by.attend(held, both[:shape.heads], both[shape.heads:], heads[-shape.kv_heads:])
            added = by.linear(attended.swapaxes(0, 1).reshape(len(x), -1), w[f"{name}attn_output.weight"])
            normed, x = by.norm(x, w[f"{name}ffn_norm.weight"], shape.eps, added)
            hidden = by.gated(normed, w[f"{name}ffn_gate.weight"], w[f"{name}ffn_up.weight"])
            added = by.linear(hidden, w[f"{name}ffn_down.weight"])
        self.length += len(x)
        last, _ = by.norm(x[-1:], w["output_norm.weight"], shape.eps, added[-1:])
        return by.linear(last, w["token_embd.weight"])[0]

    def write(self, logits: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the likeliest next token and the logits after it, without end."""
        while True:
            token = int(logits.argmax())
            logits = self.read([token])
            yield token, logits
