"""What an index holds after adds, removals and updates in any order; ids, exclusions, ranges, who sees what when."""

import copy
import pickle
import signal
import sys
import threading
import time

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from process import output_of

import fastla
from fastla._core import core
from fastla._storage import store

STORAGE = ["float32", "float16", "bfloat16", "int8"]
METRICS = ["cosine", "dot", "euclidean"]


def rows(n: int, dim: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dim), dtype=np.float32)


def fresh(index: fastla.FlatIndex) -> fastla.FlatIndex:
    """Another index with the same vectors in the same order, that has never been changed."""
    other = fastla.FlatIndex(index.dim, metric=index.metric, dtype=index.dtype)
    if len(index):
        other.add(index.reconstruct(index.ids), ids=index.ids)
    return other


def same(index: fastla.FlatIndex, other: fastla.FlatIndex, q: np.ndarray, k: int = 7) -> None:
    np.testing.assert_array_equal(index.ids, other.ids)
    for left, right in zip(index.search(q, k, pad=True), other.search(q, k, pad=True), strict=True):
        np.testing.assert_array_equal(left, right)
    for left, right in zip(index.range_search(q, 0.3), other.range_search(q, 0.3), strict=True):
        np.testing.assert_array_equal(left, right)


# --- against a dictionary ---------------------------------------------------------------------------------------------
CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 120)),
        st.tuples(st.just("add with ids"), st.lists(st.integers(0, 300), unique=True, max_size=60)),
        st.tuples(st.just("remove"), st.lists(st.integers(0, 10**6), max_size=60)),
        st.tuples(st.just("update"), st.lists(st.integers(0, 10**6), max_size=20)),
    ),
    max_size=12,
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(CHANGES, st.sampled_from(STORAGE), st.integers(0, 2**32 - 1))
def test_as_a_dictionary(changes, storage, seed):
    """In the order of insertion, an updated id last, as after `del` and assignment."""
    rng = np.random.default_rng(seed)
    index, model, next_id = fastla.FlatIndex(3, dtype=storage), {}, 0
    for change, argument in changes:
        if change == "add":
            x = rng.integers(-3, 4, (argument, 3)).astype(np.float32)
            index.add(x)
            model.update(zip(range(next_id, next_id + argument), x, strict=True))
            next_id += argument
        elif change == "add with ids":
            x = rng.integers(-3, 4, (len(argument), 3)).astype(np.float32)
            if there := [id for id in argument if id in model]:
                with pytest.raises(ValueError, match=f"id {there[0]} is in the index already"):
                    index.add(x, argument)
                continue
            index.add(x, argument)
            model.update(zip(argument, x, strict=True))
            next_id = max([next_id, *(id + 1 for id in argument)])
        else:
            present = list(model)
            chosen = list(dict.fromkeys(present[i % len(present)] for i in argument)) if present else []
            if change == "remove":
                index.remove(chosen)
                for id in chosen:
                    del model[id]
            else:
                x = rng.integers(-3, 4, (len(chosen), 3)).astype(np.float32)
                index.update(chosen, x)
                for id, row in zip(chosen, x, strict=True):
                    del model[id]
                    model[id] = row
        assert index.ids.tolist() == list(model)
        assert len(index) == len(model)
    for id in range(-2, 320):
        assert (id in index) == (id in model)
    if model:
        kept = index.reconstruct(list(model))
        np.testing.assert_allclose(kept, np.stack(list(model.values())), atol=0.02)
    q = rng.standard_normal((3, 3), dtype=np.float32)
    for one in (index, pickle.loads(pickle.dumps(index)), copy.deepcopy(index)):
        same(one, fresh(one), q)


