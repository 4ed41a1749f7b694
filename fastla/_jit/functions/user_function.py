"""Functions that only the user knows, compiled once and called by kernels on tiles that are in cache.

`compiled()` is what public functions call: it describes the function as it stands now (`captured.py`), finds or makes
its code (`rewrite.py`, `tile_function.py`), kept in memory by all that the code depends on, and packs what the function
reads into a block of its own, so that calls of several threads share nothing. Numba is imported when it is first
needed.
"""

import inspect
import linecache
import re
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastla._core import core
from fastla._jit.functions.captured import Description
from fastla._jit.functions.kinds import as_compiled, compiled_dtype
from fastla._jit.lock import Lock

FAILED_WORDS = 8        # claimed, row, column, b, h, the number, the norms of row and column
MOST_KEPT = 1024        # functions
MOST_ROWS = 2**30       # rows and columns have numbers below: LLVM is told so


class Kind(NamedTuple):
    """What a function is called with, a letter each.

    x: the number; i and j: its row and column; b and h: batch item and head; q and n: the norms of row and column.
    """

    letters: str
    shown: str
    masks: bool = False


KINDS = {
    "activation": Kind("x", "y"),
    "epilogue": Kind("xij", "x, i, j"),
    "score_mod": Kind("xbhij", "score, b, h, q_idx, kv_idx"),
    "mask_mod": Kind("bhij", "b, h, q_idx, kv_idx", masks=True),
    "metric": Kind("xqnij", "dot, norm_q, norm_x, q_idx, x_idx"),
}

_kept: dict[tuple, tuple[Any, list[Any]]] = {}     # the code, and the constants whose identity is part of the key
_lock = Lock()


class UserFunction:
    """A user's function at one call: `address` of the code, and of the `block` that it reads."""

    def __init__(self, label: str, f: Callable, kind: Kind, dtype: np.dtype, code: Any, values: list[Any]) -> None:
        self.label, self.f, self.kind, self.dtype, self.code = label, f, kind, dtype, code
        self.address = code.address
        self.kept = [as_compiled(v) if isinstance(v, np.ndarray) else v for v in values]
        self.block = _packed(self.kept)
        self.block_address = _address(self.block)

    def raise_failure(self) -> None:
        """Call the function in Python with what it failed on; its exception is the user's to see."""
        _, i, j, b, h = (int(word) for word in self.block[:5])
        x, norm_row, norm_column = self.block[5:FAILED_WORDS].view(np.float64)
        number = self.dtype.type
        given = {"x": number(x), "i": i, "j": j, "b": b, "h": h, "q": number(norm_row), "n": number(norm_column)}
        arguments = [given[letter] for letter in self.kind.letters]
        self.f(*arguments)
        shown = ", ".join(str(argument) for argument in arguments)
        raise RuntimeError(f"{self.label} failed in compiled code on ({shown}), though not in Python "
                           "(within try it must not)")


class calling:  # noqa: N801
    """Around a kernel that calls functions: what one of them raises comes out as it would in Python."""

    def __init__(self, *functions: UserFunction | None) -> None:
        self.functions = functions

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, raised: BaseException | None, traceback: Any) -> None:
        if not isinstance(raised, core.UserFunctionRaised):
            return
        for function in self.functions:
            if function is not None and function.block[0]:
                try:
                    function.raise_failure()
                except BaseException as error:
                    _forget(raised, error)
                    raise


def _forget(raised: BaseException, error: BaseException) -> None:
    """Let an error not tell that a kernel gave up before."""
    while error.__context__ is not None:
        if error.__context__ is raised:
            error.__context__ = None
            return
        error = error.__context__


