"""What a user's function reads is what it reads in Python, at every call: nested code, defaults, partials, tests."""

import dataclasses
import functools
import gc
import math
import weakref

import numpy as np
import pytest

import fastla

pytest.importorskip("numba")

from fastla._jit.functions import user_function  # noqa: E402

ONES, EYE = np.ones((3, 4), np.float32), np.eye(4, dtype=np.float32)


def check(f):
    """f(1.0, i, j) of each of 3 x 4 places, by way of a product with the identity."""
    expected = [[float(f(np.float32(1), i, j)) for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(fastla.matmul(ONES, EYE, epilogue=f), expected, 1e-6)


def of_four(p, q, r, s=1.0):
    return p + 10 * q + 100 * r + 1000 * s


def test_partials_of_one_function_never_share_code():
    check(of_four)
    check(functools.partial(of_four, 2.0))
    check(functools.partial(of_four, s=3.0))
    first, third = functools.partial(of_four, 2.0), functools.partial(of_four, r=2.0)
    check(lambda v, i, j: first(v, i, j))
    check(lambda v, i, j: third(v, i))


factor = 2.0


@pytest.mark.parametrize("make", [
    lambda n: lambda v, i, j: (lambda a: a * n + factor)(v), lambda n: lambda v, i, j: sum([v * n for k in range(3)]),
    lambda n: lambda v, i, j: sum([v * factor for k in range(3)]) + factor + n,
])
def test_code_within_a_function_reads_like_the_rest(make, monkeypatch):
    for n in (2.0, 30.0, np.float64(4)):
        check(make(n))
    f = make(2.0)
    check(f)
    monkeypatch.setitem(globals(), "factor", 7.0)
    check(f)


def test_an_object_within_inner_code():
    shift = dataclasses.make_dataclass("Shift", ["by", "table"])(2.0, np.arange(4.0))

    def f(v, i, j):
        def moved(a):
            return a + shift.by * shift.table[j]
        return moved(v) + shift.by
    check(f)
    shift.by, shift.table[:] = 5.0, 1.0
    check(f)


def test_defaults_are_read_at_every_call():
    table = np.arange(4.0)

    def helper(v, j, table=table, by=2.0):
        return v + by * table[j]
    f = lambda v, i, j: helper(v, j) + helper(v, i, by=1.0)     # noqa: E731
    check(f)
    table[:] = 100
    check(f)


class Plain:
    own = 3.0


@dataclasses.dataclass
class Compared:
    own: float


@dataclasses.dataclass(slots=True)
class Slotted:
    own: float


plain, other, alias = Plain(), Plain(), None
compared, slotted = Compared(2.0), Slotted(4.0)


def scaled(v):
    return v * 100


class Model:
    def __init__(self, act):
        self.act = act

    def __call__(self, v, i, j):
        return self.act(v) if self.act is not None else v


@pytest.mark.parametrize("f", [         # several in one: compiling takes its time
    lambda v, i, j: (scaled(v) if scaled is not None else v) + 3 * (scaled(v) if scaled else v),
    Model(scaled), Model(Model(scaled).act), lambda v, i, j: (v + 1 if plain else v) + 10 * (v if not plain else -v),
    lambda v, i, j: (v + 1 if plain is plain else v) + 10 * (v + 1 if plain is other else v) +
    100 * (v + 1 if plain == other else v) + 1000 * (v + 1 if plain != other else v),
    lambda v, i, j: (v + plain.own if plain is not None and scaled is not Plain else v) +
    10 * (v + slotted.own * compared.own) + 1000 * (v if alias is None else -v),
])
def test_objects_and_functions_are_true_and_equal_themselves(f):
    check(f)


@pytest.mark.parametrize("f", [         # several in one
    lambda v, i, j: v * 2**-(i + 1) + 10 * (v * (i + 2)**-1) + 100 * (v * (i + 1)**(j - 2)),
    lambda v, i, j: v + 2**i + i**2 + 10 * ((v + 1)**-2 + (v + 1)**(i - j)),
    lambda v, i, j: v * ((i + 20000001.0) % 2) + 10 * ((i * 1e-3 + 1e5) - 1e5 + v),
    lambda v, i, j: math.fmod(-7.5 * v, 2) + math.fmod(v + i, 1.5) + 10 * (math.hypot(v, 2) + math.atan2(v, 3)),
    lambda v, i, j: v + np.where(i > j, 1, 0) + np.where(v > 0, v, 2.0) + np.where(i == j, 0.5, 2),
])
def test_numbers_are_pythons(f):
    check(f)


def test_constants_that_are_equal_but_not_the_same():
    def make(numbers):
        return lambda v, i, j: v * math.copysign(1.0, numbers[0])
    for numbers in ((0.0,), (-0.0,), (0.0,)):
        check(make(numbers))


class OwnError(Exception):
    pass


def raises_own(v, i, j):
    if i == 2:
        raise OwnError("text", i)
    return v


def raises_a_class(v, i, j):
    if i == 2:
        raise OwnError
    return v


def raises_stop(v, i, j):
    if i == 2:
        raise StopIteration("end")
    return v


@pytest.mark.parametrize(("f", "kind", "says"), [(raises_own, OwnError, "text.*2"), (raises_a_class, OwnError, "^$"),
                                                 (raises_stop, StopIteration, "end")])
def test_exceptions_of_any_class(f, kind, says):
    with pytest.raises(kind, match=says) as caught:
        fastla.matmul(ONES, EYE, epilogue=f)
    assert caught.value.__context__ is None


records, words, pair = np.zeros(4, [("w", "f8")]), np.array(["a", "b", "c", "d"]), (np.zeros(4), 1.0)


def takes_anything(*a, **k):
    return a[0]


@pytest.mark.parametrize(("f", "says"), [
    (lambda v, i, j: v + records["w"][j], "records, of dtype"),
    (lambda v, i, j: v + (words[i] == words[j]), "words, of dtype"),
    (lambda v, i, j: v + pair[0][j], "pair, of type tuple of arrays"),
    (lambda v, i, j: v + (compared == compared), "eq"),
    (lambda v, i, j: v + hasattr(plain, "own"), "calls hasattr"), (lambda v, i, j: isinstance(v, float), "isinstance"),
    (functools.wraps(scaled)(takes_anything), r"takes \(\*a, \*\*k\), expected a function of \(x, i, j\)$"),
    (lambda v, i, j: takes_anything(v, k=i), "cannot be compiled"),
])
def test_what_cannot_be_read_as_python_does_is_refused(f, says):
    with pytest.raises(TypeError, match="(?s)matmul: epilogue.*" + says):
        fastla.matmul(ONES, EYE, epilogue=f)


def test_objects_of_a_class_share_code_and_are_not_kept():
    f = Model(scaled)
    check(f)
    before, gone = len(user_function._kept), weakref.ref(f)
    for _ in range(3):
        check(Model(scaled))
    assert len(user_function._kept) == before
    del f
    gc.collect()
    assert gone() is None


def test_identity_is_that_of_the_call():
    def make(one, two):
        return lambda v, i, j: v + 1 if one is two else v
    x, y = Plain(), Plain()
    for pair_of in ((x, y), (x, x), (y, x), (y, y)):
        check(make(*pair_of))


class Held:
    def __init__(self, own):
        self.own = own

    def times(self, v):
        return v * self.own


ten, twenty = Held(10.0), Held(20.0)


def chosen_by_assignment(v, i, j):
    held = ten
    if i > j:
        held = twenty
    return v * held.own


@pytest.mark.parametrize("f", [
    lambda v, i, j: v * (ten if i > j else twenty).own, lambda v, i, j: v * (ten or twenty).own, chosen_by_assignment,
    lambda v, i, j: (ten if i > j else twenty).times(v),
])
def test_an_object_that_is_chosen_while_it_runs_is_refused(f):
    """Or right: never the other one's attribute."""
    try:
        check(f)
    except TypeError as error:
        assert "cannot be compiled" in str(error)


def exponent_by_assignment(v, i, j):
    n = 2
    if i > j:
        n = 3
    return (v + 1)**n


def exponent_in_a_loop(v, i, j):
    n = 2
    for _ in range(i):
        n -= 1
    return (j + 2)**n + v


@pytest.mark.parametrize("f", [exponent_by_assignment, exponent_in_a_loop, lambda v, i, j: pow(2, -i) + v,
                               lambda v, i, j: pow(v + 1, 2) + pow(i + 2, j)])
def test_exponents_that_change(f):
    check(f)


def test_a_global_that_shadows_a_builtin(monkeypatch):
    f = lambda v, i, j: abs(v) + 10 * float(v)      # noqa: E731
    check(f)
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "abs", scaled)
        check(f)
    with monkeypatch.context() as patch:
        patch.setitem(globals(), "float", scaled)
        check_with(f, np.float64)


def check_with(f, number):
    """As check, where this file's own `float` may be another."""
    expected = [[number(f(1.0, i, j)) for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(fastla.matmul(ONES, EYE, epilogue=f), expected, 1e-6)


def test_a_class_that_changes(monkeypatch):
    class Changing:
        own = 1.0
    one, two = Changing(), Changing()
    truth, equal = (lambda v, i, j: v + 1 if one else v), (lambda v, i, j: v + 1 if one == two else v)
    check(truth)
    check(equal)
    monkeypatch.setattr(Changing, "__bool__", lambda self: False, raising=False)
    monkeypatch.setattr(Changing, "__eq__", lambda self, other: True)
    for f in (truth, equal):
        with pytest.raises(TypeError, match="cannot be compiled"):
            check(f)
