"""Floating-point exceptions: those of the product and no others, reported as np.errstate says."""

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from operands import DTYPES, PATHS, Shape, place, tile

import fastla

WORDS = {"over": "overflow", "under": "underflow", "invalid": "invalid value"}


def operands(kind: str, shape: Shape, dtype: type, where: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Operands of a product with one exception, at where = (row, place along k, column)."""
    i, p, j = where
    info = np.finfo(dtype)
    left, right = {"over": (info.max, info.max), "under": (info.tiny, info.tiny), "invalid": (np.inf, 0)}[kind]
    others = 0 if kind == "under" else 1    # beside other products a tiny one is merely rounded off
    a, b = np.full(shape[:2], others, dtype), np.full(shape[1:3], others, dtype)
    a[i, p], b[p, j] = left, right
    return place(a, dtype, shape.a), place(b, dtype, shape.b)


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", PATHS)
def test_every_exception_anywhere(target: str, dtype: type, path: str) -> None:
    shape = PATHS[path]
    m, k, n = shape[:3]
    corners = itertools.product({0, m - 1}, {0, k // 2, k - 1}, {0, n - 1})
    for (kind, word), where in itertools.product(WORDS.items(), corners):
        a, b = operands(kind, shape, dtype, where)
        with np.errstate(all="raise"), pytest.raises(FloatingPointError, match=f"^{word} encountered in matmul$"):
            fastla.matmul(a, b)
        with np.errstate(all="raise", **{kind: "ignore"}):
            fastla.matmul(a, b)


def framed(x: np.ndarray, dtype: type, layout: str) -> np.ndarray:
    """Amid signalling NaNs: arithmetic on one of them raises `invalid`."""
    size = np.dtype(dtype).itemsize
    signalling = np.array({4: 0x7FA00000, 8: 0x7FF4000000000000}[size], f"u{size}")
    x = x.T if layout == "F" else x
    base = np.full((x.shape[0] + 2, x.shape[1] + 70), signalling).view(dtype)
    base[1:-1, 35:-35] = x
    inner = base[1:-1, 35:-35]
    return inner.T if layout == "F" else inner


def clean(m: int, k: int, n: int, dtype: type) -> list[tuple[np.ndarray, np.ndarray]]:
    """Operands with extremes in their last rows and columns, whose products are exact."""
    info = np.finfo(dtype)
    pairs = []
    for extreme in (np.inf, -np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal):
        others = np.ones if not np.isfinite(extreme) else np.zeros
        a, b = others((m, k), dtype), np.ones((k, n), dtype)
        a[-1, -1] = extreme
        pairs.append((a, b))
        a, b = np.ones((m, k), dtype), others((k, n), dtype)
        b[-1, -1] = extreme
        pairs.append((a, b))
    return pairs


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", PATHS)
def test_exact_products_raise_nothing(target: str, dtype: type, path: str) -> None:
    m, k, n, *layouts = PATHS[path]
    for pair in clean(m, k, n, dtype):
        a, b = (framed(x, dtype, layout) for x, layout in zip(pair, layouts, strict=True))
        with np.errstate(all="raise"):
            fastla.matmul(a, b)
            fastla.matmul(a, a.T if not np.isfinite(a).all() else np.ones_like(a).T)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_products_of_small_shapes_raise_nothing(target: str, dtype: type) -> None:
    mr, nr, lanes = tile(target, dtype)
    sizes = sorted({1, 2, 3, lanes - 1, lanes + 1, nr - 1, nr, nr + 1, nr + lanes + 1} - {0})
    for m, k, n in itertools.product((1, mr - 1, mr, mr + 1, 2 * mr + 1), (1, 3, 2 * lanes, 2 * lanes + 3), sizes):
        infinity = clean(m, k, n, dtype)[0]
        for layouts in ("CC", "CF", "FC", "FF"):
            a, b = (framed(x, dtype, layout) for x, layout in zip(infinity, layouts, strict=True))
            with np.errstate(all="raise"):
                assert fastla.matmul(a, b)[-1, -1] == np.inf


# --- how they are reported ------------------------------------------------------------------------------------------
FACTORS = {"over": (1e300, 1e300), "under": (1e-300, 1e-300), "invalid": (np.inf, 0.0)}


def reports(function: Any, a: Any, b: Any) -> list[tuple[str, int]]:
    """What a handler set by np.seterrcall hears."""
    heard: list[tuple[str, int]] = []
    with np.errstate(all="call", call=lambda what, flags: heard.append((what, flags))):
        function(a, b)
    return heard


@pytest.mark.parametrize("kind", ["over", "under", "invalid"])
def test_call_mode_as_numpy(target: str, kind: str) -> None:
    a, b = (np.array([[x]]) for x in FACTORS[kind])
    assert reports(fastla.matmul, a, b) == reports(np.matmul, a, b) != []


def test_several_exceptions_at_once(target: str) -> None:
    a, b = (np.diag([factors[i] for factors in FACTORS.values()]) for i in range(2))
    for kinds in (WORDS, ("over", "under"), ("over", "invalid"), ("under", "invalid")):
        chosen = [list(FACTORS).index(kind) for kind in kinds]
        heard = {what for what, _ in reports(fastla.matmul, a[np.ix_(chosen, chosen)], b[np.ix_(chosen, chosen)])}
        assert heard == {WORDS[kind] for kind in kinds}
    for kind, word in WORDS.items():
        with np.errstate(all="ignore", **{kind: "raise"}), pytest.raises(FloatingPointError, match=word):
            fastla.matmul(a, b)


ONE = np.array([[1e200]])
AT_FAULT = {
    "arrays": (ONE, ONE),
    "stacks": (np.stack([ONE] * 3), ONE),
    "vectors": (ONE[0], ONE[0]),
    "float32": (np.float32([[1e30]]), np.float32([[1e30]])),
    "lists": (ONE.tolist(), ONE.tolist()),
    "mixed dtypes": (ONE**1.5, np.float32([[3e38]])),
    "byte-swapped": (ONE.astype(">f8"), ONE),
    "float16, which is NumPy's": (np.float16([[6e4]]), np.float16([[6e4]])),
    "a subclass, which is NumPy's": (ONE.view(np.matrix), ONE),
}


@pytest.mark.parametrize("name", AT_FAULT)
def test_a_warning_names_the_callers_line(target: str, name: str) -> None:
    a, b = AT_FAULT[name]
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("always")
        fastla.matmul(a, b)
    assert [(w.category, str(w.message)) for w in caught] == [(RuntimeWarning, "overflow encountered in matmul")]
    assert caught[0].filename == __file__


def test_out_that_the_kernels_cannot_write_reports_once(target: str) -> None:
    out = np.empty((1, 4))[:, ::2]
    a, b = ONE, np.array([[1e200, 1.0]])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fastla.matmul(a, b, out=out)
    assert [str(w.message) for w in caught] == ["overflow encountered in matmul"]
    assert out[0, 0] == np.inf


def test_ignored_and_raised_exceptions_are_not_reported_later(target: str) -> None:
    with np.errstate(all="ignore"):
        assert fastla.matmul(ONE, ONE) == np.inf
    with np.errstate(all="raise"):
        fastla.matmul(np.eye(2), np.eye(2))
        with pytest.raises(FloatingPointError):
            fastla.matmul(ONE, ONE)
        fastla.matmul(np.eye(2), np.eye(2))


def test_what_happened_before_is_not_reported(target: str) -> None:
    with np.errstate(all="ignore"):
        np.float64(1e300) * np.float64(1e300)
        np.exp(np.array([1e5]))
    with np.errstate(all="raise"):
        fastla.matmul(np.eye(2), np.eye(2))


@pytest.mark.in_turn
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("threads", [2, 4])
def test_met_by_another_thread(target: str, dtype: type, threads: int) -> None:
    """Wherever it is: one of the threads comes across it."""
    shape = Shape(400, 90, 300)
    with fastla.num_threads(threads):
        for i, j in itertools.product((0, 130, 399), (0, 150, 299)):
            a, b = operands("over", shape, dtype, (i, 45, j))
            with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow encountered in matmul"):
                fastla.matmul(a, b)
            with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="overflow encountered in matmul"):
                fastla.matmul(np.stack([np.ones_like(a), a]), b)


@pytest.mark.skipif(not hasattr(np, "matvec"), reason="matvec and vecmat came with NumPy 2.2")
@pytest.mark.parametrize("name", ["vecdot", "matvec", "vecmat"])
def test_in_the_rest_of_the_family(target: str, name: str) -> None:
    matrix, vector = np.full((2, 2), 1e200), np.full(2, 1e200)
    arguments = {"vecdot": (matrix, matrix), "matvec": (matrix, vector), "vecmat": (vector, matrix)}[name]
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match=f"^overflow encountered in {name}$"):
        getattr(fastla, name)(*arguments)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = getattr(fastla, name)(*arguments)
    assert [str(w.message) for w in caught] == [f"overflow encountered in {name}"]
    assert caught[0].filename == __file__
    assert np.isinf(result).all()


def test_in_dot_as_in_numpys() -> None:
    for a, b in ((ONE, ONE), (ONE[0], ONE[0]), (ONE, np.stack([ONE, ONE]))):
        assert reports(fastla.dot, a, b) == reports(np.dot, a, b)
