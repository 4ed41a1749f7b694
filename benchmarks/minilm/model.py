"""A real model: the sentence encoder all-MiniLM-L6-v2 in plain NumPy, on docstrings of the standard library.

Every product of the forward pass is one function that is passed in, numpy.matmul or fastla.matmul; the rest (layer
norms, softmax, GELU) is the same for both. A layer is written as NumPy's users write it, x @ weight.T with x of shape
(texts, length, 384). NumPy multiplies such a stack text by text, so it is timed a third way too, with the stack folded
into one matrix by hand (run.py). Times are of the forward pass: the tokens are made beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from benchmarks.minilm import files

LAYERS, HEADS, WIDTH, MAX_TOKENS = 6, 12, 384, 256
BATCH = 32
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]


class Batch(NamedTuple):
    """Texts of about one length: `tokens` and `mask` (1 for a token, 0 for padding) are (texts, length)."""

    rows: np.ndarray        # which texts they are
    tokens: np.ndarray
    mask: np.ndarray


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


def forward(batch: Batch, product: Product = np.matmul) -> np.ndarray:
    """Return the embeddings of a batch, (texts, 384): tokens averaged, then scaled to length 1."""
    weights, _ = files.load()

    def linear(x: np.ndarray, name: str) -> np.ndarray:
        y = product(x, weights[name + ".weight"].T)
        y += weights[name + ".bias"]
        return y

    def layer_norm(x: np.ndarray, name: str) -> np.ndarray:
        x -= x.mean(-1, keepdims=True)
        x /= np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(1e-12))
        x *= weights[name + ".weight"]
        x += weights[name + ".bias"]
        return x

    texts, length = batch.tokens.shape

    def heads(x: np.ndarray) -> np.ndarray:
        return x.reshape(texts, length, HEADS, -1).swapaxes(1, 2)

    words, places, kinds = (weights[f"embeddings.{what}_embeddings.weight"]
                            for what in ("word", "position", "token_type"))
    x = layer_norm(words[batch.tokens] + places[:length] + kinds[0], "embeddings.LayerNorm")
    hide_padding = np.where(batch.mask, np.float32(0), np.float32(-1e9))[:, None, None, :]
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}."
        q, k, v = (heads(linear(x, f"{name}attention.self.{part}")) for part in ("query", "key", "value"))
        q *= np.float32(1 / math.sqrt(WIDTH // HEADS))
        attended = product(softmax(product(q, k.swapaxes(-1, -2)) + hide_padding), v)
        attended = attended.swapaxes(1, 2).reshape(texts, length, WIDTH)
        x = layer_norm(x + linear(attended, name + "attention.output.dense"), name + "attention.output.LayerNorm")
        hidden = gelu(linear(x, name + "intermediate.dense"))
        x = layer_norm(x + linear(hidden, name + "output.dense"), name + "output.LayerNorm")
    mask = batch.mask[:, :, None]
    mean = (x * mask).sum(1) / mask.sum(1)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)


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


def embed(batches: Sequence[Batch], product: Product) -> np.ndarray:
    """Return the embeddings of all the texts in some batches, in the order of the texts."""
    result = np.empty((sum(len(batch.rows) for batch in batches), WIDTH), np.float32)
    for batch in batches:
        result[batch.rows] = forward(batch, product)
    return result


def encode(texts: Sequence[str], product: Product = np.matmul, max_tokens: int = MAX_TOKENS) -> np.ndarray:
    """Return the embeddings of texts.

    Parameters
    ----------
    texts : sequence of str
    product : callable
        numpy.matmul, or what is to take its place.
    max_tokens : int
        Longer texts are cut; the model was made for at most 256.

    Returns
    -------
    ndarray of float32, (len(texts), 384)
        Rows of length 1: their products are cosine similarities.

    Raises
    ------
    files.Unavailable
        Where the weights are neither in the user's cache nor can be fetched.
    """
    return embed(tokenize(texts, max_tokens), product)
