"""Thread-locals of the core are there when a thread begins: where memory ends a call fails, never the process."""

import platform
import re
import shutil
import subprocess

import pytest
from process import run_python

from fastla._core import core

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's thread-locals")


@pytest.mark.skipif(not shutil.which("readelf"), reason="needs readelf (binutils)")
def test_few_bytes_of_static_space():
    """None is made at first use (a DTPMOD relocation), and all leave room for other libraries' (about 1.6 KB)."""
    def readelf(option: str) -> str:
        return subprocess.run(["readelf", option, core.__file__], capture_output=True, text=True, check=True).stdout

    assert "DTPMOD" not in readelf("-rW")
    size = re.search(r"^ *TLS +(?:0x[0-9a-f]+ +){4}(0x[0-9a-f]+)", readelf("-lW"), re.MULTILINE)
    assert int(size[1], 16) <= 128


def test_no_memory_for_new_threads():
    done = run_python("""
        import resource
        import numpy as np
        import fastla
        x = np.ones((3000, 64), np.float32)
        index = fastla.FlatIndex(64)
        index.add(x)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        failed = 0
        for extra in (0, 1, 2, 4, 9, 33):
            resource.setrlimit(resource.RLIMIT_AS, (used + extra * 2**20, -1))
            for threads in (2, 8, 64):
                for call in (lambda: fastla.knn(x[:300], x, 50), lambda: index.search(x[:300], 50),
                             lambda: fastla.matmul(x.T, x), lambda: fastla.normalize(x), lambda: index.add(x)):
                    try:
                        with fastla.num_threads(threads):
                            call()
                    except MemoryError:
                        failed += 1
            resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
            assert len(index.search(x[0], 3)[1]) == 3
        print(failed)
    """)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0
