"""Random products: sizes log-uniform, both float types, every transposition, leading dimensions and offsets at random.

Products with the own transpose are among them; the call allocates its result. The best of several rounds is compared.
What is below 0.95x of NumPy is measured again in fresh processes, because OpenBLAS is bistable on some shapes (fast in
one process, slow in the next) and because noise is one-sided: the best of everything counts.
"""

from __future__ import annotations

import copy

import numpy as np
from tqdm import tqdm

from benchmarks.operations import NUMPY, OURS
from benchmarks.operations.products import Product
from benchmarks.reporting import text
from benchmarks.reporting.machine import machine
from benchmarks.timing.measurement import Measurement
from benchmarks.timing.sides import Workers

LARGEST = 4096          # of m, n and k
MOST_FLOPS = 20e9       # of one product
OWN_SHARE = 1 / 8       # of the cases are products with the own transpose
PADDED_SHARE = 1 / 2    # of the operands have a longer leading dimension, and as many an offset
MOST_PADDING = 64       # elements
BEHIND = 0.95
ROUND_S = 0.08
FRESH, FRESH_ROUNDS = 3, 4      # again: so many fresh pairs of processes, so many rounds in each
WORST = 10


def draw(rng: np.random.Generator) -> Product:
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
            return Product("sweep", m, n, k, dtype=dtype, transposed=transposed, own=own, out=False, pad=pad,
                        offset=offset)


def measure_all(cases: list[Product], threads: int, rounds: int) -> list[Measurement]:
    """Measure every case on one pair of long-lived processes; its operands are seeded by its place."""
    with Workers(threads) as workers:
        return [workers.measure(case, rounds, ROUND_S, seed=place)
                for place, case in enumerate(tqdm(cases, desc="products", unit="case", disable=None))]


def measure_again(first: Measurement, seed: int) -> Measurement:
    """Return all the measurements of a case: the first, and several more in fresh processes."""
    found = copy.deepcopy(first)
    for _ in range(FRESH):
        with Workers(first.threads) as workers:
            more = workers.measure(first.case, FRESH_ROUNDS, ROUND_S, min_calls=3, seed=seed)
        found.rounds += more.rounds
        found.errors = {side: max(error, more.errors[side]) for side, error in found.errors.items()}
    return found


def worst_table(first: list[Measurement], final: list[Measurement]) -> str:
    """Return the table of the worst products, wrong ones before slow ones."""
    rows = []
    for place in sorted(range(len(final)), key=lambda i: (final[i].right, final[i].best_ratio()))[:WORST]:
        found = final[place]
        times = [text.seconds(found.best(side)) for side in (NUMPY, OURS)]
        again = f"{found.best_ratio():.2f}x" if found is not first[place] else ""
        rows.append([found.case.label(), found.case.dtype, *times, f"{first[place].best_ratio():.2f}x", again,
                     "WRONG" if not found.right else "disturbed" if found.disturbed else ""])
    header = ("the worst", "type", "NumPy", "fastla", "ratio", "again", "")
    return text.table(rows, header, "simple", left=2)


def sweep(seed: int, count: int, rounds: int, threads: int) -> bool:
    """Run a sweep and print the worst; return whether none is slower than NumPy also when measured again, or wrong.

    Raises
    ------
    SideFailed
        Where a side raises or dies.
    """
    print(f"{machine()}\n\nseed {seed}, {count} products, {threads} threads", end="\n\n", flush=True)
    rng = np.random.default_rng(seed)
    first = measure_all([draw(rng) for _ in range(count)], threads, rounds)
    behind = [place for place, found in enumerate(first) if found.best_ratio() < BEHIND]
    again = {place: measure_again(first[place], place)
             for place in tqdm(behind, desc="again", unit="case", disable=None)}
    final = [again.get(place, found) for place, found in enumerate(first)]
    print(worst_table(first, final))

    counted = [found for found in final if not found.disturbed]
    still = sum(found.best_ratio() < BEHIND for found in counted)
    wrong = sum(not found.right for found in final)
    mean = text.geometric_mean(found.best_ratio() for found in counted)
    print("\nld+19 offset 7: each row is followed by 19 elements, and 7 precede the first. Times are the best of all.")
    print(f"Geometric mean {mean:.2f}x of NumPy, {len(final) - len(counted)} of {len(final)} disturbed and left out; "
          f"below {BEHIND}x: {len(behind)} at first, {still} when measured again; {wrong} wrong.\n"
          f"Repeat with --seed {seed} --count {count} --rounds {rounds} --threads {threads}")
    return not still and not wrong
