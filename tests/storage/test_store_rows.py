"""Rows become stored blocks: the same, to the bit, as NumPy makes of them, from any dtype and layout."""

import numpy as np
import pytest

import fastla
from fastla._core import core
from fastla._storage.dtypes import STORAGE
from fastla._storage.encoding import decode

WIDTH = core.CORPUS_BLOCK


def encoded(x: np.ndarray, storage: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """The slow twin: elements (n, depth), and the scale of each row."""
    x = x.astype(np.float32)
    most = np.max(np.abs(x), axis=1, initial=0)
    if storage == "int8":
        exact = most.astype(np.float64) / 127
        scale = exact.astype(np.float32)
        scale = np.where(scale < exact, np.nextafter(scale, np.float32(np.inf)), scale)
        scale = np.where(np.isfinite(most), scale, np.float32(np.nan))
        levels = np.zeros((len(x), x.shape[1] + x.shape[1] % 2), np.int8)
        levels[:, :x.shape[1]] = np.rint(np.where(scale[:, np.newaxis] > 0, x / scale[:, np.newaxis], 0))
        return levels.view("<i2"), scale
    low, high = STORAGE[storage].plain[metric]
    _, exponent = np.frexp(np.where((most > 0) & np.isfinite(most), most, 1))
    scale = np.where((most >= low) & (most < high), np.float32(1), np.ldexp(np.float32(1), exponent - 1))
    scaled = x / scale[:, np.newaxis]
    if storage == "bfloat16":
        bits = scaled.view(np.uint32)
        rounded = (bits + np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))) >> np.uint32(16)
        return np.where(np.isnan(scaled), np.uint32(0x7FC0), rounded).astype("<u2"), scale
    return scaled.astype(STORAGE[storage].element), scale


def check(x: np.ndarray, storage: str, metric: str, pieces: tuple[int, ...] = ()) -> None:
    with np.errstate(all="ignore"):
        elements, scale = encoded(np.asarray(x), storage, metric)
    index = fastla.FlatIndex(x.shape[1], metric=metric, dtype=storage)
    bounds = [0, *pieces, len(x)]
    for first, last in zip(bounds, bounds[1:], strict=False):
        index.add(x[first:last])
    blocks, n = index._blocks, len(x)
    np.testing.assert_array_equal(blocks.scale[:n], scale)
    stored = blocks.data[:-(-n // WIDTH)].transpose(0, 2, 1).reshape(-1, blocks.depth)
    left, right = (decode(each, scale, storage, x.shape[1]) for each in (stored[:n], elements))
    np.testing.assert_array_equal(left, right)
    assert not stored[n:].any(), "places without a row hold zeros"


@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_any_shape_and_magnitude(target, storage, metric):
    rng = np.random.default_rng(0)
    for n, dim in ((1, 1), (47, 3), (48, 64), (49, 65), (100, 130), (333, 31), (5, 1000)):
        x = rng.standard_normal((n, dim), dtype=np.float32)
        for powers in (0, rng.integers(-45, 38, (n, 1)), rng.integers(-12, 5, (n, dim))):
            with np.errstate(all="ignore"):
                y = (x.astype(np.float64) * 10.0**powers).astype(np.float32)
            y[~np.isfinite(y)] = 1
            check(y, storage, metric)
            check(y, storage, metric, (n // 3, n // 2, n // 2))


@pytest.mark.parametrize("storage", STORAGE)
def test_special_numbers(target, storage):
    x = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3.4028235e38, 1.1754944e-38, 65504, 65520, 6e-8,
                  2.9e-8, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 2**-14, 2**-25], np.float32)
    check(np.stack([np.roll(x, i) for i in range(len(x))]), storage, "euclidean")
    check(np.stack([x, np.full_like(x, 2)]).T, storage, "dot")      # a number with 2: scales are 1
    check(x[:, np.newaxis], storage, "dot")


def test_halves_are_rounded_as_numpy_rounds_them(target):
    """Every float16, and the numbers between them and just beside the middle."""
    halves = np.arange(0x7C00, dtype=np.uint16).view(np.float16).astype(np.float32)
    middle = (halves[1:] + halves[:-1]) / 2
    x = np.concatenate([halves, middle, np.nextafter(middle, 0), np.nextafter(middle, np.float32(np.inf))])
    x = np.stack([x, -x, np.full_like(x, 1)], axis=1)
    x = x[(np.abs(x).max(1) < 2.0**15)]
    check(x, "float16", "dot")


DTYPES = [
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float64", ">f4", ">i2",
    "bool",
]


@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_dtype(target, storage, dtype):
    rng = np.random.default_rng(0)
    check((rng.standard_normal((150, 70)) * 50).clip(0 if "u" in dtype else -99).astype(dtype), storage, "cosine")


@pytest.mark.parametrize("storage", STORAGE)
def test_any_layout(target, storage):
    x = np.random.default_rng(0).standard_normal((300, 140), dtype=np.float32)
    unaligned = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    unaligned[:] = x
    wide = x.astype(np.float64)
    across = np.asfortranarray(x)
    for y in (across, across[::3, ::2], np.asfortranarray(wide), wide[:, ::2], x[::-1], x[:, ::-1], x[::2, 1::3], x.T,
              x.T[::-1, ::2], unaligned, np.broadcast_to(x[0], x.shape), np.broadcast_to(x[:, :1], x.shape)):
        check(y, storage, "cosine")
        check(y, storage, "cosine", (7, 55))


@pytest.mark.parametrize("storage", STORAGE)
def test_any_number_of_threads(target, storage):
    x = np.random.default_rng(0).standard_normal((20_000, 40), dtype=np.float32)
    for threads in (1, 2, 7):
        with fastla.num_threads(threads):
            check(x, storage, "cosine", (10, 30))


def test_no_memory_for_a_block():
    """Nothing is added, and the next add works."""
    index = fastla.FlatIndex(3)
    index.add(np.eye(3))
    try:
        core.limit_scratch(0)
        with pytest.raises(MemoryError, match="no memory for the rows of a block"):
            index.add(np.ones((100, 3)))
    finally:
        core.limit_scratch(2**63)
    assert index.ids.tolist() == [0, 1, 2]
    index.add(np.ones((100, 3)))
    np.testing.assert_array_equal(index.reconstruct([2, 3]), [[0, 0, 1], [1, 1, 1]])
