"""FlatIndex in every storage dtype, over every target: what it finds, adding and removing, files and pickles."""

import json
import os
import pickle
import signal
import struct
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import reference
from grids import combinations
from operands import row_masks
from process import start_python

import fastla
from fastla import _core
from fastla._storage import file as index_file

METRICS = ["cosine", "dot", "euclidean"]
STORAGE = ["float32", "float16", "bfloat16", "int8"]
ROUNDING = {"float32": 0, "float16": 2**-11, "bfloat16": 2**-8, "int8": 1 / 254}       # of a row's largest number


def filled(x: np.ndarray, **keywords: str) -> fastla.FlatIndex:
    index = fastla.FlatIndex(x.shape[1], **keywords)
    index.add(x)
    return index


def vectors(index: fastla.FlatIndex) -> np.ndarray:
    return np.stack([index.reconstruct(id) for id in index.ids])


@pytest.mark.parametrize(("metric", "storage"), combinations(METRICS, STORAGE))
def test_search(target, metric, storage):
    for n, d, m, k in [(1, 1, 1, 1), (47, 5, 3, 47), (49, 64, 60, 10), (500, 33, 130, 20), (2000, 7, 500, 9),
                       (100, 1500, 4, 5)]:
        rng = np.random.default_rng(n)
        x, q = rng.standard_normal((n, d), dtype=np.float32), rng.standard_normal((m, d), dtype=np.float32)
        index = filled(x, metric=metric, dtype=storage)
        kept = vectors(index)
        assert (np.abs(kept - x) <= ROUNDING[storage] * 1.01 * np.abs(x).max(1, keepdims=True)).all()
        s = reference.scores(q, kept, metric)
        scores, ids = index.search(q, k)
        assert (scores.dtype, ids.dtype) == (np.float32, np.int64)
        best = np.take_along_axis(s, reference.nearest(s, k, metric), 1)
        scale = 1 if metric == "cosine" else np.linalg.norm(q, axis=1).max() * np.linalg.norm(kept, axis=1).max()
        # Queries of an int8 index are rounded to 16 bits.
        tolerance = (2e-6 if storage != "int8" else 1e-4) * scale
        np.testing.assert_allclose(scores, best, atol=tolerance)
        np.testing.assert_allclose(np.take_along_axis(s, ids, 1), best, atol=2 * tolerance)
        assert all(len(set(row)) == k for row in ids.tolist())


@pytest.mark.in_turn
@pytest.mark.parametrize(("metric", "storage"), combinations(METRICS, STORAGE))
def test_a_query_has_the_same_bits_alone_as_in_a_batch(target, metric, storage):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((3000, 70), dtype=np.float32)
    q = rng.standard_normal((700, 70), dtype=np.float32)
    index = filled(x, metric=metric, dtype=storage)
    scores, ids = index.search(q, 15)
    for threads in (1, 2, 5):
        with fastla.num_threads(threads):
            for rows in (slice(0, 1), slice(3, 5), slice(100, 109), slice(0, 700), slice(650, 700)):
                some_scores, some_ids = index.search(q[rows], 15)
                np.testing.assert_array_equal(some_scores, scores[rows])
                np.testing.assert_array_equal(some_ids, ids[rows])
    strange = np.outer([1e20, np.inf, np.nan, 1e-42, 0, 3e38], np.ones(70)).astype(np.float32)
    some_scores, some_ids = index.search(np.concatenate([strange, q[:100]]), 15)
    np.testing.assert_array_equal(some_scores[len(strange):], scores[:100])
    np.testing.assert_array_equal(some_ids[len(strange):], ids[:100])


