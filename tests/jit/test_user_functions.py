"""What every user's function is promised: numbers, captured values, helpers, exceptions, errors, one compilation."""

import functools
import math
import os
import re
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
from grids import combinations, slow

import fastla

pytest.importorskip("numba")

from fastla._jit.functions import user_function  # noqa: E402

A = np.linspace(-3, 3, 40).reshape(8, 5)


def each(f, x=None, dtype=np.float32):
    """f(v, i, j) of every number, by way of a product with the identity."""
    x = (A if x is None else np.asarray(x)).astype(dtype)
    return fastla.matmul(x, np.eye(x.shape[1], dtype=dtype), epilogue=f)


@pytest.mark.parametrize(("f", "dtype"), combinations([         # several in one: compiling takes its time
    lambda v, i, j: 1.0 / (1.0 + math.exp(-v)) + 2 * math.tanh(v) + 4 * math.erf(v),
    lambda v, i, j: np.log(abs(v) + 0.5) + 2 * np.expm1(v / 2) + 4 * math.log1p(abs(v)),
    lambda v, i, j: np.maximum(v, 0.5 * v) + 2 * (max(v, 0.0) - min(v, 1)) + 4 * np.clip(v, -1.0, 1.0),
    lambda v, i, j: v ** 2 + 0.5 * v ** 3.0 + 2 * abs(v) ** 0.5 + np.where(v > 0, v, 0.01 * v), lambda v, i, j: v > 0,
    lambda v, i, j: math.sin(v), lambda v, i, j: v if i >= j and v > 0 else -1.5 if not v > 0 else -v,
    lambda v, i, j: (i - j) // 2 + v % 2.0 + i % 3 + math.floor(v) + int(v) + float(i),
    lambda v, i, j: np.sqrt(abs(v)) + 2 * np.floor(v) + 4 * np.sign(v),
], [np.float32, np.float64]))
def test_functions_of_numbers(f, dtype):
    x = A.astype(dtype)
    expected = [[float(f(np.float64(x[i, j]), i, j)) for j in range(5)] for i in range(8)]
    tolerance = 3e-6 if dtype == np.float32 else 1e-14
    np.testing.assert_allclose(each(f, dtype=dtype), expected, tolerance, tolerance)


def test_special_numbers():
    x = np.array([[0.0], [-0.0], [np.inf], [-np.inf], [np.nan], [-2.0], [90.0], [-105.0]], np.float32)
    with np.errstate(all="ignore"):
        for f, g in ((math.exp, np.exp), (math.tanh, np.tanh), (math.log, np.log)):
            np.testing.assert_allclose(fastla.linear(x, np.ones((1, 1), np.float32), activation=lambda v, f=f: f(v)),
                                       g(x), 1e-6)
        np.testing.assert_array_equal(each(lambda v, i, j: 1.0 / v, [[0.0], [-2.0]]), [[np.inf], [-0.5]])


def test_captured_values_are_read_at_every_call():
    scale, shift, table = 2.0, 1, np.arange(5.0)

    def f(v, i, j):
        return v * scale + shift + table[j]
    x = A.astype(np.float32)
    np.testing.assert_allclose(each(f), x * 2 + 1 + table, 1e-6)
    compiled = len(user_function._kept)
    scale, shift, table[3] = 3.0, 5, 70.0
    np.testing.assert_allclose(each(f), x * 3 + 5 + table, 1e-6)
    table = np.arange(10.0)[::2]        # another layout
    np.testing.assert_allclose(each(f), x * 3 + 5 + table, 1e-6)
    assert len(user_function._kept) == compiled + 1
    half, swapped, small, seen = (table.astype(dtype) for dtype in (np.float16, ">f4", np.int8, bool))
    np.testing.assert_allclose(each(lambda v, i, j: v + half[j] + 2 * swapped[j] + 3 * small[j] + 4 * seen[j]),
                               x + 6 * table + 4 * (table > 0), 1e-6)


def test_equal_lambdas_compile_once_and_others_never_share():
    def make(by):
        return lambda v, i, j: v * by
    each(make(2.0))
    before = len(user_function._kept)
    for by in (2.0, 3.0, 4.5):
        np.testing.assert_allclose(each(make(by)), A.astype(np.float32) * by, 1e-6)
    assert len(user_function._kept) == before
    one, two = (lambda v, i, j: v + 1.0), (lambda v, i, j: v + 2.0)
    np.testing.assert_allclose(each(two) - each(one), 1, 1e-5)


_factor = 2.0


def _helper(v, by=1.0):
    return v * _factor + by


def _outer(v):
    return _helper(v, 0.5) if v > 0 else _helper(v)


