"""A search's operands in other layouts and byte orders are read where they lie, and give the same."""

import numpy as np
import pytest

import fastla


def _corpus(n: int, d: int, dtype: type) -> np.ndarray:
    return np.random.default_rng(n + d).integers(-9, 10, (n, d)).astype(dtype)        # sums are exact in any order


LAYOUTS = {
    "Fortran": np.asfortranarray, "swapped": lambda x: x.astype(x.dtype.newbyteorder()),
    "swapped Fortran": lambda x: np.asfortranarray(x.astype(x.dtype.newbyteorder())),
    "every other column": lambda x: np.repeat(x, 2, axis=1)[:, ::2], "reversed": lambda x: x[::-1].copy()[::-1],
    "reversed Fortran": lambda x: np.asfortranarray(x[::-1])[::-1],
}


@pytest.mark.in_turn
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int16])
def test_the_same_in_any_layout(target, dtype, layout):
    for n, d in ((1, 5), (49, 17), (700, 33), (1024, 20)):
        x = _corpus(n, d, dtype)
        other = LAYOUTS[layout](x)
        mask = np.arange(n) % 3 > 0
        for m in (1, 9, 70):
            q = x[np.arange(m) % n]
            turned = LAYOUTS[layout](q)
            k = min(n, 6)
            for metric in ("dot", "euclidean"):
                want = fastla.knn(q, x, k, metric=metric)
                for queries, corpus in ((q, other), (turned, x), (turned, other)):
                    np.testing.assert_equal(fastla.knn(queries, corpus, k, metric=metric), want)
            np.testing.assert_equal(fastla.knn(turned, other, k, mask=mask, pad=True),
                                    fastla.knn(q, x, k, mask=mask, pad=True))
            np.testing.assert_equal(fastla.range_search(turned, other, 5.0, metric="dot"),
                                    fastla.range_search(q, x, 5.0, metric="dot"))


def test_masks_far_apart_and_side_by_side(target):
    x = np.asfortranarray(_corpus(9000, 12, np.float32))
    for step in (1, 2, 7, 90, 4000):
        mask = np.zeros(9000, bool)
        mask[5::step] = True
        np.testing.assert_equal(fastla.knn(x[:20], x, 2, mask=mask, metric="dot"),
                                fastla.knn(x[:20], x.copy("C"), 2, mask=mask, metric="dot"))


@pytest.mark.parametrize("turn", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2],
                                  lambda x: np.broadcast_to(x[:1], x.shape)])
def test_a_mask_a_query_of_any_layout(target, turn):
    x = _corpus(300, 16, np.float32)
    for m in (5, 60):
        mask = turn(np.random.default_rng(m).random((m, 300)) < 0.4)
        np.testing.assert_equal(fastla.knn(x[:m], x, 7, mask=mask, metric="dot"),
                                fastla.knn(x[:m], x, 7, mask=mask.copy("C"), metric="dot"))


@pytest.mark.in_turn
@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_index_of_any_layout(target, layout):
    for dtype in (np.float32, np.float64):
        x = _corpus(500, 24, dtype)
        one, other = (fastla.FlatIndex(24, metric="euclidean") for _ in range(2))
        one.add(x)
        other.add(LAYOUTS[layout](x))
        np.testing.assert_array_equal(one.reconstruct(one.ids), other.reconstruct(other.ids))
        np.testing.assert_equal(other.search(LAYOUTS[layout](x[:60]), 4), one.search(x[:60], 4))