@pytest.mark.in_turn
@pytest.mark.parametrize("storage", STORAGE)
def test_few_queries_have_the_bits_of_many(target, storage):
    """They scan a chunk's blocks as one. In parts of k, with and without blocks that a mask leaves out."""
    rng = np.random.default_rng(2)
    q = rng.standard_normal((60, 300), dtype=np.float32)
    index = filled(rng.standard_normal((700, 300), dtype=np.float32), dtype=storage)
    mask = rng.random(700) < 0.3
    mask[48:96] = mask[480:] = False
    for allowed in (None, mask):
        scores, ids = index.search(q, 20, mask=allowed)
        for m in range(1, 10):
            some_scores, some_ids = index.search(q[m:2 * m], 20, mask=allowed)
            np.testing.assert_array_equal(some_scores, scores[m:2 * m])
            np.testing.assert_array_equal(some_ids, ids[m:2 * m])


@pytest.mark.parametrize(("storage", "size"), combinations(STORAGE, [1e-45, 3e-42, 2e-38, 1e-20, 1e20, 3e36, 3e38]))
def test_dot_with_queries_of_any_size(target, storage, size):
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (300, 20)).astype(np.float32)
    q = (size * rng.choice([-1, 0, 1], (9, 20))).astype(np.float32)
    for power in (0, -20, -38, 37 if size < 1 else -44):
        index = filled(x * np.float32(10.0**power), metric="dot", dtype=storage)
        with np.errstate(over="ignore"):
            expected = reference.scores(q, vectors(index), "dot").astype(np.float32)
        scores, ids = index.search(q, 300)
        np.testing.assert_allclose(scores, -np.sort(-expected), rtol=1e-3, atol=size * 10.0**power * 1e-4 + 1e-44)
        np.testing.assert_array_equal(np.sort(ids), np.tile(np.arange(300), (9, 1)))
        tied = scores[:, 1:] == scores[:, :-1]
        assert (np.diff(ids)[tied] > 0).all()
        for k in (1, 20, 150):      # of equals beyond the range of float32 the first
            some_scores, some_ids = index.search(q, k)
            np.testing.assert_array_equal(some_scores, scores[:, :k])
            np.testing.assert_array_equal(some_ids, ids[:, :k])


@pytest.mark.parametrize("storage", STORAGE)
def test_ties_beyond_range_among_masked_rows(target, storage):
    index = filled(np.array([[3], [2], [5], [4], [-1], [-3]], np.float32) * 1e5, metric="dot", dtype=storage)
    q = np.array([[3e38], [-3e38], [1]], np.float32)
    masks = np.array([[0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0], [1, 1, 0, 1, 1, 1]], bool)
    np.testing.assert_array_equal(index.search(q, 2, mask=masks)[1], [[1, 2], [4, 0], [3, 0]])
    np.testing.assert_array_equal(index.search(q, 2, mask=masks[1])[1], [[0, 1], [4, 0], [2, 3]])


@pytest.mark.parametrize("storage", STORAGE)
def test_weights_are_the_same_in_every_target(storage):
    """So that rows added to an index from a file tie with equal ones that another target has weighed."""
    rng = np.random.default_rng(8)
    x = rng.standard_normal((96, 301), dtype=np.float32) * 10.0 ** rng.integers(-25, 25, (96, 1))
    before = _core.current_target()
    weights = []
    try:
        for target in _core.runnable_targets():
            _core.use_target(target)
            for metric in METRICS:
                weights.append((metric, filled(x, metric=metric, dtype=storage)._blocks))
    finally:
        _core.use_target(before)
    for metric, blocks in weights[len(METRICS):]:
        first = dict(weights[:len(METRICS)])[metric]
        np.testing.assert_array_equal(blocks.weight, first.weight)
        np.testing.assert_array_equal(blocks.bias, first.bias)


