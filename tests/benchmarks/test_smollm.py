"""The language model: every library computes the same, and reading at once or token by token makes no difference."""

import importlib.util

import numpy as np
import pytest

pytest.importorskip("tabulate")

from benchmarks.smollm import libraries  # noqa: E402
from benchmarks.smollm.model import Decoder, Shape, weights  # noqa: E402

SMALL = Shape(width=48, layers=2, heads=6, kv_heads=2, hidden=80, vocabulary=101)
TOKENS = [3, 77, 100, 0, 51, 9]


def test_libraries_agree():
    ours = Decoder(SMALL, libraries.FASTLA).read(TOKENS)
    np.testing.assert_allclose(Decoder(SMALL, libraries.NUMPY).read(TOKENS), ours, atol=1e-4)
    if importlib.util.find_spec("torch"):
        np.testing.assert_allclose(Decoder(SMALL, libraries.by_torch()).read(TOKENS), ours, atol=1e-4)
    rough = Decoder(SMALL, libraries.FASTLA_INT8).read(TOKENS)
    assert 0 < np.abs(rough - ours).max() < 0.1 * np.abs(ours).max()


@pytest.mark.parametrize("library", [libraries.NUMPY, libraries.FASTLA])
def test_token_by_token(library):
    at_once, stepwise = Decoder(SMALL, library), Decoder(SMALL, library)
    expected = at_once.read(TOKENS)
    for token in TOKENS:
        logits = stepwise.read([token])
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    assert at_once.write(4, expected) == stepwise.write(4, logits)
    at_once.forget()
    np.testing.assert_array_equal(at_once.read(TOKENS), expected)


def test_a_file_of_weights(tmp_path):
    numpy_files = pytest.importorskip("safetensors.numpy")
    file = tmp_path / "model.safetensors"
    held = weights(SMALL)
    numpy_files.save_file(held, file)
    np.testing.assert_array_equal(Decoder(SMALL, libraries.FASTLA, file).read(TOKENS),
                                  Decoder(SMALL, libraries.FASTLA).read(TOKENS))
    numpy_files.save_file({name: w[:1] for name, w in held.items()}, file.with_name("short.safetensors"))
    with pytest.raises(ValueError, match="model.norm.weight"):
        weights(SMALL, file.with_name("short.safetensors"))
