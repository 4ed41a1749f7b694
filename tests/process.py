"""Python in a process of its own: for what is decided at import, what signals do, and how a process ends."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import fastla

WHERE = [Path(fastla.__file__).resolve().parent.parent, Path(__file__).resolve().parent]

# A fork beside other threads is what some programs are about; since Python 3.12 it warns, and stderr is to stay empty.
FORKS = "ignore:This process:DeprecationWarning"

# Shells start what runs in the background with SIGINT ignored, and children inherit that.
HEEDS_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"


def environment(**variables: str) -> dict[str, str]:
    """This process's environment with the fastla under test, these helpers and `variables`; without what configures fastla."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FASTLA_", "OMP_NUM_THREADS"))}
    path = os.pathsep.join(filter(None, [*map(str, WHERE), kept.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, "PYTHONWARNINGS": FORKS, **variables}


def start_python(code: str, **variables: str) -> subprocess.Popen[str]:
    """Start a program; its output can be read line by line."""
    command = [sys.executable, "-u", "-c", HEEDS_INTERRUPTS + textwrap.dedent(code)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(**variables)
    )


def run_python(code: str, timeout: float = 60, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=timeout, env=environment(**variables)
    )


def output_of(code: str, **variables: str) -> str:
    """What a program prints that must succeed and say nothing on stderr."""
    done = run_python(code, **variables)
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.stderr == "", done.stderr
    return done.stdout.strip()