@pytest.mark.in_turn
@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("metric", METRICS)
def test_removed_vectors_are_as_if_never_there(target, metric, storage):
    """Few of them, so that their places stay; with masks, exclusions, and few and many queries."""
    x, q = rows(1000, 17), rows(60, 17, 1)
    x[::9] = x[4]                       # ties
    index = fastla.FlatIndex(17, metric=metric, dtype=storage)
    ids = np.random.default_rng(2).permutation(1000) * 3
    index.add(x, ids)
    left = np.random.default_rng(3).random(1000) > 0.2
    gone = ids[~left]
    index.remove(gone)
    assert index._blocks.n == 1000, "not moved yet"
    other = fastla.FlatIndex(17, metric=metric, dtype=storage)
    other.add(x[left], ids[left])
    n = len(index)
    rng = np.random.default_rng(4)
    exclude = rng.choice(index.ids, 60)
    exclude[::5] = -1
    exclude[1::7] = gone[:len(exclude[1::7])]           # not there
    for mask in (None, rng.random(n) < 0.5, rng.random((60, n)) < 0.3, np.arange(n) == 7):
        for m in (1, 60):
            mine = mask if mask is None or mask.ndim == 1 else mask[:m]
            for left, right in (
                (index.search(q[:m], 9, mask=mine, exclude=exclude[:m], pad=True),
                 other.search(q[:m], 9, mask=mine, exclude=exclude[:m], pad=True)),
                (index.range_search(q[:m], 0.2, mask=mine, exclude=exclude[:m]),
                 other.range_search(q[:m], 0.2, mask=mine, exclude=exclude[:m])),
            ):
                for one, another in zip(left, right, strict=True):
                    np.testing.assert_array_equal(one, another)
    with pytest.raises(ValueError, match=rf"k is {n + 1}, but there are only {n} candidates; pass pad=True"):
        index.search(q, n + 1)
    with pytest.raises(ValueError, match=rf"k is {n}, but there are only {n - 1} candidates besides the excluded"):
        index.search(q, n, exclude=exclude)
    with pytest.raises(ValueError, match=rf"mask has shape \(1000,\), expected \({n},\)"):
        index.search(q, 1, mask=np.ones(1000, bool))


# --- finding ----------------------------------------------------------------------------------------------------------
def test_contains_and_reconstruct():
    x = rows(100)
    index = fastla.FlatIndex(5)
    index.add(x, ids=np.arange(100)[::-1] * 2)
    assert 4 in index
    assert np.int64(4) in index
    for absent in (3, -1, 2**63, -(2**70), "4", None, 4.0, [4]):
        assert absent not in index
    np.testing.assert_array_equal(index.reconstruct(4), x[97])
    assert index.reconstruct([4]).shape == (1, 5)
    np.testing.assert_array_equal(index.reconstruct([4, 0, 4]), x[[97, 99, 97]])
    assert index.reconstruct([]).shape == (0, 5)
    for ids, absent in ((3, 3), ([4, 5, 7], 5), (-1, -1)):
        with pytest.raises(KeyError, match=f"FlatIndex.reconstruct: no vector has id {absent}"):
            index.reconstruct(ids)
    with pytest.raises(TypeError, match="FlatIndex.reconstruct: ids has dtype float64"):
        index.reconstruct([0.5])


@pytest.mark.parametrize("step", [1, -1, 2**32, 48, 2**61 - 1])
def test_the_table_of_ids(step):
    """Ids of any pattern, found after each growth of the table."""
    ids = (np.arange(5000) * step) % (2**63 - 25)
    table = core.IdTable()
    for first, end in ((0, 1), (1, 2), (2, 700), (700, 5000)):
        table.insert(ids, first, end)
        found = np.empty(5000, np.int64)
        table.find(ids, ids, found)
        np.testing.assert_array_equal(found, np.where(np.arange(5000) < end, np.arange(5000), -1))
        assert table.nbytes <= 8 * max(16, 3 * end)
    found = np.empty(2, np.int64)
    table.find(ids, np.array([2**63 - 5, -1]), found)
    assert found.tolist() == [-1, -1]


def test_one_more_costs_the_same_whatever_its_id():
    """Not by the clock: what is looked at is what came since the last look, from the first id that did not rise on."""
    index = fastla.FlatIndex(1)
    index.add(np.ones((10_000, 1)), ids=np.arange(10_000) * 2)
    assert index._store.state.lookup.nbytes == 0
    for id in (5, 19_999, 7, 30_000, 9):
        index.add([1.0], ids=[id])
    assert 7 in index
    assert 8 in index
    assert 11 not in index
    assert index._store.state.lookup.nbytes < 1000, "rising ids are found without a table"


