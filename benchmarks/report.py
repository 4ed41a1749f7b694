"""What the commands print: tables, the machine they were measured on, and the block of README.md that holds both."""

from __future__ import annotations

import argparse
import math
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.cases import Case, flops, label, nbytes
from benchmarks.pairs import Measurement

README = Path(__file__).parents[1] / "README.md"
PRODUCTS, SEARCH = "benchmarks", "search"      # the blocks of README.md, between <!-- name:begin --> and <!-- name:end -->
# Bound by memory: more data than caches keep between calls, and too little arithmetic on it. Two cores here do about
# 5 float32 operations in the time that memory takes to bring a byte.
STREAMED_BYTES, FLOPS_PER_BYTE = 8e6, 8.0
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


@dataclass
class Model:
    """The real model as measured.

    Attributes
    ----------
    found : Measurement
        Of whole passes over its texts.
    difference : float
        The largest between an embedding's entries by fastla's products and by NumPy's.
    from_torch : float, or None
        The largest between fastla's and torch's, over a handful of texts; None where torch is not installed.
    tolerance : float
        What both may be.
    """

    found: Measurement
    difference: float
    from_torch: float | None
    tolerance: float

    @property
    def right(self) -> bool:
        """The embeddings agree."""
        return self.found.right and self.difference <= self.tolerance and (self.from_torch or 0) <= self.tolerance


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that every report has."""
    parser.add_argument("--quick", action="store_true", help="a selection, in under two minutes")
    parser.add_argument("--threads", type=positive, metavar="N", help="with N threads only (else 1 and 2; quick: 2)")
    parser.add_argument("--offline", action="store_true", help="fetch nothing: without its weights, no model")


def natural(text: str) -> int:
    """Return an option's whole number, 0 or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a whole number is expected, not {text!r}")
    return int(text)


def positive(text: str) -> int:
    """Return an option's whole number, 1 or more."""
    if natural(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 is expected, not {text!r}")
    return int(text)


def thread_counts(args: argparse.Namespace) -> list[int]:
    """Return the numbers of threads to measure with."""
    if args.threads:
        return [args.threads]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return [1] if cores < 2 else [2] if args.quick else [1, 2]


def seconds_text(seconds: float) -> str:
    """Return a time with three digits and its unit."""
    size, unit = next((u for u in UNITS if seconds >= u[0]), UNITS[-1])
    return f"{_digits(seconds / size)} {unit}"


def _digits(value: float) -> str:
    """Return three significant digits without an exponent: 0.123, 1.23, 12.3, 123, 1234."""
    decimals = 2 - math.floor(math.log10(value)) if value > 0 else 2
    return f"{value:.{max(0, min(decimals, 3))}f}"


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean, the one in which 2 and 1/2 cancel."""
    return math.exp(np.mean(np.log(list(values))))


def product_table(rows: Sequence[Measurement | tuple[Case, int, str]], style: str = "simple") -> str:
    """Return the table of products; a case that failed is (case, threads, why)."""
    header = ("kind", "product", "type", "threads", "NumPy", "fastla", "ratio", "GFLOP/s", "GB/s")
    body = []
    for row in rows:
        case, threads = (row.case, row.threads) if isinstance(row, Measurement) else row[:2]
        line = [case.family, label(case), case.dtype, threads]
        if not isinstance(row, Measurement):
            body.append([*line, "", "", "failed"])
            continue
        ours, work, moved = row.median("fastla"), flops(case), nbytes(case)
        streamed = moved and moved >= STREAMED_BYTES and work < FLOPS_PER_BYTE * moved
        body.append([*line, seconds_text(row.median("numpy")), seconds_text(ours),
                     f"{row.ratio():.2f}x" if row.right else "WRONG", _digits(work / ours / 1e9) if work else "",
                     _digits(moved / ours / 1e9) if streamed else ""])
    return table(body, header, style, left=3)


def model_table(models: Sequence[Model], style: str = "simple") -> str:
    """Return the table of the model: sentences a second by each side's products, and how far they are apart."""
    header = ("model", "threads", "NumPy", "NumPy, folded", "fastla", "ratio", "to folded", "largest difference",
              "from torch")
    body = []
    for model in models:
        found = model.found
        rates = [f"{_digits(found.case.m / found.median(side))}/s" for side in ("numpy", "numpy folded", "fastla")]
        from_torch = "not installed" if model.from_torch is None else f"{model.from_torch:.1e}"
        body.append([label(found.case), found.threads, *rates, f"{found.ratio():.2f}x",
                     f"{found.ratio('numpy folded'):.2f}x",
                     f"{model.difference:.1e}" + ("" if model.right else " WRONG"), from_torch])
    return table(body, header, style, left=1)


def table(body: list[list], header: Sequence[str], style: str, left: int) -> str:
    """Return rows as text; the first `left` columns are aligned left."""
    align = ["left"] * left + ["right"] * (len(header) - left)
    return tabulate(body, header, style, colalign=align[:len(body[0])] if body else None, disable_numparse=True)


def machine() -> str:
    """Return one line on what was measured where: processor, cores, NumPy, its BLAS, fastla and its target."""
    import fastla
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    config = fastla.show_config(mode="dicts")
    return (f"{_processor()}, {os.cpu_count()} cores; Python {platform.python_version()}, NumPy {np.__version__} with "
            f"{blas['name']} {blas['version']}{_blas_kernel()}; fastla {fastla.__version__}, target {config['target']}")


def _processor() -> str:
    """Return the processor's name, and architecture."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return f"{name[1].strip() if name else platform.processor() or 'unknown processor'} ({platform.machine()})"


def _blas_kernel() -> str:
    """Return which of its kernels the BLAS has chosen, if threadpoolctl can say."""
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return ""
    kernels = {pool["architecture"] for pool in threadpool_info() if pool.get("architecture")}
    forced = ", as OPENBLAS_CORETYPE asks" if os.environ.get("OPENBLAS_CORETYPE") else ""
    return f" ({', '.join(sorted(kernels))}{forced})" if kernels else ""


def _markers(block: str) -> tuple[str, str]:
    return f"<!-- {block}:begin -->", f"<!-- {block}:end -->"


def check_readme(block: str) -> None:
    """Raise where README.md has no place for a block: better before the measuring than after it."""
    begin, end = _markers(block)
    if not README.exists() or not re.search(f"{begin}.*{end}", README.read_text(encoding="utf-8"), re.DOTALL):
        raise SystemExit(f"--readme: {README} needs the lines {begin} and {end}, in this order")


def write_readme(block: str, text: str) -> None:
    """Put `text` between the two markers of a block of README.md."""
    begin, end = _markers(block)
    before, _, rest = README.read_text(encoding="utf-8").partition(begin)
    README.write_text(f"{before}{begin}\n{text.strip()}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