@pytest.mark.parametrize("storage", STORAGE)
def test_infinities(target, storage):
    x = np.array([[np.nan, 0], [3, 4], [np.inf, 0], [np.inf, -np.inf], [0, 1]], np.float32)
    if storage == "int8":       # a step is all that says so: the whole row is NaN
        expected = ([np.sqrt(2), np.sqrt(8), np.nan, np.nan, np.nan], [4, 1, 0, 2, 3])
    else:
        expected = ([np.sqrt(2), np.sqrt(8), np.inf, np.inf, np.nan], [4, 1, 2, 3, 0])
        np.testing.assert_array_equal(fastla.knn(np.ones(2, np.float32), x, 5, metric="euclidean")[1], expected[1])
    scores, ids = filled(x, metric="euclidean", dtype=storage).search([1, 2], 5)
    np.testing.assert_allclose(scores, expected[0], rtol=1e-2)
    np.testing.assert_array_equal(ids, expected[1])
    scores, ids = filled(np.array([[1, 0], [1, 1], [-1, 1]]), metric="dot", dtype=storage).search([np.inf, 1], 3)
    np.testing.assert_array_equal(scores, [np.inf, np.inf, -np.inf])
    np.testing.assert_array_equal(ids, [0, 1, 2])


@pytest.mark.parametrize("metric", METRICS)
def test_int8_rows_of_denormal_numbers(metric):
    units = np.array([[190, -190, 3], [7, 4, 0], [1, 0, -1]])
    index = filled(units * np.float32(1e-45), metric=metric, dtype="int8")
    np.testing.assert_allclose(vectors(index) / np.float32(1e-45), units, atol=1)


@pytest.mark.in_turn
@pytest.mark.parametrize("storage", STORAGE)
def test_equal_vectors_tie(target, storage):
    rng = np.random.default_rng(2)
    distinct = rng.standard_normal((7, 31), dtype=np.float32)
    x = distinct[rng.integers(0, 7, 4000)]
    for metric in METRICS:
        index = filled(x, metric=metric, dtype=storage)
        for m in (1, 60):
            scores, ids = index.search(rng.standard_normal((m, 31), dtype=np.float32), 900)
            for i in range(m):
                same = np.diff(scores[i]) == 0
                assert (np.diff(ids[i])[same] > 0).all()
                assert len(np.unique(scores[i])) <= 7
                first = np.flatnonzero((x == x[ids[i, 0]]).all(1))
                np.testing.assert_array_equal(ids[i, :len(first)], first[:900])


@pytest.mark.parametrize("storage", STORAGE)
def test_magnitudes_zeros_and_nan(target, storage):
    rng = np.random.default_rng(3)
    x = rng.standard_normal((200, 20), dtype=np.float32)
    q = rng.standard_normal((3, 20), dtype=np.float32)
    plain = filled(x, dtype=storage).search(q, 10)
    for power in (30, -30, 6):
        mixed = x.copy()
        mixed[::2] *= np.float32(10.0**power)
        scores, ids = filled(mixed, dtype=storage).search(q * np.float32(10.0**-power), 10)
        np.testing.assert_allclose(scores, plain[0], atol={"bfloat16": 4e-3, "float16": 5e-4}.get(storage, 1e-4))
        if storage in ("float32", "int8"):
            np.testing.assert_array_equal(ids, plain[1])
    x[::2] = 0
    x[1] = np.nan
    x[3, 4] = np.inf
    index = filled(x, dtype=storage)
    scores, ids = index.search(q, 200)
    np.testing.assert_array_equal(ids[:, -2:], [[1, 3]] * 3)
    assert np.isnan(scores[:, -2:]).all()
    zero = scores[:, :-2][ids[:, :-2] % 2 == 0]
    assert (zero == 0).all()
    assert len(zero) == 300


