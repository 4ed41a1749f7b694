"""A decoder as Llama's, in the shape of SmolLM2-135M: grouped queries, rotary positions, SwiGLU, RMS norms.

Layers, norms and attention are functions that are passed in (`Library`): NumPy's, fastla's, fastla's with weights of
8 bits, or torch's. The weights come from a .safetensors file of the model, if one is given; else they are random, of
the same shapes: what is written is then noise, but takes as long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
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


def _sizes(shape: Shape) -> dict[str, tuple[int, ...]]:
    width, head = shape.width, shape.head
    sizes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (shape.vocabulary, width),
                                         "model.norm.weight": (width,)}
    for layer in range(shape.layers):
        name = f"model.layers.{layer}."
        for norm in ("input_layernorm", "post_attention_layernorm"):
            sizes[f"{name}{norm}.weight"] = (width,)
        for part, heads in (("q", shape.heads), ("k", shape.kv_heads), ("v", shape.kv_heads)):
            sizes[f"{name}self_attn.{part}_proj.weight"] = (heads * head, width)
        sizes[f"{name}self_attn.o_proj.weight"] = (width, shape.heads * head)
        for part in ("gate", "up"):
            sizes[f"{name}mlp.{part}_proj.weight"] = (shape.hidden, width)
        sizes[f"{name}mlp.down_proj.weight"] = (width, shape.hidden)
    return sizes


@cache
def weights(shape: Shape, file: Path | None = None) -> dict[str, np.ndarray]:
    """Return the weights in float32: those of a file, else random ones."""
    if file is not None:
        from safetensors.numpy import load_file

        held = {name: np.asarray(w, np.float32) for name, w in load_file(file).items()}
        missing = {name: size for name, size in _sizes(shape).items() if name not in held or held[name].shape != size}
        if missing:
            raise ValueError(f"{file} has no weights of the shapes {missing}")
        return held
    rng = np.random.default_rng(SEED)
    return {name: rng.standard_normal(size, np.float32) * np.float32(0.05) if len(size) == 2
            else np.ones(size, np.float32) for name, size in _sizes(shape).items()}


def parameters(shape: Shape) -> int:
    """Return how many numbers are read to write a token."""
    return sum(int(np.prod(size)) for size in _sizes(shape).values())


def rotated(x: np.ndarray, first: int, theta: float) -> np.ndarray:
    """Return heads (h, n, d) turned by their positions, from `first` on (Su et al., 2021)."""
    half = x.shape[-1] // 2
    angle = np.arange(first, first + x.shape[1])[:, None] * theta ** (-np.arange(half) / half)
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    low, high = x[..., :half], x[..., half:]
    return np.concatenate((low * cos - high * sin, high * cos + low * sin), axis=-1)


class Decoder:
    """A model that has read some tokens; the weights are prepared once."""

    def __init__(self, shape: Shape, library: Library, file: Path | None = None) -> None:
        self.shape, self.library = shape, library
        held = weights(shape, file)
        self.embeddings = held["model.embed_tokens.weight"]
        self.weights = {name: library.prepare(w) if w.ndim == 2 else w for name, w in held.items()}
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
        for layer, cache_ in enumerate(self.caches):
            name = f"model.layers.{layer}."
            normed, x = by.norm(x, w[f"{name}input_layernorm.weight"], shape.eps, added)
            q, k, v = (by.linear(normed, w[f"{name}self_attn.{part}_proj.weight"])
                       .reshape(len(x), -1, shape.head).swapaxes(0, 1) for part in "qkv")
            q, k = (rotated(heads, self.length, shape.theta) for heads in (q, k))
            attended = by.attend(cache_, q, k, v).swapaxes(0, 1).reshape(len(x), -1)
            added = by.linear(attended, w[f"{name}self_attn.o_proj.weight"])
            normed, x = by.norm(x, w[f"{name}post_attention_layernorm.weight"], shape.eps, added)
            hidden = by.gated(normed, w[f"{name}mlp.gate_proj.weight"], w[f"{name}mlp.up_proj.weight"])
            added = by.linear(hidden, w[f"{name}mlp.down_proj.weight"])
        self.length += len(x)
        last, _ = by.norm(x[-1:], w["model.norm.weight"], shape.eps, added[-1:])
        return by.linear(last, w["model.embed_tokens.weight"])[0]

    def write(self, count: int, logits: np.ndarray) -> list[int]:
        """Return the next `count` tokens, each the likeliest."""
        tokens = []
        for _ in range(count):
            tokens.append(int(logits.argmax()))
            logits = self.read(tokens[-1:])
        return tokens