# --- searching --------------------------------------------------------------------------------------------------------
def test_exclude(target):
    x = rows(200)
    index = fastla.FlatIndex(5)
    index.add(x, ids=np.arange(200) + 1000)
    scores, ids = index.search(x[:50], 3, exclude=np.arange(50) + 1000)
    expected = fastla.knn(x[:50], x, 3, exclude=np.arange(50))
    np.testing.assert_array_equal(ids, expected[1] + 1000)
    np.testing.assert_allclose(scores, expected[0], atol=1e-6)
    assert index.search(x[3], 1, exclude=1003)[1][0] != 1003
    assert index.search(x[3], 1, exclude=-1)[1][0] == 1003
    assert index.search(x[3], 1, exclude=[5])[1][0] == 1003, "no vector has that id"
    for wrong, error, message in (
        ([1000, 1001], ValueError, r"exclude has shape \(2,\), expected \(50,\): one id a query, or -1"),
        (np.zeros(50), TypeError, "exclude has dtype float64"),
        (np.full(50, -2), ValueError, "exclude has an id of -2"),
    ):
        with pytest.raises(error, match="FlatIndex.search: " + message):
            index.search(x[:50], 1, exclude=wrong)


@pytest.mark.in_turn
@pytest.mark.parametrize("storage", STORAGE)
@pytest.mark.parametrize("metric", METRICS)
def test_range_search(target, metric, storage):
    x, q = rows(500, 12), rows(30, 12, 1)
    index = fastla.FlatIndex(12, metric=metric, dtype=storage)
    index.add(x, ids=np.arange(500) * 7)
    kept = index.reconstruct(index.ids)
    s = reference.scores(q, kept, metric)
    threshold = float(np.quantile(s, 0.5))
    lims, scores, ids = index.range_search(q, threshold)
    assert (lims.dtype, scores.dtype, ids.dtype) == (np.int64, np.float32, np.int64)
    assert lims[0] == 0
    assert lims[-1] == len(scores) == len(ids)
    near = 1e-3 * np.abs(s).max()
    for i in range(30):
        mine, found = scores[lims[i]:lims[i + 1]], ids[lims[i]:lims[i + 1]] // 7
        np.testing.assert_allclose(mine, s[i, found], atol=near)
        assert (np.diff(mine) >= 0).all() if metric == "euclidean" else (np.diff(mine) <= 0).all()
        inside = s[i] < threshold - near if metric == "euclidean" else s[i] > threshold + near
        assert set(np.flatnonzero(inside)) <= set(found)
        # What is found of a query is the head of a search with as many.
        np.testing.assert_array_equal(index.search(q[i], max(1, len(found)))[1][:len(found)], found * 7)
    one = index.range_search(q[3], threshold)
    np.testing.assert_array_equal(one[2], ids[lims[3]:lims[4]])
    empty = fastla.FlatIndex(12, metric=metric, dtype=storage).range_search(q, threshold)
    assert [part.tolist() for part in empty] == [[0] * 31, [], []]
    assert index.range_search(q[:0], threshold)[0].tolist() == [0]
    with pytest.raises(ValueError, match="FlatIndex.range_search: threshold must be a number, not NaN"):
        index.range_search(q, np.nan)


@pytest.mark.parametrize("size", [1e-42, 1e-30, 1, 1e30, 3e38])
def test_range_search_of_dot_products_of_any_size(target, size):
    x = np.random.default_rng(0).integers(-2, 3, (100, 6)).astype(np.float32)
    q = np.array([1, 0, -1, 1, 0, 0], np.float32) * np.float32(size)
    index = fastla.FlatIndex(6, metric="dot")
    index.add(x)
    with np.errstate(over="ignore"):
        s = reference.scores(q[np.newaxis], x, "dot").astype(np.float32)[0]
    for threshold in np.unique(s[np.isfinite(s)]):
        _, scores, ids = index.range_search(q, threshold)
        assert sorted(ids) == np.flatnonzero(s >= threshold).tolist()
        np.testing.assert_allclose(scores, s[ids], rtol=1e-6)


