"""The program of a side's process: python -P child.py FILE_DESCRIPTOR SIDE.

It loads this checkout's `benchmarks` by its place, whatever sys.path says, because an interpreter that is to be
compared has its own fastla there, which must be found, and perhaps its own benchmarks, which must not.
"""

import importlib.util
import sys
from multiprocessing.connection import Connection
from pathlib import Path

if __name__ == "__main__":
    folder = Path(__file__).parents[1]
    spec = importlib.util.spec_from_file_location("benchmarks", folder / "__init__.py",
                                                  submodule_search_locations=[str(folder)])
    sys.modules["benchmarks"] = importlib.util.module_from_spec(spec)
    from benchmarks.timing.worker import serve
    serve(Connection(int(sys.argv[1])), sys.argv[2])
