"""What scratch held before does not matter, to any family of kernels."""

import warnings

import numpy as np
import pytest
from every_family import calls_of_every_family


def _bytes(result: object) -> bytes:
    if isinstance(result, (tuple, list)):
        return b"".join(_bytes(part) for part in result)
    return np.ascontiguousarray(result).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_scratch_held_before_does_not_matter(target, dtype, fill_scratch):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, call in calls_of_every_family(dtype).items():
            fill_scratch(0)
            clean = _bytes(call())
            for byte in (0xFF, 0x7F):       # NaN and -1; the largest numbers
                fill_scratch(byte)
                assert _bytes(call()) == clean, (name, byte)
