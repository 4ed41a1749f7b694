"""What a user's function may name: classes, enumerations, objects and their methods; and what it may not."""

import enum
import functools
import types

import numpy as np
import pytest

import fastla

numba = pytest.importorskip("numba")

ONES, EYE = np.ones((3, 4), np.float32), np.eye(4, dtype=np.float32)


def at_one(f):
    """f(1.0, i, j) of each of 3 x 4 places, by way of a product with the identity."""
    return fastla.matmul(ONES, EYE, epilogue=f)


def check(f):
    expected = [[float(f(1.0, i, j)) for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(at_one(f), expected, 1e-6)


class Mode(enum.IntEnum):
    LOW = 1
    HIGH = 7


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Scale:
    by = 3.0
    table = np.arange(4.0)

    def __init__(self, own):
        self.own = own
        self.below = types.SimpleNamespace(shift=0.5, none=None)

    @classmethod
    def of_class(cls, v, i, j):
        return v * cls.by + cls.table[j]

    @staticmethod
    def static(v, i, j):
        return v * Scale.by

    @property
    def double(self):
        return 2 * self.own

    def add(self, v, extra=1.0):
        return v + self.own + extra

    def method(self, v, i, j):
        return self.add(v) + self.add(v, extra=i) + self.double

    def __call__(self, v, i=0, j=0):
        return v * self.own + j


class Child(Scale):
    by = 11.0


one, two = Scale(5.0), Scale(8.0)
mode, colour, alias = Mode.HIGH, Colour.RED, one
half = functools.partial(lambda by, v: v * by, 0.5)
doubled = numba.vectorize(lambda v: v * 2)


@pytest.mark.parametrize("f", [         # several in one: compiling takes its time
    Child.of_class, Scale.static, Child(1.0).method, one,
    lambda v, i, j: v * Scale.by - Child.by + Scale.table[j] + 100 * (one.add(v) - 10 * two.add(v, float(j))),
    lambda v, i, j: v + one.below.shift + two.own + 100 * (one(v, 1, j) + two(v)) + 1000 * (half(v) + i),
    lambda v, i, j: v + mode + Mode.LOW + 100 * (v if mode == Mode.LOW else -v) +
    1000 * (v if colour == Colour.BLUE else -v) + 10000 * (v if colour is Colour.RED else -v),
    lambda v, i, j: (v if one is None else v * one.own) + 100 * (v if one.below.none is None else -v) +
    1000 * (v if one is not two else -v),
    *(pytest.param(f, marks=pytest.mark.slow) for f in (Scale.of_class, one.method)),
])
def test_objects_classes_and_enumerations(f):
    check(f)


def test_functions_of_numbas_decorators():
    np.testing.assert_array_equal(at_one(lambda v, i, j: doubled(v)), 2 * ONES)
    np.testing.assert_array_equal(at_one(numba.njit(lambda v, i, j: v * 3)), 3 * ONES)


def test_attributes_of_classes_are_read_at_every_call(monkeypatch):
    check(Scale.of_class)
    monkeypatch.setattr(Scale, "by", 4.0)
    check(Scale.of_class)
    check(lambda v, i, j: one.method(v, i, j))
    monkeypatch.setattr(one, "own", 6.0)
    check(lambda v, i, j: one.method(v, i, j))


def test_functions_that_differ_in_a_helper_never_share_code():
    def plus(v):
        return v + 1.0

    def times(v):
        return v * 10.0

    def make(last):
        return lambda v, i, j: plus(v) + times(v) + last(v)
    for f in (make(plus), make(times), make(plus)):
        check(f)


def calls_fastla(v, i, j):
    return v + fastla.matmul(EYE, EYE)[0, 0]


@numba.njit
def by_way_of_python(v):
    with numba.objmode(y="float64"):
        y = v + 1.0
    return y


async def coroutine(v, i, j):
    return v


def generator(v, i, j):
    yield v


def declares_global(v, i, j):
    global half
    half = 3
    return v


listed, mapped, huge = [1.0, 2.0], {"a": 1.0}, 2**70


@pytest.mark.parametrize(("f", "says"), [
    (calls_fastla, "back to Python.*calls_fastla is at .*test_captured.py:"),
    (lambda v, i, j: by_way_of_python(v), "back to Python"),
    (coroutine, "coroutine"), (generator, "generator"), (declares_global, "writes half"),
    (lambda v, i, j: v + listed[j], "reads listed, of type list"),
    (lambda v, i, j: mapped["a"], "mapped, of type dict"),
    (lambda v, i, j: v + huge, "reads huge, of type int"),
    (lambda v, i, j: v + 1j, "returns complex128, expected a num"),
    (float, r"is the class float, expected a function of \(x, i, j\)$"),
    (3, r"is of type int, expected a function of \(x, i, j\)$"),
    (lambda v, i, j: v + missing, "'missing' is not def"),      # noqa: F821
    (lambda v, i, j: "%d" % i, r"mod\(Literal\[str\]\(%d\), int64\)"),      # noqa: UP031
    (lambda v, i, j: v + one, "Scale object"),
])
def test_what_a_function_may_not_be_is_named(f, says):
    out = np.full((3, 4), 7, np.float32)
    with pytest.raises(TypeError, match="(?s)matmul: epilogue.*" + says):
        fastla.matmul(ONES, EYE, out, epilogue=f)
    np.testing.assert_array_equal(out, 7)


@pytest.mark.parametrize("call", [
    lambda: fastla.linear(ONES, EYE, activation=lambda v: calls_fastla(v, 0, 0)),
    lambda: fastla.knn(ONES, EYE, 1, metric=lambda s, m, n, i, j: calls_fastla(s, i, j)),
    lambda: fastla.attention(ONES[None, None], EYE[None, None], EYE[None, None],
                             score_mod=lambda s, b, h, i, j: calls_fastla(s, i, j)),
    lambda: fastla.attention(ONES[None, None], EYE[None, None], EYE[None, None],
                             mask_mod=lambda b, h, i, j: calls_fastla(1.0, i, j) > 0),
    lambda: fastla.block_mask(lambda b, h, i, j: calls_fastla(1.0, i, j) > 0, None, None, 3, 4),
])
def test_no_function_calls_fastla(call):
    with pytest.raises(TypeError, match="back to Python"):
        call()


def test_raising_with_a_formatted_message():
    def f(v, i, j):
        if i == 2:
            raise ValueError(f"row {i} of {v}")
        return v
    with pytest.raises(ValueError, match="row 2 of 1"):
        at_one(f)
