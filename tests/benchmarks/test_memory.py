"""Memory that calls take: that it is seen, and that attention keeps to its bound."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import attention_memory
from benchmarks.timing import memory

pytestmark = pytest.mark.skipif(not memory.can_measure(), reason="this system does not tell the peak of memory")
ROOT = Path(__file__).parents[2]

SCRIPT = """
import numpy as np
from benchmarks.timing import memory

MIB = 2**20


def call():
    scratch = np.ones(96 * MIB, np.uint8)
    return scratch[:32 * MIB].copy()


np.ones(MIB).sum()
print(memory.taken_by(call), memory.taken_by(lambda: [np.ones(64 * MIB, np.uint8)]))
"""


def test_what_a_call_allocates_is_seen_and_its_result_is_not_counted():
    """In a process of its own, as it is used: what other tests hold and free is not the call's."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [float(number) for number in done.stdout.split()] == pytest.approx([96, 0], abs=4)


def test_attention_keeps_to_its_bound():
    found = attention_memory.measure()
    assert list(found) == ["dense", "causal", "masked"]
    assert attention_memory.within(found), found
    assert "WRONG" not in attention_memory.sentence(found)
    assert "WRONG" in attention_memory.sentence({**found, "masked": 512.0})
