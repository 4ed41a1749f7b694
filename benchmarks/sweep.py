"""Look for products in which fastla is slower than NumPy: a sweep of random ones.

    python -m benchmarks.sweep [--seed S] [--count 200] [--rounds 3] [--threads 2]

Sizes are log-uniform, both float types, every transposition, leading dimensions and offsets at random, and products
with the own transpose among them; the call allocates its result. The best of several rounds is compared. What is below
0.95x of NumPy is measured again in fresh processes, because OpenBLAS is bistable on some shapes (fast in one process,
slow in the next) and because noise is one-sided: the best of everything counts. Exits with 1 if any is still below.
"""

from __future__ import annotations

import argparse
import copy
import sys

import numpy as np
from tabulate import tabulate
from tqdm import tqdm

from benchmarks import pairs, report
from benchmarks.cases import Case, label

LARGEST = 4096          # of m, n and k
MOST_FLOPS = 20e9       # of one product
OWN_SHARE = 1 / 8       # of the cases are products with the own transpose
PADDED_SHARE = 1 / 2    # of the operands have a longer leading dimension, and as many an offset
MOST_PADDING = 64       # elements
BEHIND = 0.95
ROUND_S = 0.08
FRESH, FRESH_ROUNDS = 3, 4      # again: so many fresh pairs of processes, so many rounds in each
WORST = 10


def draw(rng: np.random.Generator) -> Case:
    """Return a random product."""
    while True:
        m, n, k = (int(size) for size in np.exp(rng.uniform(0, np.log(LARGEST + 1), 3)))
        own = bool(rng.random() < OWN_SHARE)
        n = m if own else n
        transposed = str(rng.choice(["", "a"] if own else ["", "a", "b", "ab"]))
        dtype = str(rng.choice(["float32", "float64"]))
        pad, offset = (tuple(int(v) for v in rng.integers(1, MOST_PADDING + 1, 2) * (rng.random(2) < PADDED_SHARE))
                       for _ in range(2))
        if own:         # one memory, one layout
            pad, offset = (pad[0], 0), (offset[0], 0)
        if 2 * m * n * k <= MOST_FLOPS:
            return Case("matmul", "sweep", m, n, k, dtype, transposed=transposed, own=own, out=False, pad=pad,
                        offset=offset)


def measure_all(cases: list[Case], threads: int, rounds: int) -> list[pairs.Measurement]:
    """Measure every case on one pair of long-lived processes; its operands are seeded by its place."""
    with pairs.Workers(threads) as workers:
        return [workers.measure(case, rounds, ROUND_S, seed=place)
                for place, case in enumerate(tqdm(cases, desc="products", unit="case", disable=None))]


def measure_again(first: pairs.Measurement, seed: int) -> pairs.Measurement:
    """Return all the measurements of a case: the first, and several more in fresh processes."""
    found = copy.deepcopy(first)
    for _ in range(FRESH):
        with pairs.Workers(first.threads) as workers:
            more = workers.measure(first.case, FRESH_ROUNDS, ROUND_S, min_calls=3, seed=seed)
        for side in found.seconds:
            found.seconds[side] += more.seconds[side]
            found.errors[side] = max(found.errors[side], more.errors[side])
    return found


def worst_table(first: list[pairs.Measurement], final: list[pairs.Measurement]) -> str:
    """Return the table of the worst products, wrong ones before slow ones."""
    rows = []
    for place in sorted(range(len(final)), key=lambda i: (final[i].right, final[i].best_ratio()))[:WORST]:
        found = final[place]
        times = [report.seconds_text(min(found.seconds[side])) for side in pairs.PAIR]
        again = f"{found.best_ratio():.2f}x" if found is not first[place] else ""
        rows.append((label(found.case), found.case.dtype, *times, f"{first[place].best_ratio():.2f}x", again,
                     "" if found.right else "WRONG"))
    header = ("the worst", "type", "NumPy", "fastla", "ratio", "again", "")
    return tabulate(rows, header, colalign=("left", "left", *["right"] * 4, "left"), disable_numparse=True)


def main() -> int:
    """Run the sweep; return 1 where a product is slower than NumPy also when measured again, or wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=report.natural, help="of the cases (default: a fresh one, printed)")
    parser.add_argument("--count", type=report.positive, default=200, help="how many products (default: 200)")
    parser.add_argument("--rounds", type=report.positive, default=3, help="in which each side has a turn (default: 3)")
    parser.add_argument("--threads", type=report.positive, default=2, help="for each side (default: 2)")
    args = parser.parse_args()
    seed = int(np.random.SeedSequence().generate_state(1)[0]) if args.seed is None else args.seed
    print(f"{report.machine()}\n\nseed {seed}, {args.count} products, {args.threads} threads", end="\n\n", flush=True)

    rng = np.random.default_rng(seed)
    try:
        first = measure_all([draw(rng) for _ in range(args.count)], args.threads, args.rounds)
        behind = [place for place, found in enumerate(first) if found.best_ratio() < BEHIND]
        again = {place: measure_again(first[place], place)
                 for place in tqdm(behind, desc="again", unit="case", disable=None)}
    except pairs.SideFailed as error:
        raise SystemExit(f"{error}") from None
    final = [again.get(place, found) for place, found in enumerate(first)]

    print(worst_table(first, final))

    still = sum(found.best_ratio() < BEHIND for found in final)
    wrong = sum(not found.right for found in final)
    mean = report.geometric_mean(found.best_ratio() for found in final)
    print("\nld+19 offset 7: each row is followed by 19 elements, and 7 precede the first. Times are the best of all.")
    print(f"Geometric mean {mean:.2f}x of NumPy; below {BEHIND}x: {len(behind)} of {len(final)} at first, {still} when "
          f"measured again; {wrong} wrong.\n"
          f"Repeat with --seed {seed} --count {args.count} --rounds {args.rounds} --threads {args.threads}")
    return 1 if still or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