def test_masks(target):
    rng = np.random.default_rng(4)
    x, q = rng.standard_normal((3000, 12), dtype=np.float32), rng.standard_normal((20, 12), dtype=np.float32)
    index = filled(x)
    s = reference.scores(q, x, "cosine")
    for mask in (rng.random(3000) < 0.004, rng.random((20, 3000)) < 0.01, np.zeros(3000, bool)):
        scores, ids = index.search(q, 15, mask=mask, pad=True)
        expected = reference.nearest(np.where(mask, s, -np.inf), 15, "cosine")
        counts = np.minimum(np.broadcast_to(mask, s.shape).sum(1), 15)
        for i, count in enumerate(counts):
            np.testing.assert_array_equal(ids[i, :count], expected[i, :count])
            assert (ids[i, count:] == -1).all()
            assert (scores[i, count:] == -np.inf).all()
    message = r"FlatIndex.search: mask has shape \(5,\), expected \(3000,\) or \(20, 3000\)"
    with pytest.raises(ValueError, match=message):
        index.search(q, 1, mask=np.ones(5, bool))


@pytest.mark.in_turn
@pytest.mark.parametrize(("metric", "storage"), combinations(METRICS, STORAGE))
def test_a_mask_is_an_index_of_the_rows_that_it_allows(target, metric, storage):
    """To the bit: they are searched where they lie, or gathered; alone or by groups of queries."""
    rng = np.random.default_rng(6)
    n, d, k = 1500, 37, 12
    x, q = rng.standard_normal((n, d), dtype=np.float32), rng.standard_normal((400, d), dtype=np.float32)
    x[1::7] = x[::7][:len(x[1::7])]     # ties
    x[5::50], x[6::50, 3], x[7::50, 3] = 0, np.nan, np.inf
    index = filled(x, metric=metric, dtype=storage)
    for name, mask in row_masks(n, rng).items():
        rows = np.flatnonzero(mask)
        alone = fastla.FlatIndex(d, metric=metric, dtype=storage)
        alone.add(x[rows], ids=rows)
        for m in (1, 9, 60, 400):
            expected = alone.search(q[:m], k, pad=True)
            for threads in (1, 2):
                with fastla.num_threads(threads):
                    for found, right in zip(index.search(q[:m], k, mask=mask, pad=True), expected, strict=True):
                        np.testing.assert_array_equal(found, right, err_msg=f"{name}, {m} queries, {threads} threads")


