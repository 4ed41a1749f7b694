"""The selection of the best k takes n + k log k steps whatever order scores come in; steps are counted, not timed."""

import importlib.util
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from grids import combinations

import fastla

SOURCES = Path(__file__).parents[2] / "fastla" / "_native" / "search" / "topk"
SIZE = 20000
ORDERS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "random": lambda rng: rng.standard_normal(SIZE),
    "rising": lambda rng: np.arange(SIZE) * 1.0,
    "falling": lambda rng: np.arange(SIZE)[::-1] * 1.0,
    "organ pipe": lambda rng: np.minimum(np.arange(SIZE), np.arange(SIZE)[::-1]) * 1.0,
    "valley": lambda rng: np.maximum(np.arange(SIZE), np.arange(SIZE)[::-1]) * 1.0,
    "equal": lambda rng: np.ones(SIZE),
    "two values": lambda rng: rng.integers(0, 2, SIZE) * 1.0,
    "sawtooth": lambda rng: np.arange(SIZE) % 100 * 1.0,
    "shuffled blocks": lambda rng: rng.permuted(np.arange(SIZE).reshape(-1, 8), axis=0).reshape(-1) * 1.0,
    "rising, the best last": lambda rng: np.roll(np.arange(SIZE), 1) * 1.0,
    "infinite": lambda rng: rng.choice([-np.inf, 0, np.inf], SIZE),
}


@pytest.fixture(scope="module")
def selection(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """select.pxi as a module of its own, in which what is counted is called through selection.pyx."""
    folder = tmp_path_factory.mktemp("selection")
    text = Path(__file__).with_name("selection.pyx").read_text()
    for place, file, name in (("# CANDIDATES\n", "candidate.pxi", "cdef inline bint better("),
                              ("# SELECTION\n", "select.pxi", "cdef void heap_sort(")):
        source = (SOURCES / file).read_text()
        assert source.count(name) == text.count(place) == 1
        renamed = name.replace("better", "really_better").replace("heap_sort", "really_heap_sort")
        text = text.replace(place, source.replace(name, renamed))
    (folder / "selection.pyx").write_text(text)
    built = subprocess.run(
        [sys.executable, "-c", "from setuptools import setup; from Cython.Build import cythonize\n"
         "setup(name='selection', ext_modules=cythonize('selection.pyx'), py_modules=[])", "build_ext", "--inplace"],
        cwd=folder, capture_output=True, text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    spec = importlib.util.spec_from_file_location("selection", next(folder.glob("selection.*.so")))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _check(selection: ModuleType, scores: np.ndarray, k: int) -> int:
    """Right, and in few steps; returns how many heap sorts there were."""
    ids, steps, heap_sorts = selection.run(scores, k)
    np.testing.assert_array_equal(ids, np.lexsort((np.arange(len(scores)), -scores))[:k])
    # Random scores take some 3 n + 1.3 k log2 k. The worst that the fallbacks allow is a few passes more.
    assert steps <= 12 * len(scores) + 5 * k * math.log2(k + 1), (steps, len(scores), k)
    return heap_sorts


@pytest.mark.parametrize(("order", "k"), combinations(ORDERS, [1, 2, 100, SIZE // 2, SIZE - 1, SIZE]))
def test_steps_of_any_order(selection, order, k):
    _check(selection, ORDERS[order](np.random.default_rng(0)), k)


@pytest.mark.parametrize(("k", "pivots"), [(1, "worst"), (100, "worst"), (SIZE // 2, "worst"), (SIZE // 2, "best"),
                                           (SIZE - 5, "best"), (SIZE, "best"), (SIZE, "worst")])
def test_steps_where_every_pivot_is_bad(selection, k, pivots):
    """The adversary gets few steps more; a heap has sorted what was left."""
    scores = np.zeros(SIZE)
    _, steps, heap_sorts = selection.run(scores, k, adversary=pivots)
    assert heap_sorts
    assert steps <= 2.5 * SIZE * math.log2(SIZE) + 30 * SIZE
    assert len(np.unique(scores)) > SIZE // 100


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_few_candidates_come_in_order(target, dtype):
    """Few are sorted by ranks, a vector at a time: all sizes about that, with ties, infinities and both zeros."""
    rng = np.random.default_rng(0)
    for n in (*range(1, 40), 63, 64, 65, 127, 128, 129, 130, 255, 256, 257, 300):
        for scores in (rng.standard_normal(n), rng.integers(-2, 3, n) * -0.0, rng.integers(0, 5, n) - 2.0, np.zeros(n),
                       np.arange(n) * 1.0, -np.arange(n) // 3 * 1.0):
            x = scores.astype(dtype)
            for k in {1, (n + 1) // 2, n}:
                found, ids = fastla.knn(np.ones((3, 1), dtype), x[:, np.newaxis], k, metric="dot")
                order = np.lexsort((np.arange(n), -x))[:k]
                np.testing.assert_array_equal(ids, np.tile(order, (3, 1)))
                np.testing.assert_array_equal(found, np.tile(x[order], (3, 1)))
