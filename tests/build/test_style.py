"""Native sources keep to 120 columns, as Python does by ruff."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = {".pyx", ".pxi", ".pxd", ".c", ".h"}


def test_no_line_is_longer_than_120_columns():
    files = [path for folder in ("fastla", "tests") for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    assert files, "where are the sources?"
    long = [
        f"{path.relative_to(ROOT)}:{number}: {len(line)} columns"
        for path in sorted(files)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if len(line) > 120
    ]
    assert not long, f"{len(long)} lines are too long:\n" + "\n".join(long)
