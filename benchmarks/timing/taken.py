"""A core that somebody else takes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.timing.load import cores


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Keep one of this process's cores busy meanwhile; where a process cannot be bound to a core, any."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(process.pid, {max(cores())})
        yield
    finally:
        process.kill()
        process.wait()
