"""Models out of GGUF files: a small one is written and read again."""

import numpy as np
import pytest

gguf = pytest.importorskip("gguf")
pytest.importorskip("tokenizers")
pytest.importorskip("platformdirs")

from benchmarks.smollm import files, libraries  # noqa: E402
from benchmarks.smollm.model import Decoder, Shape, random_weights  # noqa: E402

SHAPE = Shape(width=64, layers=1, heads=4, kv_heads=2, hidden=96, vocabulary=260, theta=10000.0, eps=1e-5)


def byte_tokens():
    """The characters that stand for bytes in byte-level BPE, and a merge of two of them."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in shown]
    return [chr(b) for b in shown] + [chr(256 + i) for i in range(len(others))]


@pytest.fixture
def file(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "small.gguf", "llama")
    writer.add_embedding_length(SHAPE.width)
    writer.add_block_count(SHAPE.layers)
    writer.add_head_count(SHAPE.heads)
    writer.add_head_count_kv(SHAPE.kv_heads)
    writer.add_feed_forward_length(SHAPE.hidden)
    writer.add_rope_freq_base(SHAPE.theta)
    writer.add_layer_norm_rms_eps(SHAPE.eps)
    tokens = ["<|im_start|>", "<|im_end|>", *byte_tokens(), "lo", "llo"]
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3] + [1] * (len(tokens) - 2))
    writer.add_token_merges(["l o", "l lo"])
    writer.add_eos_token_id(1)
    for name, w in random_weights(SHAPE).items():
        if name.endswith(("attn_q.weight", "attn_k.weight")):       # as such files have them: pairs side by side
            w = w.reshape(-1, 2, SHAPE.head // 2, SHAPE.width).swapaxes(1, 2).reshape(w.shape)
        if name.endswith("ffn_down.weight"):
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(w, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, np.ascontiguousarray(w))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tmp_path / "small.gguf"


def test_weights_and_sizes(file):
    model = files.read(file)
    assert model.shape == pytest.approx(SHAPE)
    assert model.end == 1
    for name, w in random_weights(SHAPE).items():
        assert model.weights[name].dtype == np.float32
        rounding = np.abs(w).max() / 127 if name.endswith("ffn_down.weight") else 0
        np.testing.assert_allclose(model.weights[name], w, atol=rounding, rtol=0)
    tokens = model.tokenizer.encode("hello").ids
    expected = Decoder(SHAPE, libraries.NUMPY, model.weights).read(tokens)
    np.testing.assert_allclose(Decoder(SHAPE, libraries.FASTLA, model.weights).read(tokens), expected, atol=1e-4)


def test_tokens(file):
    tokenizer = files.read(file).tokenizer
    ids = tokenizer.encode("hello 12 ü<|im_end|>").ids
    assert ids[2] == 259                                # "llo"
    assert ids[-1] == 1                                 # not taken to pieces
    assert tokenizer.decode(ids) == "hello 12 ü"
    assert tokenizer.encode(files.chat("he")).ids.count(1) == 2
