"""The report: fastla against NumPy over the table of cases, then on a real model.

    python -m benchmarks [--quick] [--threads N] [--offline] [--readme]

Each side works in a process of its own, in turn (pairs.py). A time is the median over rounds of the shortest call, the
ratio is the median of the rounds' ratios, and GFLOP/s and GB/s are fastla's.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import textwrap

from tqdm import tqdm

from benchmarks import minilm_files, minilm_run, pairs, report
from benchmarks.cases import CASES, Case

LINE = 120      # characters, of a printed sentence
ROUNDS, QUICK_ROUNDS = (5, 0.2), (3, 0.12)     # how many, and the seconds of a turn in each
LEGEND = ("Results are written into a given array, or allocated by the call where it says new; ld+8 stands for 8 more "
          "elements in the leading dimension. GB/s is shown where memory is the bound. "
          "A ratio above 1 means that fastla is faster.")
MODEL_LEGEND = ("Sentences a second. Folded: NumPy with each stack @ matrix turned into one product by hand. "
                "The differences are between embeddings of length 1.")


def run_cases(quick: bool, thread_counts: list[int]) -> list[pairs.Measurement | tuple[Case, int, str]]:
    """Measure the cases with a progress bar on standard error; one that fails is (case, threads, why)."""
    work = [(case, threads) for case in CASES if case.quick or not quick for threads in thread_counts]
    rows = []
    for case, threads in tqdm(work, desc="products", unit="case", disable=None):
        try:
            with pairs.Workers(threads) as workers:
                rows.append(workers.measure(case, *(QUICK_ROUNDS if quick else ROUNDS)))
        except pairs.SideFailed as error:
            rows.append((case, threads, str(error)))
    return rows


def run_model(args: argparse.Namespace, thread_counts: list[int]) -> tuple[list[report.Model], str]:
    """Measure the model; return what was measured, and why not if it was not."""
    print("model: the sentence encoder all-MiniLM-L6-v2", file=sys.stderr)
    try:
        return [minilm_run.measure(t, quick=args.quick, offline=args.offline) for t in thread_counts], ""
    except minilm_files.Unavailable as error:
        return [], f"The model is left out: {error}."


def main() -> int:
    """Run the report; return 1 where a result is wrong or a side failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    report.add_arguments(parser)
    parser.add_argument("--readme", action="store_true", help="put the tables into README.md, between its markers")
    args = parser.parse_args()
    if args.readme:
        report.check_readme(report.PRODUCTS)
    thread_counts = report.thread_counts(args)
    machine = report.machine()
    print(machine, end="\n\n", flush=True)

    rows = run_cases(args.quick, thread_counts)
    measured = [row for row in rows if isinstance(row, pairs.Measurement)]
    failures = [row for row in rows if not isinstance(row, pairs.Measurement)]
    print(report.product_table(rows), end="\n\n")
    summary = ""
    if measured:
        mean = report.geometric_mean(row.ratio() for row in measured)
        summary = f"{len(measured)} measurements, geometric mean of the ratios {mean:.2f}x. {LEGEND}"
        print(textwrap.fill(summary, LINE), end="\n\n", flush=True)
    for _, threads, why in failures:
        print(f"With {threads} threads, {why}\n", file=sys.stderr)

    try:
        models, left_out = run_model(args, thread_counts)
    except pairs.SideFailed as error:
        models, left_out = [], f"The model failed: {error}"
        failures.append(left_out)
    print(f"{report.model_table(models)}\n\n{textwrap.fill(MODEL_LEGEND, LINE)}" if models else left_out)

    right = all(row.right for row in measured) and all(model.right for model in models) and not failures
    if args.readme and not right:
        print("README.md is left as it is: a result is wrong, or a side failed.", file=sys.stderr)
    elif args.readme:
        options = [o for o in sys.argv[1:] if o != "--offline"]
        command = f"Written by `python -m benchmarks {shlex.join(options)}` on {machine}."
        model = f"{report.model_table(models, 'pipe')}\n\n{MODEL_LEGEND}" if models else left_out
        report.write_readme(report.PRODUCTS, "\n\n".join([command, report.product_table(rows, "pipe"), summary, model]))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
