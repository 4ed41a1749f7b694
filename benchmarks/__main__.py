"""The report: fastla against NumPy and others over the table of cases, then on a real model.

    python -m benchmarks [--quick] [--threads N] [--one-core-taken] [--offline] [--readme]

Each side works in a process of its own, in turn (timing/sides.py). A time is the median over rounds of the shortest
call, the ratio is the median of the rounds' ratios, and GFLOP/s and GB/s are fastla's. What other processes disturb is
measured again, and what stays disturbed is marked and counts for nothing. Peers other than NumPy take part where they
are installed.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import shlex
import sys
from collections.abc import Callable, Sequence

from tqdm import tqdm

from benchmarks import attention_memory
from benchmarks.cases import CASES
from benchmarks.minilm import run
from benchmarks.operations import Case
from benchmarks.reporting import options, readme, tables, text
from benchmarks.reporting.machine import machine
from benchmarks.timing import memory, taken
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.sides import PAIR, SideFailed, Workers, here
from benchmarks.wheels import Unavailable

ROUNDS, QUICK_ROUNDS = (7, 0.15), (5, 0.1)     # how many, and the seconds of a turn in each
Section = Callable[[str], str]      # a part of the report in a style of tables: "simple", or README.md's "pipe"


def run_cases(name: str, cases: list[Case], thread_counts: list[int],
              rounds: tuple[int, float]) -> list[tables.Row]:
    """Measure the cases of a table with a progress bar on standard error, each in fresh processes."""
    rows: list[tables.Row] = []
    for case, threads in tqdm(list(itertools.product(cases, thread_counts)), desc=name, unit="case", disable=None):
        try:
            with Workers(threads, [here(side) for side in case.installed_sides()]) as workers:
                rows.append(workers.measure(case, *rounds))
        except SideFailed as error:
            rows.append(tables.Failure(case, threads, str(error)))
    return rows


def run_taken(alone: Sequence[Measurement]) -> list[tuple[Measurement, Measurement]]:
    """Measure NumPy and fastla again, with one core taken."""
    pairs = []
    for first in tqdm(alone, desc="with one core taken", unit="case", disable=None):
        with taken.one_core(), Workers(first.threads, PAIR) as workers:
            pairs.append((first, workers.measure(first.case, *QUICK_ROUNDS, again=False)))
    return pairs


def run_model(args: argparse.Namespace, thread_counts: list[int],
              tell: Callable[[Section], None]) -> tuple[list[run.Model], str]:
    """Measure the model and tell it; return what was measured, and what failed."""
    print("model: the sentence encoder all-MiniLM-L6-v2", file=sys.stderr)
    try:
        models = [run.measure(t, quick=args.quick, offline=args.offline) for t in thread_counts]
    except Unavailable as error:
        left_out = f"The model is left out: {error}."
        tell(lambda style: left_out)
        return [], ""
    except SideFailed as error:
        return [], f"The model failed: {error}"
    tell(functools.partial(run.section, models))
    return models, ""


def main() -> int:
    """Run the report; return 1 where a result is wrong or a side failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    options.add_measuring(parser)
    options.add_offline(parser)
    options.add_readme(parser)
    parser.add_argument("--one-core-taken", action="store_true",
                        help="a table more: how NumPy and fastla do while another process keeps one core busy")
    args = parser.parse_args()
    if args.readme:
        readme.check(readme.REPORT)
    thread_counts = options.thread_counts(args)
    where = machine()
    print(where, end="\n\n", flush=True)
    sections: list[Section] = []

    def tell(section: Section) -> None:
        print(section("simple"), end="\n\n", flush=True)
        sections.append(section)

    cases = [case for case in CASES if case.quick or not args.quick]
    rows = []
    for name, group in itertools.groupby(cases, key=lambda case: case.TABLE):
        found = run_cases(name, list(group), thread_counts, QUICK_ROUNDS if args.quick else ROUNDS)
        tell(functools.partial(tables.section, found))
        rows += found
    measured = [row for row in rows if isinstance(row, Measurement)]
    if args.one_core_taken:
        tell(functools.partial(tables.taken_section, run_taken(measured)))
    within = True
    if memory.can_measure():
        taken_by_attention = attention_memory.measure()
        within = attention_memory.within(taken_by_attention)
        said = attention_memory.sentence(taken_by_attention)
        tell(functools.partial(text.paragraph, said))
    models, failure = run_model(args, thread_counts, tell)

    failures = [row.why for row in rows if isinstance(row, tables.Failure)] + [failure] * bool(failure)
    print(*failures, sep="\n\n", file=sys.stderr)
    right = all(result.right for result in [*measured, *models]) and within and not failures
    if args.readme and not right:
        print("README.md is left as it is: a result is wrong, or a side failed.", file=sys.stderr)
    elif args.readme:
        command = shlex.join(["python", "-m", "benchmarks", *(o for o in sys.argv[1:] if o != "--offline")])
        parts = [f"Written by `{command}` on {where}.", *(section("pipe") for section in sections)]
        readme.write(readme.REPORT, "\n\n".join(parts))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
