"""The bits of a result depend on values, shape, layout and target alone."""

import numpy as np
import pytest
from grids import few_of_all
from operands import DTYPES, LAYOUTS, PATHS, Shape, normal_operands

import fastla

pytestmark = [pytest.mark.parametrize("dtype", DTYPES), pytest.mark.in_turn]
THREADS = [2, 3, 7, 16]
some_threads = pytest.mark.parametrize("threads", few_of_all([7], THREADS))

# From 0.4 MFLOP on a product is divided among threads.
DIVIDED = {
    "in place": [Shape(50, 100, 131), Shape(300, 40, 41), Shape(200, 250, 7, "F")],
    "streams": [Shape(7, 300, 301), Shape(16, 700, 1001), Shape(2, 400, 999), Shape(5, 41, 6001)],
    "packed": [Shape(101, 90, 97, a, b) for a in "CF" for b in "CF"],
    "packed, in blocks": [Shape(130, 1100, 150, "F"), Shape(40, 70, 1130)],
    "dots": [Shape(201, 700, 5), Shape(1001, 333, 8, "C", "F"), Shape(77, 3999, 2)],
    "transposed": [Shape(5, 700, 201, "C", "F"), Shape(1, 900, 301, "C", "F"), Shape(901, 300, 1, "F")],
    "split k": [Shape(1, 300001, 1), Shape(3, 50001, 5), Shape(40, 4100, 50, "F", "F"), Shape(64, 9000, 64)],
    "one column, any number of rows": [Shape(m, 3990, 1) for m in range(57, 100)],
    "one row, in pieces of columns":
        [Shape(1, k, n) for n in (1025, 2049, 3164, 4134, 8193, 20000) for k in (25, 1100)],
    "one row, any number of columns": [Shape(1, 3990, n, "C", "F") for n in range(61, 80)],
}


def by_threads(a: np.ndarray, b: np.ndarray, threads: list[int]) -> list[int]:
    """The numbers of threads with which the bits are not those of one thread."""
    with fastla.num_threads(1):
        alone = fastla.matmul(a, b)
    bad = []
    for number in threads:
        with fastla.num_threads(number):
            if fastla.matmul(a, b).tobytes() != alone.tobytes():
                bad.append(number)
    return bad


@some_threads
@pytest.mark.parametrize("path", DIVIDED)
def test_not_on_the_number_of_threads(target: str, dtype: type, path: str, threads: list[int]) -> None:
    bad = {shape: by_threads(*normal_operands(shape, dtype), threads) for shape in DIVIDED[path]}
    assert not {shape: numbers for shape, numbers in bad.items() if numbers}


@some_threads
def test_not_on_the_number_of_threads_for_own_transposes(target: str, dtype: type, threads: list[int]) -> None:
    for m, k in ((150, 100), (333, 40), (60, 1100), (10, 40001), (64, 5000)):
        for layout in "CF":
            a, _ = normal_operands(Shape(m, k, 1, layout), dtype)
            assert not by_threads(a, a.T, threads), (m, k, layout)


@some_threads
def test_not_on_the_number_of_threads_for_stacks(target: str, dtype: type, threads: list[int]) -> None:
    rng = np.random.default_rng(1)
    for a_shape, b_shape in (
        ((3001, 4, 5), (3001, 5, 6)), ((101, 1, 3000), (3000, 1)), ((67, 1, 3000), (67, 3000, 1)),
        ((65, 1, 3990), (3990, 1)), ((3, 1, 1025), (2, 1, 1025, 64)), ((5, 20, 33), (7, 1, 33, 34)),
        ((40, 30, 31), (31, 32)), ((30, 31), (40, 31, 32)), ((3, 300, 301), (3, 301, 302)),
    ):
        a, b = rng.standard_normal(a_shape).astype(dtype), rng.standard_normal(b_shape).astype(dtype)
        assert not by_threads(a, b, threads), (a_shape, b_shape)


@pytest.mark.parametrize("path", PATHS)
def test_not_on_alignment(target: str, dtype: type, path: str) -> None:
    a, b = normal_operands(PATHS[path], dtype)
    expected = fastla.matmul(a, b).tobytes()

    def shifted(x: np.ndarray, by: int) -> np.ndarray:
        order = "C" if x.flags.c_contiguous else "F"
        memory = np.full(x.size + by, np.nan, dtype)
        memory[by:] = x.ravel(order)
        return memory[by:].reshape(x.shape, order=order)

    bad = []
    for by in range(17):
        out = shifted(np.full((a.shape[0], b.shape[1]), np.nan, dtype), (5 * by) % 17)
        fastla.matmul(shifted(a, by), shifted(b, (3 * by) % 17), out)
        if out.tobytes() != expected:
            bad.append(by)
    assert not bad


def differing(stack: np.ndarray) -> list[int]:
    """Which items have other bits than the first."""
    return [i for i, item in enumerate(stack) if item.tobytes() != stack[0].tobytes()]


@pytest.mark.parametrize("path", PATHS)
def test_not_on_the_place_in_a_stack(target: str, dtype: type, path: str) -> None:
    shape = PATHS[path]
    a, b = normal_operands(shape, dtype)
    count = 11 if a.size * b.shape[1] < 1_000_000 else 5
    left, right = (LAYOUTS[name](np.repeat(x[np.newaxis], count, axis=0)) for name, x in ((shape.a, a), (shape.b, b)))
    for threads in (1, 16):
        with fastla.num_threads(threads):
            assert not differing(fastla.matmul(left, right))
            assert not differing(fastla.matmul(left, b))
            assert not differing(fastla.matmul(a, right))


def test_not_on_the_place_in_a_stack_of_vectors(target: str, dtype: type) -> None:
    a, b = normal_operands(Shape(1, 501, 1), dtype)
    for count in (5, 9, 129):
        left, right = np.repeat(a, count, axis=0), np.repeat(b.T, count, axis=0)
        for threads in (1, *THREADS):
            with fastla.num_threads(threads):
                assert not differing(fastla.vecdot(left, right))
                assert not differing(fastla.matmul(left, b))
                assert not differing(fastla.matmul(left[:, np.newaxis], right[..., np.newaxis]))


@pytest.mark.parametrize("columns", [1, 3])
def test_not_on_whether_rows_come_from_memory(target: str, dtype: type, columns: int) -> None:
    a, b = normal_operands(Shape(70_000, 130, columns, "C", "F"), dtype)
    product = fastla.matmul(a, b)
    for first in (0, 33_333, 69_500):
        rows = slice(first, first + 500)
        np.testing.assert_array_equal(product[rows], fastla.matmul(a[rows], b))