def _packed(values: list[Any]) -> np.ndarray:
    """The block of words that compiled code reads; arrays are pointed to."""
    words = [bytes(8 * FAILED_WORDS)]
    for v in values:
        if isinstance(v, np.ndarray):
            words.append(struct.pack(f"{1 + 2 * v.ndim}q", _address(v if v.size else _EMPTY), *v.shape, *v.strides))
        elif isinstance(v, np.generic):
            words.append(np.asarray(v).astype(compiled_dtype(v.dtype)[0]).tobytes().ljust(8, b"\0"))
        else:
            words.append(struct.pack("d" if isinstance(v, float) else "q", v))
    return np.frombuffer(bytearray(b"".join(words)), np.int64)


_EMPTY = np.zeros(16)       # what arrays without elements point to


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def compiled(name: str, argument: str, f: Any, dtype: np.dtype) -> UserFunction:
    """The user's function for tiles of a dtype; `argument`, one of KINDS, is what the function `name` calls it.

    Raises
    ------
    ImportError
        If Numba is not installed.
    TypeError
        If f is no function of these arguments, or cannot be compiled; the message shows the line.
    """
    kind, label = KINDS[argument], f"{name}: {argument}"
    _need_numba(label)
    try:
        described = Description(f, len(kind.letters), kind.shown)
    except TypeError as error:
        raise TypeError(f"{label} {error}") from None
    key = (kind, dtype, described.key)
    found = _kept.get(key)
    if found is None:
        with _lock:
            found = _kept.get(key)
            if found is None:
                found = _compile(label, described, kind, dtype), described.constants
                if len(_kept) >= MOST_KEPT:
                    del _kept[next(iter(_kept))]
                _kept[key] = found
    return UserFunction(label, f, kind, dtype, found[0], described.values)


def _need_numba(label: str) -> None:
    try:
        import numba  # noqa: F401
    except ImportError as error:
        raise ImportError(f"{label}: a function needs Numba ({error}): pip install fastla[numba]") from error


def _compile(label: str, described: Description, kind: Kind, dtype: np.dtype) -> Any:
    from fastla._jit.functions.tile_function import tile_function
    try:
        return tile_function(described, kind.letters, dtype, kind.masks)
    except TypeError as error:
        function = described.function
        raise TypeError(f"{label} {error}; {function.__qualname__} is at {_place(function)}") from error
    except Exception as error:          # Numba has many
        raise TypeError(_message(label, described.function, error)) from error


def _place(function: Any) -> str:
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def _message(label: str, function: Any, error: Exception) -> str:
    """What Numba has to say, beside the user's line rather than the compiler's."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    code = function.__code__
    lines = [int(n) for n in re.findall(rf'File "{re.escape(code.co_filename)}", line (\d+)', text)]
    loc = getattr(error, "loc", None)
    line = lines[-1] if lines else getattr(loc, "line", None) or code.co_firstlineno
    source = linecache.getline(code.co_filename, line).strip() or _source_of(function)
    said = _said(text) or type(error).__name__
    return (f"{label}: {function.__qualname__} cannot be compiled; "
            f"{code.co_filename}:{line}: {source}\nNumba says: {said}")


def _said(text: str) -> str:
    """What says most in an error of Numba's: a specific reason, what has no implementation, or the last sentence."""
    reasons = re.findall(r"(?m)^\s*\w*Error: (.+)", text)
    missing = re.findall(r"(No implementation of function .* found for signature:)\s*>>> (.+)", text)
    if reasons or missing:
        return reasons[-1] if reasons else " ".join(missing[-1])
    # Numba shows the source after a line that names a file, up to an empty one.
    text = re.sub(r'(?m)^\s*File "[^\n]*\n(?:[^\n]*\S[^\n]*\n?)*', "", text)
    other = ("During:", "[1]", "- ", "This error may", "This is not usually", "https:", "--")
    sentences = [s.strip() for s in text.splitlines() if s.strip() and not s.strip().startswith(other)]
    return sentences[-1] if sentences else ""


def _source_of(function: Any) -> str:
    try:
        return inspect.getsource(function).strip().splitlines()[0]
    except (OSError, TypeError):
        return "<no source>"
