"""Values: exact on small integers for every shape around a tile or a crossover, bounded errors elsewhere."""

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
import reference
from operands import DTYPES, PATHS, Shape, exact, integer_operands, integers, normal_operands, place, tile

import fastla

pytestmark = pytest.mark.parametrize("dtype", DTYPES)
TRANSPOSITIONS = list(itertools.product("CF", "CF"))


def wrong(shapes: Iterable[tuple[int, int, int]], dtype: type) -> list[Shape]:
    """Those whose product is not exact in one of the four transpositions."""
    every = (Shape(*shape, *layouts) for shape in shapes for layouts in TRANSPOSITIONS)
    return [
        shape for shape in every
        if not np.array_equal(fastla.matmul(*integer_operands(shape, dtype)), exact(*shape[:3]))
    ]


def test_every_shape_up_to_two_tiles_and_one(target: str, dtype: type) -> None:
    mr, nr, lanes = tile(target, dtype)
    bad = []
    # 65: the k blocks of the target "wide" are 64 deep.
    for k in sorted({1, 2, 3, lanes, 2 * lanes - 1, 2 * lanes, 2 * lanes + 1, 65}):
        c = exact(2 * mr + 1, k, 2 * nr + 1)
        for a_layout, b_layout in TRANSPOSITIONS:
            a, b = integer_operands(Shape(2 * mr + 1, k, 2 * nr + 1, a_layout, b_layout), dtype)
            bad += [
                Shape(m, k, n, a_layout, b_layout)
                for m in range(1, 2 * mr + 2) for n in range(1, 2 * nr + 2)
                if not np.array_equal(fastla.matmul(a[:m], b[:, :n]), c[:m, :n])
            ]
    assert not bad


def test_block_boundaries_of_k(target: str, dtype: type) -> None:
    mr, nr, lanes = tile(target, dtype)
    rows, columns = (1, mr + 1, 2 * mr + 1), (1, lanes + 1, nr + 1, 2 * nr + 1)
    depths = [k + d for k in (64, 128, 768, 1024, 2048, 4096, 6144) for d in (-1, 0, 1)]
    assert not wrong(((m, k, n) for k in depths for m in rows for n in columns), dtype)


CROSSOVERS = {
    "rows for a copy of b (SKINNY), n * k (IN_PLACE_ELEMENTS)":
        itertools.product((23, 24, 25, 47, 48, 49), (255, 257), (256, 257)),
    "bytes of b (IN_PLACE_BYTES), of float64": itertools.product((48, 49, 60), (192, 193), (255, 256, 257)),
    "one row, eight rows of b at a time":
        itertools.product((1,), (1, 2, 3, 7, 8, 9, 15, 16, 17, 31), (95, 96, 97, 1000)),
    "one row, a b from memory (CACHED_BYTES)": [(1, 31, n) for n in (135_300, 135_301, 270_601)],
    "few columns, a long (TURN_DEPTH)": itertools.product((100,), (63, 64, 65), (15, 16, 17, 24, 25, 48, 49, 50, 51)),
    "the same for narrow and for wide b":
        [(m, k, n) for m in (16, 17) for k, n in ((7000, 10), (10, 7000), (5, 13107))],
    "rows of b at a time, and columns a task, where b streams":
        itertools.product((1, 2, 4, 5, 8, 9, 16), (33,), (2047, 2048, 2049, 4097)),
    "columns for dots (DOT_COLUMNS)": itertools.product((7, 8, 9, 50), (31, 32, 33, 100), (7, 8, 9)),
    "few rows and few columns": itertools.product((1, 2, 3, 4, 5), (70,), (1, 2, 3, 4, 5)),
    "columns for the transpose (LANES)": itertools.product((7, 8, 31, 32, 33), (3, 50), (1, 2, 3, 15, 16, 17)),
    "k split": itertools.product((3, 64), (4095, 4096, 4097), (64, 65)),
    "blocks of m and n (MC, NC)": itertools.product((47, 48, 49, 97), (70,), (1031, 1032, 1033, 1056, 1057)),
}


@pytest.mark.in_turn
@pytest.mark.parametrize("crossover", [pytest.param(list(shapes), id=name) for name, shapes in CROSSOVERS.items()])
def test_crossovers(target: str, dtype: type, crossover: list[tuple[int, int, int]]) -> None:
    assert not wrong(crossover, dtype)


@pytest.mark.in_turn
@pytest.mark.parametrize("threads", [1, 3])
def test_large(target: str, dtype: type, threads: int) -> None:
    shapes = (300, 1100, 200), (200, 150, 1300), (1300, 150, 90), (9, 1500, 600), (600, 1500, 9), (64, 9000, 64)
    with fastla.num_threads(threads):
        assert not wrong(shapes, dtype)


@pytest.mark.in_turn
@pytest.mark.parametrize("path", PATHS)
def test_errors_are_bounded_on_normal_data(target: str, dtype: type, path: str) -> None:
    a, b = normal_operands(PATHS[path], dtype)
    error = np.abs(fastla.matmul(a, b) - reference.matmul(a, b, np.longdouble))
    assert (error <= reference.bound(a, b, 16)).all()


@pytest.mark.in_turn
@pytest.mark.parametrize("path", PATHS)
def test_errors_are_bounded_on_arbitrary_data(target: str, dtype: type, path: str) -> None:
    m, k, n, a_layout, b_layout = PATHS[path]
    rng = np.random.default_rng(3)
    # Exponents of two: the smallest products are normal, the largest sums finite in both types.
    a, b = (np.ldexp(rng.uniform(-1, 1, shape), rng.integers(-50, 50, shape)) for shape in ((m, k), (k, n)))
    a, b = place(a, dtype, a_layout), place(b, dtype, b_layout)
    error = np.abs(fastla.matmul(a, b) - reference.matmul(a, b, np.longdouble))
    assert (error <= reference.bound(a, b, max(16, k))).all()


@pytest.mark.in_turn
@pytest.mark.parametrize("path", PATHS)
def test_nan_and_infinity_stand_where_numpy_has_them(target: str, dtype: type, path: str) -> None:
    m, k, n, a_layout, b_layout = PATHS[path]
    rng = np.random.default_rng(4)
    a, b = integers(1, m, k).copy(), integers(2, k, n).copy()
    for x in (a, b):
        # Few enough that not every element of the product is NaN; one in a corner, so in a tail.
        for special in (np.nan, np.inf, -np.inf):
            x[rng.integers(x.shape[0]), rng.integers(x.shape[1])] = special
    b[-1, -1] = np.inf
    a, b = place(a, dtype, a_layout), place(b, dtype, b_layout)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(fastla.matmul(a, b), np.matmul(a, b))


def test_zeros_keep_their_sign_as_in_numpy(target: str, dtype: type) -> None:
    a = np.array([[-0.0, 0.0], [1.0, -1.0]], dtype)
    b = np.array([[0.0, -0.0], [0.0, -0.0]], dtype)
    np.testing.assert_array_equal(np.signbit(fastla.matmul(a, b)), np.signbit(np.matmul(a, b)))
