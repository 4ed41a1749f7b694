"""The table of cases, and what every operation says of itself."""

import dataclasses
import json
import math
import pickle

import numpy as np
import pytest

import fastla
from benchmarks import case_files
from benchmarks.cases import CASES
from benchmarks.operations import NUMBA
from benchmarks.operations.attention import Attention
from benchmarks.operations.eigen import Components, Leading, SmallEigen
from benchmarks.operations.numba_target import NumbaAttention, NumbaCosine, NumbaProduct, NumbaSearch
from benchmarks.operations.products import Product
from benchmarks.operations.search import Index, Search
from benchmarks.operations.similarity import Cosine, Paired

SMALL = [
    Product("", 5, 6, 7), Product("", 5, 6, 7, dtype="float64", out=False), Product("", 5, 5, 7, own=True),
    Product("", 5, 5, 7, own=True, transposed="a"), Product("", 2, 3, 4, batch=(2, 3), shared_b=True, out=False),
    Product("", 9, 8, 7, transposed="ab", pad=(3, 5), offset=(1, 2)),
    *(Product("", 3, 4, 5, dtype=t, out=False) for t in ("int8", "uint16", "int64", "float16", "complex64", "bool")),
    Cosine("", 5, 9, 7), Cosine("", 5, 9, 7, dtype="float64"), Paired("", 9, 7), Paired("", 9, 7, dtype="float64"),
    Leading("", 40, 3, dtype="float64"), Leading("", 40, 3, spectrum="wigner"), SmallEigen("", 5, 4),
    Components("", 60, 9, 3),
    Attention("", 2, 3, 20, 20, 8, causal=True), Attention("", 1, 2, 5, 30, 8, dtype="float64"),
    Search("", 5, 40, 7, top=3), *(Index("", 5, 40, 16, top=3, storage=s) for s in ("float32", "float16", "int8")),
]
SIDES = [(case, side) for case in SMALL for side in ("numpy", "fastla")]


def ids(value):
    return value if isinstance(value, str) else f"{type(value).__name__} {value.label()} {value.dtype}"


def test_rows_differ():
    rows = [dataclasses.replace(case, quick=False) for case in CASES]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_a_row_says_what_it_costs_and_travels(case):
    assert case.label() and case.TABLE
    if not isinstance(case, Leading | SmallEigen | Components):     # whose methods differ in what they need
        assert case.flops() > 0 and case.nbytes() > 0
    assert pickle.loads(pickle.dumps(case)) == case
    sides = case.installed_sides()
    assert sides[0] == "numpy" and sides[-1] == "fastla" and set(sides) <= case.SIDES.keys()


@pytest.mark.parametrize(("case", "side"), SIDES, ids=ids)
def test_sides_are_right(case, side):
    operands = case.make(7)
    assert case.check(operands, case.SIDES[side](case, operands)()) <= 1


@pytest.mark.parametrize("case", [
    NumbaProduct("", 9, 70, 5), NumbaCosine("", 9, 40, 7), NumbaSearch("", 9, 40, 7, top=3),
    NumbaAttention("", 1, 2, 20, 20, 8, causal=True),
], ids=ids)
def test_the_numba_side_is_numbas(case):
    pytest.importorskip("numba")
    operands = case.make(7)
    with fastla.use_backend("native"):
        call = case.SIDES[NUMBA](case, operands)
        assert fastla.show_config("dicts")["backend"] == "numba"
        assert case.check(operands, call()) <= 1


@pytest.mark.parametrize("case", SMALL, ids=ids)
def test_a_wrong_result_is_seen(case):
    operands = case.make(7)
    right = case.SIDES["numpy"](case, operands)()
    several = isinstance(right, tuple)
    wrong = np.array(right[0] if several else right)
    wrong[..., 0] = ~wrong[..., 0] if wrong.dtype.kind == "b" else wrong[..., 0] + 3
    assert not case.check(operands, (wrong, right[1]) if several else wrong) <= 1
    assert math.isinf(case.check(operands, tuple(part[1:] for part in right) if several else right[1:]))


def test_a_missed_neighbour_is_seen():
    case = Search("", 4, 40, 7, top=3)
    operands = case.make(7)
    scores, indices = case.SIDES["numpy"](case, operands)()
    indices[:, 0] = indices[:, 1]
    assert math.isinf(case.check(operands, (scores, indices)))
    indices[:, 0] = [min(set(range(40)) - set(row)) for row in indices]
    assert case.check(operands, (scores, indices)) > 1


@pytest.mark.parametrize("case", SMALL, ids=ids)
def test_operands_are_the_same_in_any_process(case):
    one, other = (made if isinstance(made, tuple) else (made,) for made in (case.make(5), case.make(5)))
    for x, y in zip(one, other, strict=True):
        assert x.strides == y.strides
        np.testing.assert_array_equal(x, y)


def test_flops_and_bytes():
    product = Product("", 2, 3, 4, batch=(5,), dtype="float64")
    assert product.flops() == 5 * 2 * 3 * 4 * 2 and product.nbytes() == 8 * 5 * (8 + 12 + 6)
    own = Product("", 3, 3, 4, own=True)
    assert own.flops() == 3 * 4 * 4 and own.nbytes() == 4 * (12 + 9)
    assert Index("", 2, 10, 8, top=1, storage="int8").nbytes() == 2 * 8 * 4 + 10 * 8 + 2 * 12


def test_a_file_of_cases(tmp_path):
    rows = [{"family": "matmul", "params": {"m": 2, "n": 3, "k": 4, "dtype": "float64", "batch": [5], "alloc": True,
                                            "transposed": "b"}, "threads": [1, 2]},
            {"family": "index_narrow", "params": {"q": 1, "n": 9, "d": 8, "k": 2, "storage": "int8"}, "goal": 3},
            {"family": "unheard of", "params": {}}]
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(rows))
    entries, unknown = case_files.read(path)
    assert entries == [
        (Product("matmul", 2, 3, 4, dtype="float64", batch=(5,), out=False, transposed="b"), [1, 2]),
        (Index("index_narrow", 1, 9, 8, top=2, storage="int8"), [2])]
    assert unknown == {"unheard of"}
