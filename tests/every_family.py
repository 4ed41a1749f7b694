"""Calls of every family of kernels: for what must hold whichever is called."""

from collections.abc import Callable

import numpy as np

import fastla


def calls_of_layers(dtype: type) -> dict[str, Callable[[], object]]:
    """Layers by products and by blocks of weights, norms of rows, decoding."""
    rng = np.random.default_rng(1)
    x, weight, other = (rng.standard_normal(s).astype(dtype) for s in ((75, 130), (300, 130), (300, 130)))
    bias, scale, one = (rng.standard_normal(s).astype(dtype) for s in (300, 130, (1, 130)))
    weights = [weight, fastla.pack(weight)] + ([fastla.quantize(weight)] if dtype == np.float32 else [])
    heads = rng.standard_normal((2, 3, 4, 20)).astype(np.float32)

    def decode() -> np.ndarray:
        cache = fastla.KVCache(2, 3, 20)
        for _ in range(3):
            cache.append(heads, heads)
        return cache.attend(heads[:, :, :1])

    return {
        "linear": lambda: [fastla.linear(z, w, bias, activation=a) for z in (x, x[:9], one) for w in weights
                           for a in (None, "gelu", "silu")],
        "gated linear": lambda: [fastla.gated_linear(z, w, v) for z in (x, one) for w, v in
                                 ((weight, other), (fastla.pack(weight), fastla.pack(other)))],
        "norms of rows": lambda: [f(z, scale) for f in (fastla.layer_norm, fastla.rms_norm)
                                  for z in (x, x[:, ::-1], one)],
        "decoding": decode,
    }


def calls_of_every_family(dtype: type) -> dict[str, Callable[[], object]]:
    """A few calls of each family, of sizes that leave tiles, panels and blocks half empty."""
    rng = np.random.default_rng(0)
    x, y, long = (rng.standard_normal(s).astype(dtype) for s in ((75, 37), (131, 37), (3, 40001)))
    stack, wide = rng.standard_normal((9, 7, 5)).astype(dtype), rng.standard_normal((61, 203)).astype(dtype)
    heads = rng.standard_normal((2, 3, 29, 20)).astype(np.float32)
    mask, masks = rng.random(131) < 0.4, (rng.random((131, 75)) < 0.5).T
    spd = (stack @ stack.transpose(0, 2, 1)).astype(dtype)
    indexes = []
    for storage in ("float32", "float16", "bfloat16", "int8"):
        index = fastla.FlatIndex(37, metric="euclidean", dtype=storage)
        index.add(y)
        indexes.append(index)
    calls: dict[str, Callable[[], object]] = {
        "matmul": lambda: fastla.matmul(x, y.T), "transposed": lambda: fastla.matmul(wide.T, wide[:, :33]),
        "large": lambda: fastla.matmul(np.tile(wide, (3, 1)), np.tile(wide.T, (1, 3))), "syrk": lambda: x @ x.T,
        "split k": lambda: fastla.matmul(long, long.T), "stack": lambda: fastla.matmul(stack, stack.transpose(0, 2, 1)),
        "cosine": lambda: fastla.cosine_similarity(x, y), "cosine, own": lambda: fastla.cosine_similarity(stack),
        "paired": lambda: fastla.paired_cosine_similarity(x, y[:75]),
        "norm": lambda: [fastla.vector_norm(wide, axis=a, ord=o) for a in (0, 1) for o in (1, 2, 3)],
        "normalize": lambda: [fastla.normalize(z, axis=a) for z in (wide, np.asfortranarray(wide)) for a in (0, 1)],
        "softmax": lambda: [f(z, axis=a) for f in (fastla.softmax, fastla.log_softmax, fastla.logsumexp)
                            for z in (wide, wide.T, stack) for a in (0, 1, -1)],
        "small stacks": lambda: [fastla.matmul(np.asarray(a, order=o), b) for o in "CF"
                                 for a, b in ((stack, stack[0].T), (stack[:, :1], stack.transpose(0, 2, 1)))],
        "dots": lambda: [fastla.vecdot(wide, wide), fastla.vecdot(wide.T, wide[:, 0]), fastla.dot(long[0], long[1]),
                         fastla.matvec(stack, stack[0, 0]), fastla.vecmat(stack[0, :, 0], stack)],
        "knn, columns": lambda: [fastla.knn(x[:m], np.asfortranarray(y), 5, metric=metric)
                                 for m in (1, 20) for metric in ("cosine", "euclidean")],
        "knn, limited": lambda: [
            fastla.knn(x, y, 140, mask=masks, exclude=np.arange(75), pad=True),
            fastla.range_search(x, y, 0.1, mask=mask, exclude=np.arange(75))],
        "knn, Fortran": lambda: fastla.knn(np.asfortranarray(x), np.asfortranarray(y), 5),
        "knn, Fortran and mask": lambda: fastla.knn(x, np.asfortranarray(y), 5, mask=mask),
        "range": lambda: fastla.range_search(x, y, 0.1), "range, swapped": lambda: fastla.range_search(
            x.astype(x.dtype.newbyteorder()), y, 5.0, metric="euclidean"),
        "attention": lambda: fastla.attention(heads, heads, heads, is_causal=True),
        "attention, one query": lambda: fastla.attention(heads[:, :, :1], heads, heads),
        "eigh": lambda: fastla.eigh(spd), "eigsh": lambda: fastla.eigsh(wide @ wide.T, 3),
        "svds": lambda: fastla.svds(wide, 3), "PCA": lambda: fastla.PCA(4).fit(wide).components_,
    }
    for metric in ("cosine", "dot", "euclidean"):
        for rows in (1, 20, 75):
            calls[f"knn {metric} {rows}"] = lambda metric=metric, rows=rows: fastla.knn(x[:rows], y, 5, metric=metric)
    calls |= calls_of_layers(dtype)
    calls["knn, padded"] = lambda: fastla.knn(x, y, 140, pad=True)
    for index in indexes:
        calls[f"index {index.dtype}"] = lambda index=index: [index.search(x[:m], 7) for m in (1, 20, 75)]
        calls[f"index {index.dtype}, mask"] = lambda index=index: index.search(x, 7, mask=mask)
        calls[f"index {index.dtype}, range"] = lambda index=index: index.range_search(x, 6.0)
    return calls
