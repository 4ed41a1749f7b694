"""Every public function, with the types that users give it and take from it: for `mypy --strict`, and to be run."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

import fastla

x: NDArray[np.float32] = np.eye(3, dtype=np.float32)
rows: list[list[float]] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 1.0]]


def products(a: ArrayLike, b: ArrayLike) -> list[Any]:
    """Products."""
    out = np.empty((3, 3))
    return [
        fastla.matmul(a, b), fastla.matmul(a, b, out=out), fastla.matmul(a, b, out, casting="same_kind"),
        fastla.dot(a, b), fastla.vecdot(a, b), fastla.vecdot(a, b, axis=-1),
        fastla.matvec(a, rows[0]), fastla.vecmat(rows[0], b),
    ]


def vectors(a: ArrayLike) -> np.ndarray:
    """Norms and similarities."""
    norm: Any = fastla.vector_norm(a, axis=(0, 1), keepdims=True, ord=2)
    similarities: Any = [fastla.cosine_similarity(a), fastla.cosine_similarity(a, rows)]
    paired: Any = fastla.paired_cosine_similarity(a, rows)
    unit: np.ndarray = fastla.normalize(a, axis=1)
    assert norm is not None and paired is not None and similarities
    return unit


def neighbours(a: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest neighbours."""
    scores, indices = fastla.knn(a, rows, k=2, metric="euclidean", mask=[True, True, True], exclude=True)
    found: np.ndarray = indices[scores.argmin(axis=1)]
    assert len(found)
    return fastla.range_search(a, rows, 0.5, metric="cosine")


def eigenpairs(a: ArrayLike) -> list[Any]:
    """Eigenpairs, singular values, principal components."""
    big = np.diag(np.arange(1.0, 31.0))
    operator = fastla.linear_operator((30, 30), lambda v: big @ v, dtype=np.float64)
    try:
        fastla.power_iteration(big, tol=1e-300, maxiter=2)
    except fastla.NoConvergence as error:
        assert isinstance(error, Exception)
    model = fastla.PCA(n_components=2)
    reduced: Any = model.fit_transform(big)
    values, vectors = fastla.eigsh(big, k=2, which="LA", return_eigenvectors=True)
    return [fastla.eigh(a), fastla.eigsh(operator, 3), fastla.svds(big, k=2), values, vectors, reduced]


def layers(a: ArrayLike) -> list[np.ndarray]:
    """Layers, packed and quantized weights."""
    packed: fastla.PackedWeight = fastla.pack(rows)
    small = fastla.quantize(np.array(rows), dtype="int8")
    assert packed.shape == small.shape and packed.nbytes and repr(small) and packed.dequantize().size
    y, total = fastla.layer_norm(a, residual=a)
    return [
        fastla.linear(a, rows, bias=[1.0, 2.0, 3.0], activation="gelu"), fastla.linear(a, packed),
        fastla.gated_linear(a, rows, small), fastla.rms_norm(a, weight=[1.0, 1.0, 2.0]), y, total,
    ]


def functions_of_the_user(a: np.ndarray) -> None:
    """Numba, and what is compiled by it."""
    mask: fastla.BlockMask = fastla.block_mask(lambda b, h, i, j: i >= j, None, None, 3, 3)
    q = a.astype(np.float32).reshape(1, 1, *a.shape)
    with fastla.use_backend("native"):
        fastla.attention(q, q, q, score_mod=lambda score, b, h, i, j: score - abs(i - j), mask_mod=mask)
        fastla.matmul(a, a, epilogue=lambda v, i, j: v * 2)
        fastla.knn(a, rows, 1, metric=lambda dot, norm_q, norm_x, i, j: dot)


def attending(a: np.ndarray) -> np.ndarray:
    """Attention, a cache of keys and values, softmax and its kin."""
    q = a.astype(np.float32).reshape(1, 1, *a.shape)
    cache = fastla.KVCache(1, 1, a.shape[1], capacity=2, dtype="float16")
    cache.append(q, q)
    seen: np.ndarray = cache.attend(q)
    out, lse = fastla.attention(q, q, q, is_causal=True, return_lse=True)
    bounds = np.array([0, 1, a.shape[0]])
    packed: np.ndarray = fastla.attention_varlen(q[0].swapaxes(0, 1), q[0].swapaxes(0, 1), q[0].swapaxes(0, 1), bounds,
                                                 bounds)
    weights: np.ndarray = fastla.softmax(a) * np.exp(fastla.log_softmax(a, axis=-1))
    assert seen.shape == out.shape and lse.ndim == 3 and packed.ndim == 3 and fastla.logsumexp(a).ndim == 1
    return weights


def index(a: ArrayLike, path: Path) -> fastla.FlatIndex:
    """An index and all that it can do."""
    assert fastla.FlatIndex(3, dtype=np.float16).dtype == fastla.FlatIndex(3, dtype=np.dtype("float16")).dtype
    made = fastla.FlatIndex(3, metric="dot", dtype="bfloat16")
    made.add(a)
    made.add(rows[0], ids=[7])
    made.update(7, rows[1])
    made.update([0, 1], rows[:2])
    made.remove([0])
    made.remove(1)
    scores, ids = made.search(a, 1, mask=np.ones(len(made), bool), exclude=[7, -1, -1], pad=True)
    lims, more, which = made.range_search(a, 0.1, mask=[True] * len(made), exclude=None)
    kept: np.ndarray = made.reconstruct(7)
    several: np.ndarray = made.reconstruct([7, 2])
    there: bool = 7 in made
    counts: list[int] = [len(made), made.dim, made.nbytes, int(made.ids[0]), int(lims[-1])]
    said: str = made.metric + made.dtype + repr(made)
    assert there and counts and said and kept.size and several.size
    assert scores.shape == ids.shape and more.shape == which.shape
    made.save(path)
    made.save(str(path))
    return fastla.FlatIndex.load(path, mmap=False)


@fastla.num_threads(1)
def alone(n: int) -> int:
    """A decorated function keeps its type."""
    return n + fastla.get_num_threads()


def settings() -> dict[str, Any]:
    """Threads and configuration."""
    before: int = fastla.get_num_threads()
    fastla.set_num_threads(before)
    with fastla.num_threads(2):
        total: int = alone(1)
    config = fastla.show_config("dicts")
    assert total == 2 and config is not None and fastla.__version__
    fastla.show_config()
    return config


if __name__ == "__main__":
    products(x, rows)
    vectors(x)
    neighbours(x)
    eigenpairs(x)
    attending(x)
    layers(x)
    functions_of_the_user(x)
    with tempfile.TemporaryDirectory() as folder:
        assert len(index(x, Path(folder) / "index")) == 2
    settings()
