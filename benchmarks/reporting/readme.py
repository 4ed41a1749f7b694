"""The blocks of README.md that the commands write, between <!-- name:begin --> and <!-- name:end -->."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
REPORT, SEARCH = "benchmarks", "search"


def _markers(block: str) -> tuple[str, str]:
    return f"<!-- {block}:begin -->", f"<!-- {block}:end -->"


def check(block: str) -> None:
    """Raise where README.md has no place for a block: better before the measuring than after it."""
    begin, end = _markers(block)
    if not README.exists() or not re.search(f"{begin}.*{end}", README.read_text(encoding="utf-8"), re.DOTALL):
        raise SystemExit(f"--readme: {README} needs the lines {begin} and {end}, in this order")


def write(block: str, text: str) -> None:
    """Put `text` between the two markers of a block of README.md."""
    begin, end = _markers(block)
    before, _, rest = README.read_text(encoding="utf-8").partition(begin)
    README.write_text(f"{before}{begin}\n{text.strip()}\n{end}{rest.partition(end)[2]}", encoding="utf-8")