# --- threads, interrupts, forks ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("storage", ["float32", "int8"])
def test_searches_see_an_index_before_or_after_a_change(storage):
    """All of 50 vectors are replaced at once by other ones: a search finds one generation of them."""
    count, dim, stop = 50, 8, time.monotonic() + 1.5
    index = fastla.FlatIndex(dim, dtype=storage, metric="dot")
    index.add(-np.ones((3000, dim)), ids=np.arange(3000) + count)
    index.add(np.ones((count, dim)), ids=np.arange(count))
    wrong: list[object] = []

    def search() -> None:
        try:
            while time.monotonic() < stop:
                scores, found = index.search(np.ones(dim), count)
                _, more, ranged = index.range_search(np.ones(dim), 0)
                if len(set(scores)) != 1 or len(set(more)) != 1:
                    wrong.append((scores, more))
                if any(sorted(ids) != list(range(count)) for ids in (found, ranged)):
                    wrong.append((found, ranged))
                if index.reconstruct([0, count - 1]).std(axis=0).any():
                    wrong.append("vectors of two generations")
        except Exception as error:      # noqa: BLE001 - whatever it is, it is wrong
            wrong.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    generation = 1
    while time.monotonic() < stop:
        generation += 1
        index.update(np.arange(count), np.full((count, dim), generation))
    for thread in threads:
        thread.join()
    assert generation > 10
    assert not wrong, wrong[:3]


def test_changes_wait_for_each_other():
    """Eight threads add, remove and update ids of their own: none is lost."""
    index, wrong = fastla.FlatIndex(4), []

    def work(own: int) -> None:
        try:
            for i in range(60):
                ids = own * 10_000 + i * 10 + np.arange(10)
                index.add(np.full((10, 4), own, np.float32), ids)
                index.remove(ids[:4])
                index.update(ids[4:6], np.full((2, 4), own + 100, np.float32))
                if ids[0] in index or ids[9] not in index or index.reconstruct(ids[5])[0] != own + 100:
                    wrong.append(ids)
        except Exception as error:      # noqa: BLE001
            wrong.append(error)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(own,)) for own in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong
    expected = {own * 10_000 + i * 10 + j for own in range(8) for i in range(60) for j in range(4, 10)}
    assert set(index.ids.tolist()) == expected
    assert len(index) == len(expected)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")
@pytest.mark.parametrize("change", ["add", "remove", "update"])
def test_an_interrupted_change_is_made_or_not(change):
    """A signal after any number of microseconds: all of it, or nothing."""
    x = rows(4000, 8)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for delay in np.linspace(20e-6, 3e-3, 80):
            index = fastla.FlatIndex(8)
            index.add(x, ids=np.arange(4000)[::-1])
            assert 1 in index
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                if change == "add":
                    index.add(x[:3000] + 1)
                elif change == "remove":
                    index.remove(np.arange(0, 4000, 3))
                else:
                    index.update(np.arange(1000), x[:1000] + 1)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                pass
            made = {"add": 7000, "remove": 4000 - 1334, "update": 4000}[change]
            assert len(index) in (4000, made)
            assert len(index.ids) == len(index)
            changed = index.reconstruct(998)
            assert (changed == x[3001]).all() or change == "update" and (changed == x[998] + 1).all()
            same(index, fresh(index), x[:2])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_a_fork_while_another_thread_changes():
    """The child has no such thread, and no lock that waits for it."""
    assert output_of("""
        import os, threading
        import numpy as np
        import fastla
        index, stop = fastla.FlatIndex(64), threading.Event()
        index.add(np.ones((1000, 64), np.float32))
        def change():
            while not stop.is_set():
                index.add(np.ones((20_000, 64), np.float32))
                index.remove(index.ids[1000:])
        thread = threading.Thread(target=change)
        thread.start()
        for _ in range(10):
            child = os.fork()
            if not child:
                index.add(np.ones((5, 64), np.float32))
                assert 0 in index and len(index.search(np.ones(64), 3)[1]) == 3
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop.set()
        thread.join()
        print("done")
    """) == "done"


def test_removals_are_amortised(monkeypatch):
    """One at a time, rows are moved a few times, not each time."""
    moved = []
    packed = store._packed
    monkeypatch.setattr(store, "_packed", lambda state: moved.append(state.blocks.n) or packed(state))
    index = fastla.FlatIndex(2)
    index.add(np.ones((4000, 2)))
    for id in np.random.default_rng(0).permutation(4000):
        index.remove(id)
    assert len(index) == 0
    assert sum(moved) < 4 * 4000 + 100
    assert index.nbytes < 5000
