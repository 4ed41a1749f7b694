"""What an entry of Numba's declines, and that the native kernel beneath it answers."""

import ctypes
import functools
from contextlib import contextmanager

import numpy as np
import pytest

import fastla
from fastla import _core

pytest.importorskip("numba")

from fastla._jit.kernels import contract, target  # noqa: E402

ENTRIES = {"matmul": 3, "search": 2, "attention": 2, "symmetric_product": 2}       # and their arguments
RNG = np.random.default_rng(0)
A = RNG.standard_normal((64, 64)).astype(np.float32)
Q, X = RNG.standard_normal((20, 16)).astype(np.float32), RNG.standard_normal((300, 16)).astype(np.float32)
X_NAN = np.where(np.arange(300)[:, None] == 7, np.float32(np.nan), X)
H = RNG.standard_normal((2, 4, 30, 8)).astype(np.float32)
H_INF = np.where(np.arange(30)[:, None] == 29, np.float32(np.inf), H)
BIAS, FAR = RNG.standard_normal((30, 30)), X * np.float32(1e30)
LARGE = RNG.standard_normal((700, 700))
LARGE += LARGE.T
LAYOUT = contract.layout("Kernels")


def table_of(capsule) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    return get(capsule, b"fastla.kernels")


def note(calls: list[str], what: str, entry, *given) -> int:
    calls.append(what)
    return entry(*given)


def noting(table: int, label: str, calls: list[str]) -> list:
    """Let a table's entries note that they are called; what keeps that alive."""
    kept = []
    for name, arguments in ENTRIES.items():
        entry = ctypes.c_void_p.from_address(table + LAYOUT.fields[name][1])
        if entry.value:
            kind = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * arguments)

            kept.append(kind(functools.partial(note, calls, f"{label} {name}", kind(entry.value))))
            entry.value = ctypes.cast(kept[-1], ctypes.c_void_p).value
    return kept


@contextmanager
def asked():
    """The entries of Numba's tables, and of the native ones beneath them, that are called, in turn."""
    calls, kept, before = [], [], {}
    for (_, native), capsule in target._tables.items():
        table = table_of(capsule)
        fallback = ctypes.c_void_p.from_address(table + LAYOUT.fields["fallback"][1])
        if native == _core.native_target() and fallback.value:
            before[table] = ctypes.string_at(table, LAYOUT.itemsize)
            beneath = ctypes.create_string_buffer(ctypes.string_at(fallback.value, LAYOUT.itemsize), LAYOUT.itemsize)
            fallback.value = ctypes.addressof(beneath)
            kept += [beneath, noting(table, "numba", calls), noting(fallback.value, "native", calls)]
    try:
        yield calls
    finally:
        for table, bytes_before in before.items():
            ctypes.memmove(table, bytes_before, LAYOUT.itemsize)


TAKEN = {
    "product": ("matmul", lambda: fastla.matmul(A, A)), "own transpose": ("matmul", lambda: fastla.matmul(A, A.T)),
    "all cosines": ("matmul", lambda: fastla.cosine_similarity(A)), "cosine": ("search", lambda: fastla.knn(Q, X, 3)),
    "dot": ("search", lambda: fastla.knn(Q, X, 3, metric="dot")),
    "euclidean": ("search", lambda: fastla.knn(Q, X, 3, metric="euclidean")),
    "masked": ("search", lambda: fastla.knn(Q, X, 3, mask=X[:, 0] > 0)),
    "exclude": ("search", lambda: fastla.knn(X, X, 3, exclude=True)),
    "attention": ("attention", lambda: fastla.attention(H, H, H)),
    "causal": ("attention", lambda: fastla.attention(H, H, H, is_causal=True, window=(5, 0), return_lse=True)),
    "lengths": ("attention", lambda: fastla.attention(H, H, H, kv_lengths=[30, 4])),
    "bool": ("attention", lambda: fastla.attention(H, H, H, BIAS > 0)),
    "bias": ("attention", lambda: fastla.attention(H, H, H, BIAS.astype("f4"))),
    "eigsh": ("symmetric_product", lambda: np.sort(fastla.eigsh(LARGE, 2)[0])),
}
DECLINED = {
    "one row": ("matmul", lambda: fastla.matmul(A[:1], A)),
    "few columns": ("matmul", lambda: fastla.matmul(A, A[:, :2])),
    "range": ("search", lambda: fastla.range_search(Q, X, 0.5)[1]),
    "function": ("search", lambda: fastla.knn(Q, X, 3, metric=lambda s, m, n, i, j: s + 1)),
    "NaN": ("search", lambda: fastla.knn(Q, X_NAN, 3)), "padded": ("search", lambda: fastla.knn(Q, X, 301, pad=True)),
    "columns": ("search", lambda: fastla.knn(Q, np.asfortranarray(X), 3)),
    "squares": ("search", lambda: fastla.knn(Q, FAR, 3, metric="euclidean")),
    "few queries": ("attention", lambda: fastla.attention(H[:, :, :1], H, H)),
    "softcap": ("attention", lambda: fastla.attention(H, H, H, softcap=5.0)),
    "sinks": ("attention", lambda: fastla.attention(H, H, H, sinks=np.ones(4, np.float32))),
    "slopes": ("attention", lambda: fastla.attention(H, H, H, alibi_slopes=np.ones(4, np.float32))),
    "bias of another type": ("attention", lambda: fastla.attention(H, H, H, BIAS)),
    "score_mod": ("attention", lambda: fastla.attention(H, H, H, score_mod=lambda s, b, h, i, j: s + h)),
    "mask_mod": ("attention", lambda: fastla.attention(H, H, H, mask_mod=lambda b, h, i, j: j <= i)),
    "infinite": ("attention", lambda: fastla.attention(H, H, H_INF, is_causal=True)),
    "packed": ("attention", lambda: fastla.attention_varlen(H[0].swapaxes(0, 1), H[0].swapaxes(0, 1),
                                                            H[0].swapaxes(0, 1), [0, 30], [0, 30])),
}


def check(family, call, declined):
    """The same as natively, by Numba's entry of a family, and by the native one only where that declines."""
    with fastla.use_backend("numba"):
        call()              # what is pending is compiled
        with asked() as calls:
            got = call()
    assert f"numba {family}" in calls
    assert (f"native {family}" in calls) == declined
    want = call()
    for x, y in zip(*((r if isinstance(r, tuple) else (r,)) for r in (got, want)), strict=True):
        np.testing.assert_allclose(x, y, 1e-4, 1e-5)


@pytest.mark.parametrize("case", TAKEN)
def test_what_entries_do_themselves(case):
    check(*TAKEN[case], False)


@pytest.mark.parametrize("case", DECLINED)
def test_what_entries_decline_the_native_target_does(case):
    check(*DECLINED[case], True)