def test_helpers_modules_and_objects(monkeypatch):
    x = A.astype(np.float32)
    f = lambda v, i, j: _outer(v) - _helper(v)      # noqa: E731
    np.testing.assert_allclose(each(f), np.where(x > 0, -0.5, 0), 1e-6, 1e-6)
    g = lambda v, i, j: _outer(v)                   # noqa: E731
    np.testing.assert_allclose(each(g), 2 * x + np.where(x > 0, 0.5, 1), 1e-6, 1e-6)
    monkeypatch.setattr(sys.modules[__name__], "_factor", 5.0)
    np.testing.assert_allclose(each(g), 5 * x + np.where(x > 0, 0.5, 1), 1e-6, 1e-6)

    class Scale:
        def __init__(self, by):
            self.by = by

        def __call__(self, v, i, j):
            return v * self.by

        def method(self, v, i, j):
            return v + self.by
    scale = Scale(3.0)
    for f, expected in ((scale, x * 3), (scale.method, x + 3), (lambda v, i, j: v - scale.by, x - 3),
                        (functools.partial(lambda by, v, i, j: v * by, 4.0), x * 4),
                        (functools.partial(lambda v, i, j, by: v * by, by=4), x * 4)):
        np.testing.assert_allclose(each(f), expected, 1e-6)
    scale.by = 7.0
    np.testing.assert_allclose(each(scale), x * 7, 1e-6)


def test_exceptions_come_out_as_they_are():
    table = np.zeros(4)

    def f(v, i, j):
        if i == 7 and j == 4:
            raise LookupError(f"no {i}")
        return v
    with pytest.raises(LookupError, match="no 7"):
        each(f)
    with pytest.raises(IndexError):
        each(lambda v, i, j: table[j])
    np.testing.assert_array_equal(each(lambda v, i, j: table[-1 - j // 2]), 0)


def test_errors_show_the_line():
    def mine(v, i, j):
        return open(str(v)).read()      # this line
    with pytest.raises(TypeError, match=r"(?s)matmul: epilogue.*mine.*open\(str\(v\)\)"):
        each(mine)
    with pytest.raises(TypeError, match=r"epilogue takes \(a\), expected a function of \(x, i, j\)"):
        each(lambda a: a)
    with pytest.raises(TypeError, match="epilogue"):
        each(3)
    with pytest.raises(TypeError, match="number"):
        each(lambda v, i, j: (v, v))


def test_functions_of_exec():
    space = {}
    exec("def twice(v, i, j):\n    return v + v\n", space)
    np.testing.assert_array_equal(each(space["twice"]), 2 * A.astype(np.float32))


def test_threads_at_once():
    wrong = []

    def work(by):
        for _ in range(5):
            if not np.allclose(each(lambda v, i, j: v * by + i), A.astype(np.float32) * by + np.arange(8)[:, None]):
                wrong.append(by)
    threads = [threading.Thread(target=work, args=(by,)) for by in (1.0, 2.0, 3.0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_without_numba():
    script = """
        import sys
        sys.modules["numba"] = None
        import numpy as np, fastla
        a = np.ones((2, 2), np.float32)
        for call in (lambda: fastla.matmul(a, a, epilogue=lambda v, i, j: v),
                     lambda: fastla.knn(a, a, 1, metric=lambda *x: 0), lambda: fastla.block_mask(None, 1, 1, 2, 2)):
            try:
                call()
            except ImportError as error:
                assert "pip install fastla[numba]" in str(error), error
            else:
                raise SystemExit("no ImportError")
        """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True)


INSTRUCTIONS = """
    import math, re
    import numpy as np
    from fastla._jit.functions.user_function import compiled
    table = np.zeros(9)
    every = [
        ("activation", lambda v: 1.0 / (0.3 + v * v)), ("activation", lambda v: v if v > 0 else 0.1 * v),
        ("activation", lambda v: 1.0 / (1.0 + math.exp(-v))), ("activation", lambda v: 30.0 * math.tanh(v / 30.0)),
        ("epilogue", lambda v, i, j: v + (j - i) * 0.1), ("epilogue", lambda v, i, j: v if i >= j else -1e9),
        ("epilogue", lambda v, i, j: v - 0.25 * abs(i - j)), ("epilogue", lambda v, i, j: v + table[i]),
    ]
    for argument, f in every[::STEP]:
        code = compiled("test", argument, f, np.dtype(np.float32)).code.code
        text = code._library.get_asm_str()
        operations = "add|sub|mul|div|fn?m\\w+|max|blendm?v?|gatherd|gatherq|cmp\\w*"
        packed = rf"\\tv(?:(?:{operations})p[sd]|pcmp\\w+)\\s.*%REGISTERmm"
        print(len(re.findall(packed, text)), len(re.findall(r"call[a-z]*\\s.*(?:expf|tanhf)", text)))
"""


AVX2 = "+sse3,+ssse3,+sse4.1,+sse4.2,+avx,+avx2,+fma,+f16c,+bmi,+bmi2,+popcnt"


@pytest.mark.parametrize(("register", "needs", "features", "step"), [
    ("[xy]", "avx2", AVX2, 3), *slow(("[xy]", "avx2", AVX2, 1), ("[yz]", "avx512f", None, 1))])
def test_vector_instructions(register, needs, features, step):
    """A division, a branch, literals, exp, tanh, integer places and an array read in a row; by default every third."""
    if needs not in fastla._native.fastla_core.cpu_features():
        pytest.skip(f"this CPU has no {needs}")
    environment = dict(os.environ)
    if features:
        environment |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": features}
    script = textwrap.dedent(INSTRUCTIONS).replace("REGISTER", register).replace("STEP", str(step))
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        vectors, calls = map(int, re.findall(r"\d+", line))
        assert vectors > 0 and calls == 0, done.stdout
