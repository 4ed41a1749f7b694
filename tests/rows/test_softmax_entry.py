"""The compiled entries of softmax and its like give what their Python functions give."""

import itertools

import numpy as np
import pytest

import fastla
from fastla import _softmax

FUNCTIONS = ("softmax", "log_softmax", "logsumexp")
SHAPES = [(5,), (1, 60, 19), (300, 26, 1), (4, 1, 7), (0, 3), (3, 0), (2, 94), (1, 1)]


def _layouts(x: np.ndarray) -> list[np.ndarray]:
    spread = np.repeat(x, 2, axis=-1)[..., ::2]
    return [x, np.asfortranarray(x), x[tuple(slice(None, None, -1) for _ in x.shape)], spread]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.usefixtures("target")
def test_same_as_the_python_function(name: str, dtype: str, shape: tuple[int, ...]) -> None:
    function = getattr(fastla, name)
    x = np.random.default_rng(3).standard_normal(shape).astype(dtype)
    for layout, axis in itertools.product(_layouts(x), range(-x.ndim, x.ndim)):
        if name != "logsumexp" or x.shape[axis]:
            expected = function.__wrapped__(layout, axis)
            result = function(layout, axis=axis)
            assert type(result) is type(expected)
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result, expected)
            if result.ndim == x.ndim:
                assert result.strides == expected.strides


@pytest.mark.parametrize("name", FUNCTIONS)
def test_plain_arrays_are_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_softmax, "_floats", None)
    x = np.zeros((3, 4), np.float32)
    getattr(fastla, name)(x)
    getattr(fastla, name)(x.T[::-1], axis=0)
    for other in (x.astype(np.float16), x.tolist(), x.astype(">f4")):
        with pytest.raises(TypeError, match="not callable"):
            getattr(fastla, name)(other)
    with pytest.raises(TypeError, match="not callable"):
        getattr(fastla, name)(x, axis=2)


def test_lines_of_one_number() -> None:
    """Ones, NaN where the number is NaN or infinite; along any axis of length 1."""
    x = np.array([[[0.0, np.inf, -np.inf, np.nan, 3.0]]])
    for axis in (0, 1):
        np.testing.assert_array_equal(fastla.softmax(x, axis), [[[1, np.nan, np.nan, np.nan, 1]]])
        np.testing.assert_array_equal(fastla.logsumexp(x, axis)[0], x[0, 0])
