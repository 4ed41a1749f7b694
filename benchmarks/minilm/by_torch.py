"""The same sentence encoder in plain torch functions, from the same weights: what the NumPy one is checked against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from benchmarks.minilm import files, model


@torch.inference_mode()
def forward(batch: model.Batch) -> np.ndarray:
    """Return the embeddings of a batch, (texts, 384)."""
    weights = {name: torch.from_numpy(array) for name, array in files.load()[0].items()}

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, weights[name + ".weight"], weights[name + ".bias"])

    def layer_norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.layer_norm(x, x.shape[-1:], weights[name + ".weight"], weights[name + ".bias"], 1e-12)

    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(-1, (model.HEADS, -1)).transpose(1, 2)

    tokens, mask = torch.from_numpy(batch.tokens), torch.from_numpy(batch.mask)
    words, places, kinds = (weights[f"embeddings.{what}_embeddings.weight"]
                            for what in ("word", "position", "token_type"))
    x = layer_norm(functional.embedding(tokens, words) + places[:tokens.shape[1]] + kinds[0], "embeddings.LayerNorm")
    attend = mask.bool()[:, None, None, :]
    for layer in range(model.LAYERS):
        name = f"encoder.layer.{layer}."
        q, k, v = (heads(linear(x, f"{name}attention.self.{part}")) for part in ("query", "key", "value"))
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=attend).transpose(1, 2).flatten(-2)
        x = layer_norm(x + linear(attended, name + "attention.output.dense"), name + "attention.output.LayerNorm")
        hidden = functional.gelu(linear(x, name + "intermediate.dense"))
        x = layer_norm(x + linear(hidden, name + "output.dense"), name + "output.LayerNorm")
    mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    return functional.normalize(mean).numpy()


def embed(batches: Sequence[model.Batch]) -> np.ndarray:
    """Return the embeddings of all the texts in some batches, in the order of the texts."""
    result = np.empty((sum(len(batch.rows) for batch in batches), model.WIDTH), np.float32)
    for batch in batches:
        result[batch.rows] = forward(batch)
    return result
