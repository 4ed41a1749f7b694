"""What is said of the language model: tokens a second, and how far what the sides write and their logits are apart."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.reporting import text
from benchmarks.smollm.cases import Written
from benchmarks.smollm.model import SMOLLM, parameters
from benchmarks.timing.measurement import Measurement

AGREEMENT = 1e-3        # between logits of the sides that compute in float32
EXACT = ("numpy", "torch")
READ_BYTES = 512 * 2**20    # beyond any cache
FILE = 98.4e6           # bytes of the model's file, in which weights have 4 to 8 bits
BYTES = {"fastla int8": 1, "llama_cpp": FILE / parameters(SMOLLM)}      # of a weight, else 4


def reading(threads: int) -> float:
    """Return how many bytes a second so many threads read from memory: the most over some readings."""
    x = np.ones(READ_BYTES // 4, np.float32)
    parts, times = np.array_split(x, threads), []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(8):
            started = time.perf_counter()
            list(pool.map(np.max, parts))
            times.append(time.perf_counter() - started)
    return x.nbytes / min(times)


def table(found: Sequence[Measurement], sides: Sequence[str], most: float) -> str:
    """Return tokens a second by side, and what reading the weights once for each token comes to.

    most : bytes a second that memory gives.
    """
    body: list[list[object]] = []
    for measured in found:
        case = measured.case
        rates = {side: case.tokens / measured.median(side) for side in sides}
        body.append([case.label(), measured.threads, *(f"{text.digits(rates[side])}/s" for side in sides)])
        if case.writes:
            moved = {side: rates[side] * parameters(SMOLLM) * BYTES.get(side, 4) / 1e9 for side in sides}
            body.append(["  weights, GB/s", measured.threads, *(text.digits(moved[side]) for side in sides)])
            body.append([f"  of {most / 1e9:.0f} GB/s", measured.threads,
                         *(f"{moved[side] * 1e9 / most:.2f}" for side in sides)])
    return text.table(body, ("tokens", "threads", *sides), "simple", left=1)


def in_common(ours: Written, theirs: Written) -> int:
    """Return for how many tokens two sides had read the same: one more than the tokens that agree."""
    same = [a == b for a, b in zip(ours.tokens, theirs.tokens, strict=True)]
    return min(len(same), same.index(False) + 1) if False in same else len(same)


def apart(ours: Written, theirs: Written) -> tuple[float, float]:
    """Return how far logits differ where both sides had read the same: at most, and the root of the mean square.

    The latter is in standard deviations of the logits.
    """
    count = in_common(ours, theirs)
    difference = ours.logits[:count] - theirs.logits[:count]
    return float(np.abs(difference).max()), float(np.sqrt(np.square(difference).mean()) / np.std(ours.logits[:count]))


def agrees(written: Mapping[str, Written]) -> bool:
    """Whether NumPy and torch write what fastla does or, where they part, their logits are within the agreement."""
    return all(apart(written["fastla"], written[side])[0] <= AGREEMENT for side in EXACT if side in written)


def differences(written: Mapping[str, Written], decode: Callable[[list[int]], str] | None) -> str:
    """Return what each side writes beside fastla, and how far its logits are from fastla's."""
    ours, lines = written["fastla"], []
    for side, theirs in written.items():
        if side == "fastla":
            continue
        same, count = theirs.tokens == ours.tokens, len(ours.tokens)
        most, deviations = apart(ours, theirs)
        said = "the same tokens" if same else f"another token after {in_common(ours, theirs) - 1}"
        wrong = " WRONG" if side in EXACT and most > AGREEMENT else ""
        lines.append(f"{side}: {said} (of {count}); logits differ from fastla's by {most:.1e} at most, "
                     f"by {deviations:.1e} standard deviations in the mean{wrong}.")
        if not same and decode is not None:
            lines.append(f"  It writes: {decode(theirs.tokens)!r}")
    return "\n".join(lines)