# --- adding and removing ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("storage", STORAGE)
def test_in_pieces_as_at_once(target, storage):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((1000, 13), dtype=np.float32)
    whole = filled(x, dtype=storage)
    pieces = fastla.FlatIndex(13, dtype=storage)
    bounds = [0, 0, 1, 3, 47, 48, 49, 96, 200, 999, 1000]
    for first, last in zip(bounds, bounds[1:], strict=False):
        pieces.add(x[first:last])
        assert len(pieces) == last
    pieces.add(x[0])
    pieces.remove(1000)
    q = rng.standard_normal((9, 13), dtype=np.float32)
    for left, right in zip(whole.search(q, 30), pieces.search(q, 30), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("storage", STORAGE)
def test_remove(target, storage):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((700, 6), dtype=np.float32)
    q = rng.standard_normal((5, 6), dtype=np.float32)
    for gone in ([0], [699], [3, 698, 47, 48], rng.permutation(700)[:690].tolist(), list(range(700)), []):
        index = filled(x, metric="euclidean", dtype=storage)
        index.remove(gone)
        left = np.setdiff1d(np.arange(700), gone)
        np.testing.assert_array_equal(index.ids, left)
        fresh = fastla.FlatIndex(6, metric="euclidean", dtype=storage)
        fresh.add(x[left], ids=left)
        for one, other in zip(index.search(q, 8, pad=True), fresh.search(q, 8, pad=True), strict=True):
            np.testing.assert_array_equal(one, other)
        for id in left[:3]:
            np.testing.assert_array_equal(index.reconstruct(id), fresh.reconstruct(id))
        index.add(x[:60])
        np.testing.assert_array_equal(index.ids[-60:], np.arange(700, 760))
        assert index.search(x[0], 1)[1][0] in (0, 700)


def test_ids(target):
    index = fastla.FlatIndex(2)
    index.add(np.eye(2), ids=[70, 5])
    index.add(np.ones(2))
    np.testing.assert_array_equal(index.ids, [70, 5, 71])
    np.testing.assert_array_equal(index.search(np.array([0.0, 1.0]), 3)[1], [5, 71, 70])
    index.add(-np.eye(2), ids=[0, 9])
    for message, ids in [("id 5 is in the index already", [5, 6]), ("an id twice", [3, 3]),
                         (r"ids has shape \(1,\), expected \(2,\)", [3]),
                         ("expected none negative", [-1, 2])]:
        with pytest.raises(ValueError, match="FlatIndex.add: .*" + message):
            index.add(np.eye(2), ids=ids)
    with pytest.raises(TypeError, match="FlatIndex.add: ids has dtype float64"):
        index.add(np.eye(2), ids=[0.5, 1.0])
    for absent in (4, -1):
        with pytest.raises(KeyError, match=f"no vector has id {absent}"):
            index.remove([70, absent])
    with pytest.raises(KeyError, match="no vector has id 4"):
        index.reconstruct(4)
    assert len(index) == 5
    index.ids[0] = 1
    assert index.ids[0] == 70, "a copy"
    index.add(np.ones(2), ids=[2**63 - 2])
    with pytest.raises(ValueError, match="no ids are left above"):
        index.add(np.ones(2))
    assert len(index) == 6


def test_growth_is_amortised():
    """A thousand small adds allocate a few times alone, not a thousand."""
    index = fastla.FlatIndex(16)
    sizes = set()
    for i in range(1000):
        index.add(np.full((7, 16), i, np.float32))
        sizes.add(index.nbytes)
    assert len(sizes) < 30
    assert index.nbytes < 1.6 * 7000 * (16 * 4 + 20) + 10_000


def test_empty_and_small(target):
    for storage in STORAGE:
        index = fastla.FlatIndex(3, dtype=storage)
        with pytest.raises(ValueError, match="FlatIndex.search: k is 1, but there are only 0 candidates"):
            index.search(np.zeros(3), 1)
        scores, ids = index.search(np.zeros((2, 3)), 4, pad=True)
        assert (ids == -1).all()
        assert (scores == -np.inf).all()
        assert index.search(np.zeros((0, 3)), 4)[0].shape == (0, 4)
        index.add(np.zeros((0, 3)))
        index.remove([])
        assert (len(index), len(index.ids)) == (0, 0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fastla.FlatIndex(0), ValueError, "FlatIndex: dim must be at least 1, not 0"),
        (lambda: fastla.FlatIndex(2.5), TypeError, "FlatIndex: dim must be an integer"),
        (lambda: fastla.FlatIndex(2, metric="l2"), ValueError, "metric must be one of"),
        (lambda: fastla.FlatIndex(2, dtype="float64"), ValueError,
         "dtype must be one of 'float32', 'float16', 'bfloat16', 'int8', not 'float64'"),
        (lambda: fastla.FlatIndex(2, dtype=None), ValueError, "'int8', not None"),
        (lambda: fastla.FlatIndex(70_000, dtype="int8"), ValueError,
         "dim is 70000, but int8 vectors have at most 65536"),
        (lambda: fastla.FlatIndex(2).add(np.zeros((3, 3))), ValueError,
         r"FlatIndex.add: x has shape \(3, 3\), expected \(n, 2\) or \(2,\)"),
        (lambda: fastla.FlatIndex(2).add("ab"), TypeError, "FlatIndex.add: x has dtype"),
        (lambda: fastla.FlatIndex(2).search(np.zeros(3)), ValueError,
         r"queries has shape \(3,\), expected \(m, 2\) or \(2,\) for an index of dim 2"),
        (lambda: fastla.FlatIndex(2).search(np.zeros(2), 0), ValueError, "k must be at least 1"),
        (lambda: fastla.FlatIndex(2).remove(1), KeyError, "no vector has id 1"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_dtype_may_be_a_dtype():
    assert fastla.FlatIndex(2, dtype=np.float16).dtype == "float16"
    assert fastla.FlatIndex(2, dtype=np.dtype("int8")).dtype == "int8"
    assert repr(filled(np.eye(3))) == "FlatIndex(dim=3, metric='cosine', dtype='float32') of 3 vectors"


# --- files ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, fastla.FlatIndex, np.ndarray]:
    rng = np.random.default_rng(7)
    index = filled(rng.standard_normal((333, 21), dtype=np.float32), metric="dot", dtype="bfloat16")
    index.remove([5, 300])
    path = tmp_path / "index.fastla"
    index.save(path)
    return path, index, rng.standard_normal((4, 21), dtype=np.float32)


def same(one: fastla.FlatIndex, other: fastla.FlatIndex, q: np.ndarray) -> None:
    np.testing.assert_array_equal(one.ids, other.ids)
    for left, right in zip(one.search(q, 9), other.search(q, 9), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("mmap", [True, False])
def test_save_and_load(target, storage, mmap, tmp_path):
    rng = np.random.default_rng(8)
    for n in (0, 1, 48, 500):
        index = filled(rng.standard_normal((n, 11), dtype=np.float32), metric="euclidean", dtype=storage)
        index.save(tmp_path / "index")
        loaded = fastla.FlatIndex.load(tmp_path / "index", mmap=mmap)
        assert (loaded.dim, loaded.metric, loaded.dtype, len(loaded)) == (11, "euclidean", storage, n)
        if n >= 9:
            same(index, loaded, rng.standard_normal((3, 11), dtype=np.float32))
        assert loaded.nbytes <= index.nbytes


@pytest.mark.parametrize("mmap", [True, False])
def test_a_loaded_index_can_be_changed(saved, mmap):
    path, index, q = saved
    before = path.read_bytes()
    loaded = fastla.FlatIndex.load(path, mmap=mmap)
    for i in (index, loaded):
        i.add(q)
        i.remove([7, 334])
    same(index, loaded, q)
    assert loaded.ids[-1] == 336
    assert path.read_bytes() == before
    loaded.save(path)           # over the file that it came from
    same(index, fastla.FlatIndex.load(path), q)


def test_pickle(saved):
    path, index, q = saved
    for i in (index, fastla.FlatIndex.load(path)):
        copy = pickle.loads(pickle.dumps(i))
        same(index, copy, q)
        copy.add(q)
        assert len(copy) == len(index) + 4


def test_a_truncated_file(saved):
    path, *_ = saved
    whole = path.read_bytes()
    for length in (0, 4, 15, 25, 300, 5000, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="not an index saved by fastla|truncated"):
            fastla.FlatIndex.load(path)


def test_a_foreign_file(saved, tmp_path):
    path, *_ = saved
    whole = path.read_bytes()
    foreign = tmp_path / "foreign"
    np.save(tmp_path / "foreign.npy", np.zeros(10_000))
    with pytest.raises(ValueError, match="'.*foreign.npy' is not an index saved by fastla"):
        fastla.FlatIndex.load(tmp_path / "foreign.npy")
    foreign.write_bytes(whole[:8] + struct.pack("<I", 9) + whole[12:])
    with pytest.raises(ValueError, match="has format version 9; this fastla reads version 1"):
        fastla.FlatIndex.load(foreign)
    foreign.write_bytes(whole[:30] + b"?" + whole[31:])
    with pytest.raises(ValueError, match="damaged: its description"):
        fastla.FlatIndex.load(foreign)
    damaged = bytearray(whole)
    damaged[4096 + 50] ^= 1
    foreign.write_bytes(damaged)
    with pytest.raises(ValueError, match="damaged: the section 'data' does not match"):
        fastla.FlatIndex.load(foreign, mmap=False)
    with pytest.raises(FileNotFoundError):
        fastla.FlatIndex.load(tmp_path / "nothing")


def test_a_description_that_lies(saved):
    """A checksum is no proof of good will: sections must be those that the description says."""
    path, *_ = saved
    whole = path.read_bytes()
    length = struct.unpack_from("<I", whole, 12)[0]
    described = json.loads(whole[20:20 + length])
    for key, value in [("n", 10**9), ("dim", 500), ("dtype", "float32"), ("width", 16), ("n", -1), ("metric", "l2"),
                       ("dtype", "complex64"), ("next_id", "x"), ("next_id", 2**63), ("metric", []), ("sections", None),
                       ("sections", [1])]:
        text = json.dumps({**described, key: value}).encode()
        head = index_file.HEADER.pack(b"fastlaIX", 1, len(text), zlib.crc32(text))
        path.write_bytes((head + text).ljust(4096, b"\0") + whole[4096:])
        with pytest.raises(ValueError, match="damaged|truncated"):
            fastla.FlatIndex.load(path)
    for text in (b"{}", b"[]", b"3", b"[" * 100_000):
        path.write_bytes(index_file.HEADER.pack(b"fastlaIX", 1, len(text), zlib.crc32(text)) + text + whole)
        with pytest.raises(ValueError, match="damaged"):
            fastla.FlatIndex.load(path)
    for offset in (-4096, 10**12, 1):
        sections = [{**section, "offset": offset} for section in described["sections"]]
        text = json.dumps({**described, "sections": sections}).encode()
        head = index_file.HEADER.pack(b"fastlaIX", 1, len(text), zlib.crc32(text))
        path.write_bytes((head + text).ljust(4096, b"\0") + whole[4096:])
        with pytest.raises(ValueError, match="damaged|truncated"):
            fastla.FlatIndex.load(path)
    for key in described["sections"][0]:
        sections = [{name: value for name, value in section.items() if name != key}
                    for section in described["sections"]]
        text = json.dumps({**described, "sections": sections}).encode()
        head = index_file.HEADER.pack(b"fastlaIX", 1, len(text), zlib.crc32(text))
        path.write_bytes((head + text).ljust(4096, b"\0") + whole[4096:])
        with pytest.raises(ValueError, match="damaged"):
            fastla.FlatIndex.load(path, mmap=False)


def test_the_format_is_as_described(saved):
    """Read by what the documentation says, without fastla."""
    path, index, _ = saved
    raw = path.read_bytes()
    magic, version, length, crc = struct.unpack_from("<8sIII", raw)
    assert (magic, version) == (b"fastlaIX", 1)
    assert zlib.crc32(raw[20:20 + length]) == crc
    described = json.loads(raw[20:20 + length])
    sections = {}
    for section in described["sections"]:
        assert section["offset"] % 4096 == 0
        count = int(np.prod(section["shape"]))
        stored = np.frombuffer(raw, section["dtype"], count, section["offset"])
        sections[section["name"]] = stored.reshape(section["shape"])
    data = (sections["data"].astype(np.uint32) << 16).view(np.float32)
    rows = data.transpose(0, 2, 1).reshape(-1, 21)[:described["n"]] * sections["step"][:described["n"], np.newaxis]
    np.testing.assert_array_equal(rows, vectors(index))
    np.testing.assert_array_equal(sections["ids"][:described["n"]], index.ids)


def test_a_failed_save_leaves_the_old_file(saved, monkeypatch):
    path, index, _ = saved
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        index.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_errors_of_save_name_the_path_given(saved):
    path, index, _ = saved
    for wrong, error in ((path.parent / "none" / "x", FileNotFoundError), (path / "x", FileNotFoundError),
                         (path.parent, IsADirectoryError)):
        with pytest.raises(error) as caught:
            index.save(wrong)
        assert caught.value.filename == str(wrong)


def test_save_follows_a_link(saved, tmp_path):
    path, index, q = saved
    link = tmp_path / "link"
    link.symlink_to(path)
    index.remove(index.ids[:5])
    index.save(link)
    assert link.is_symlink()
    same(index, fastla.FlatIndex.load(path), q)


@pytest.mark.parametrize("storage", STORAGE)
def test_an_add_without_memory_changes_nothing(storage, monkeypatch):
    """Whichever of its allocations fails; and the next add works."""
    for failing in range(1, 9):
        index = filled(np.ones((40, 5)), dtype=storage)
        left = iter(range(failing - 1))

        def refusing(real, left=left):
            def allocate(*arguments, **keywords):
                if next(left, None) is None:
                    raise MemoryError
                return real(*arguments, **keywords)
            return allocate

        for name in ("empty", "zeros"):
            monkeypatch.setattr(np, name, refusing(getattr(np, name)))
        try:
            index.add(np.full((500, 5), 2.0))
        except MemoryError:
            assert len(index) == 40
        monkeypatch.undo()
        index.add(np.ones(5))
        assert index.ids[-1] == len(index) - 1
        for _ in range(100):
            index.add(np.arange(5.0))
        assert index.search(np.ones(5), len(index))[0].shape == (len(index),)


@pytest.mark.in_turn
@pytest.mark.parametrize("storage", STORAGE)
def test_far_away(target, storage):
    """Distances whose squares float32 does not hold."""
    for size in (1e11, 2e19, 1e30):
        x = np.array([[size, size / 2], [0, 0], [-size, size], [1, 1]], np.float32)
        index = filled(x, metric="euclidean", dtype=storage)
        kept = vectors(index)
        for q in (x[:1], x[1:2], x):
            s = reference.scores(q, kept, "euclidean")
            scores, ids = index.search(q, 4)
            np.testing.assert_allclose(scores, np.sort(s), rtol=1e-4, atol=1e-4 * size)
    with pytest.raises(ValueError, match="FlatIndex.add: x has numbers beyond float32's range"):
        index.add(np.array([[1e200, 1]]))
    assert len(index) == 4
    index.add(np.ones(2))
    assert index.ids[-1] == 4, "no id went with the vectors that were refused"
    assert filled(np.ones((1, 2)), dtype=storage).search(np.full(2, 1e200), 1)[0][0] > 0.999


# --- threads and interrupts -------------------------------------------------------------------------------------------
def test_several_threads_search_at_once(target):
    rng = np.random.default_rng(9)
    index = filled(rng.standard_normal((5000, 40), dtype=np.float32))
    queries = [rng.standard_normal((m, 40), dtype=np.float32) for m in (1, 3, 30, 200)]
    expected = [index.search(q, 10) for q in queries]
    wrong = []

    def work(number: int) -> None:
        for i in range(20):
            scores, ids = index.search(queries[(i + number) % 4], 10)
            right = expected[(i + number) % 4]
            if not (np.array_equal(scores, right[0]) and np.array_equal(ids, right[1])):
                wrong.append((number, i))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("m", [1, 1024])
def test_ctrl_c_ends_a_long_search(m):
    """Also in the middle of one call: a second's work, interrupted soon after it began."""
    code = f"""
import sys, time
import numpy as np
import fastla
q = np.ones(({m}, 64), np.float32)
x = np.broadcast_to(np.ones(64, np.float32), ({2_000_000 if m > 1 else 400_000_000}, 64))
print("go", flush=True)
start = time.perf_counter()
try:
    fastla.knn(q, x, 3)
    print("done", time.perf_counter() - start)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    process = start_python(code)
    assert process.stdout.readline() == "go\n"
    time.sleep(0.15)
    process.send_signal(signal.SIGINT)
    start = time.perf_counter()
    said = process.stdout.read()
    took = time.perf_counter() - start
    process.wait()
    assert said == "interrupted\n"
    assert took < 2
