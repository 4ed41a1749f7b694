"""A search of each kind."""

import numpy as np

import fastla


def searches() -> dict:
    """One of each kind, small enough for any limit that is set."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((700, 40), dtype=np.float32)
    index = fastla.FlatIndex(40, dtype="int8")
    index.add(x)
    mask = rng.random(700) < 0.5
    return {
        "few": lambda: fastla.knn(x[:2], x, 5), "many": lambda: fastla.knn(x, x, 5, metric="euclidean"),
        "mask": lambda: fastla.knn(x[:20], x, 5, mask=mask), "float16": lambda: fastla.knn(x[:20], x.astype(np.float16), 5),
        "range": lambda: fastla.range_search(x, x, -1.0), "cosine": lambda: fastla.cosine_similarity(x),
        "index": lambda: index.search(x, 5), "index, mask": lambda: index.search(x[:60], 5, mask=mask), "columns": lambda: fastla.normalize(np.asfortranarray(x)),
    }
