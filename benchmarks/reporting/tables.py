"""The report's tables of cases, one for each set of peers, and what is said beneath them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.operations import NUMBA, NUMPY, OURS, Case
from benchmarks.reporting import text
from benchmarks.timing.measurement import Measurement

# Bound by memory: more data than caches keep between calls, and too little arithmetic on it. Two cores here do about
# 5 float32 operations in the time that memory takes to bring a byte.
STREAMED_BYTES, FLOPS_PER_BYTE = 8e6, 8.0
# Others are called as they are imported.
NAMES = {"numpy": "NumPy", "scipy": "SciPy", "sklearn": "scikit-learn", NUMBA: "fastla by Numba"}
LEGEND = ("A ratio is the median over rounds of NumPy's time / fastla's: above 1 fastla is faster. Half of the rounds "
          "lie between the quartiles. GFLOP/s and GB/s are fastla's; GB/s is shown where memory is the bound.")
PRODUCT_LEGEND = ("Results are written into a given array, or allocated by the call where it says new; ld+8 stands for "
                  "8 more elements in the leading dimension.")
DISTURBED = ("Disturbed: a side had to wait for cores that other processes took, also when measured again, so the row "
             "says nothing of the sides.")
TAKEN = ("Times are of the median call, not of the shortest as above. A busy process is bound to one of the cores; of "
         "two, it leaves a side between three quarters and half of what it had.")


class Failure(NamedTuple):
    """A case that a side could not do."""

    case: Case
    threads: int
    why: str


Row = Measurement | Failure


def name(side: str) -> str:
    """Return a side as printed."""
    return NAMES.get(side, side)


def peers(rows: Sequence[Row]) -> list[str]:
    """Return whom any of the cases is held against, in the order in which they are first met."""
    return list(dict.fromkeys(side for row in rows for side in row.case.installed_sides() if side != OURS))


def has_rivals(against: Sequence[str]) -> bool:
    """Whether there are several peers that are not fastla."""
    return len([side for side in against if side != NUMBA]) > 1


def fastest_peer(found: Measurement) -> str:
    """Return the peer with the shortest median time."""
    return min((side for side in found.errors if side not in (OURS, NUMBA)), key=found.median)


def cases_table(rows: Sequence[Row], style: str = "simple") -> str:
    """Return a table of cases: all times, fastla's ratio to NumPy, and to the fastest where there are several peers."""
    against = peers(rows)
    several = ["to the fastest"] if has_rivals(against) else []
    header = ["kind", "case", "type", "threads", *map(name, against), OURS, "ratio", "quartiles", *several, "GFLOP/s",
              "GB/s"]
    return text.table([_line(row, against) for row in rows], header, style, left=3)


def _line(row: Row, against: list[str]) -> list[object]:
    case = row.case
    columns = len(against) + 5 + has_rivals(against)
    line: list[object] = [case.family, case.label(), case.dtype, row.threads]
    if isinstance(row, Failure):
        return [*line, "failed", *[""] * (columns - 1)]
    line += [text.seconds(row.median(side)) if side in row.errors else "" for side in [*against, OURS]]
    if row.disturbed or not row.right:
        return [*line, "disturbed" if row.right else "WRONG", *[""] * (columns - len(against) - 2)]
    line += [f"{row.ratio():.2f}x", text.quartiles(row.quartiles())]
    if has_rivals(against):
        line.append(f"{row.ratio(fastest_peer(row)):.2f}x {name(fastest_peer(row))}")
    return [*line, *_rates(case, row.median(OURS))]


def _rates(case: Case, seconds: float) -> list[str]:
    """Return GFLOP/s, and GB/s where memory is the bound."""
    work, moved = case.flops(), case.nbytes()
    streamed = work and moved and moved >= STREAMED_BYTES and work < FLOPS_PER_BYTE * moved
    return [text.digits(work / seconds / 1e9) if work else "", text.digits(moved / seconds / 1e9) if streamed else ""]


def summary(rows: Sequence[Row]) -> str:
    """Return the mean of what counts, and what does not."""
    found = [row for row in rows if isinstance(row, Measurement)]
    counted = [row for row in found if row.right and not row.disturbed]
    parts = [f"{len(found)} measurements, {len(found) - len(counted)} of them left out (disturbed or wrong)."
             if len(counted) < len(found) else f"{len(found)} measurements."]
    if counted:
        mean = text.geometric_mean(row.ratio() for row in counted)
        parts.append(f"Geometric mean of the ratios {mean:.2f}x.")
    if counted and has_rivals(peers(rows)):
        fastest = text.geometric_mean(row.ratio(fastest_peer(row)) for row in counted)
        parts.append(f"To the fastest peer {fastest:.2f}x.")
    if any(row.disturbed for row in found):
        parts.append(DISTURBED)
    return " ".join(parts)


def section(rows: Sequence[Row], style: str) -> str:
    """Return a table of cases and what is to be said of it."""
    legend = f"{LEGEND} {PRODUCT_LEGEND}" if any(row.case.TABLE == "products" for row in rows) else LEGEND
    return f"{cases_table(rows, style)}\n\n{text.paragraph(f'{summary(rows)} {legend}', style)}"


def taken_section(pairs: Sequence[tuple[Measurement, Measurement]], style: str) -> str:
    """Return how NumPy and fastla do with one core taken: each row is measured alone, and beside a busy process."""
    header = ["kind", "case", "type", "threads"]
    for side in (NUMPY, OURS):
        header += [name(side), f"{name(side)}, one core taken", "slower by"]
    body = []
    for alone, taken in pairs:
        line: list[object] = [alone.case.family, alone.case.label(), alone.case.dtype, alone.threads]
        for side in (NUMPY, OURS):
            slower = "disturbed" if alone.disturbed else f"{taken.typical(side) / alone.typical(side):.2f}x"
            line += [text.seconds(alone.typical(side)), text.seconds(taken.typical(side)), slower]
        body.append(line)
    return f"With one core taken:\n\n{text.table(body, header, style, left=3)}\n\n{text.paragraph(TAKEN, style)}"
