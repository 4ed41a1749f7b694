"""Hold a build of fastla beside another: two interpreters, the same cases, alternating rounds, each in its own process.

    python -m benchmarks.compare OLD NEW [--cases FILE.json] [--families F ...] [--dtypes T ...]
                                         [--threads N] [--rounds R] [--quick]

OLD and NEW are interpreters that have a fastla installed, or INTERPRETER:FOLDER, where it is in that folder (as
PYTHONPATH; the caller's is not handed on). The cases are the table's (cases.py), or those of a file (case_files.py).
A ratio is the old time / the new one, so below 1 is slower: the median over rounds, with the quartiles. What is below
0.85 is measured again in fresh processes, three times as long, and then counts as that. Rows that other processes
disturbed show the ratio of the shortest calls of all, and are left out of the mean. Exits with 1 if a case is still
below, a result is wrong, a side failed, or the geometric mean is below 0.96.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from benchmarks import case_files, cases
from benchmarks.operations import OURS, Case
from benchmarks.reporting import options, text
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.sides import Side, SideFailed, Workers

OLD, NEW = "old", "new"
LEAST, LEAST_MEAN = 0.85, 0.96
ROUNDS, QUICK_ROUNDS = (5, 0.2), (3, 0.1)       # how many, and the seconds of a turn in each
AGAIN = 3                                       # times as many rounds, when measured again
HEADER = ("family", "case", "type", "threads", OLD, NEW, "ratio", "quartiles", "at first", "")


def side(name: str, text: str) -> Side:
    """Return the side that INTERPRETER or INTERPRETER:FOLDER[:FOLDER ...] stands for."""
    python, *folders = text.split(os.pathsep)
    return Side(name, OURS, python, [str(Path(folder).resolve()) for folder in folders])


def selected(args: argparse.Namespace) -> Iterator[tuple[Case, int]]:
    """Yield the cases asked for, each with a number of threads."""
    if args.cases:
        entries, unknown = case_files.read(args.cases)
        for family in sorted(unknown & set(args.families or unknown)):
            print(f"left out, for it is not known here: {family}", file=sys.stderr)
    else:
        counts = options.thread_counts(args)
        entries = [case_files.Entry(case, counts) for case in cases.CASES if case.quick or not args.quick]
    for case, counts in entries:
        if args.families and case.family not in args.families or args.dtypes and case.dtype not in args.dtypes:
            continue
        for threads in counts:
            if args.threads in (None, threads):
                yield case, threads


def measure(sides: list[Side], case: Case, threads: int, rounds: int, round_s: float) -> Measurement:
    """Measure a case in fresh processes: where memory happens to lie is then new as well."""
    with Workers(threads, sides) as workers:
        return workers.measure(case, rounds, round_s)


def ratio(found: Measurement) -> float:
    """Return old / new: on a busy machine of the shortest calls of all, which others disturbed the least."""
    return found.best(OLD) / found.best(NEW) if found.disturbed else found.ratio(OLD, NEW)


def row(first: Measurement, final: Measurement) -> list[object]:
    """Return a line of the table."""
    remark = ("WRONG " * (not final.right) + "disturbed " * final.disturbed + "below" * (ratio(final) < LEAST)).strip()
    return [final.case.family, final.case.label(), final.case.dtype, final.threads,
            *(text.seconds(final.median(name)) for name in (OLD, NEW)), f"{ratio(final):.2f}x",
            text.quartiles(final.quartiles(OLD, NEW)), "" if final is first else f"{ratio(first):.2f}x", remark]


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__.splitlines()[0])
    parser.add_argument("old", metavar="OLD", help="an interpreter, or INTERPRETER:FOLDER")
    parser.add_argument("new", metavar="NEW")
    parser.add_argument("--cases", type=Path, metavar="FILE", help="a JSON file of cases (default: the table)")
    parser.add_argument("--families", nargs="+", metavar="F", help="only these")
    parser.add_argument("--dtypes", nargs="+", metavar="T", help="only these element types")
    parser.add_argument("--rounds", type=options.positive, help=f"(default: {ROUNDS[0]})")
    options.add_measuring(parser)
    args = parser.parse_args()
    rounds, round_s = QUICK_ROUNDS if args.quick else ROUNDS
    rounds = args.rounds or rounds
    sides = [side(OLD, args.old), side(NEW, args.new)]
    try:
        with Workers(1, sides) as workers:
            for name, about in workers.about().items():
                print(f"{name}: fastla {about['version']}, target {about['target']}, {about['file']}")
    except SideFailed as error:
        raise SystemExit(f"{error}") from None

    rows, failures = [], []
    for case, threads in tqdm(list(selected(args)), desc="cases", unit="case", disable=None):
        try:
            first = final = measure(sides, case, threads, rounds, round_s)
            if ratio(first) < LEAST:
                final = measure(sides, case, threads, AGAIN * rounds, round_s)
        except SideFailed as error:
            failures.append(str(error))
            continue
        rows.append((first, final))
    print("", text.table([row(*pair) for pair in rows], HEADER, "simple", left=3), "", sep="\n")
    return 0 if verdict([final for _, final in rows], failures) else 1


def verdict(found: list[Measurement], failures: list[str]) -> bool:
    """Print how the new build stands, and return whether it may."""
    counted = [m for m in found if not m.disturbed]
    below = [m for m in counted if ratio(m) < LEAST]
    wrong = sum(not m.right for m in found)
    mean, of_all = (text.geometric_mean(map(ratio, rows)) for rows in (counted, found))
    print(text.paragraph(
        f"Geometric mean of old / new {mean:.3f}x over {len(counted)} measurements; {len(found) - len(counted)} more "
        f"were disturbed, with them {of_all:.3f}x. Measured again, {len(below)} below {LEAST}x; {wrong} wrong; "
        f"{len(failures)} failed.", "simple"))
    print(*failures, sep="\n")
    return mean >= LEAST_MEAN and not below and not wrong and not failures


if __name__ == "__main__":
    sys.exit(main())
