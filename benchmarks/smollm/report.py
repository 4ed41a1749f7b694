"""What is said of the language model: tokens a second, and how far what the sides write and their logits are apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.reporting import text
from benchmarks.smollm.cases import MEMORY, Written
from benchmarks.smollm.model import SMOLLM, parameters
from benchmarks.timing.measurement import Measurement

AGREEMENT = 1e-3        # between logits of the sides that compute in float32
EXACT = ("numpy", "torch")
FILE = 98.4e6           # bytes of the model's file, in which weights have 4 to 8 bits
BYTES = {"fastla int8": 1, "llama_cpp": FILE / parameters(SMOLLM)}      # of a weight, else 4


def table(found: Sequence[Measurement], sides: Sequence[str]) -> str:
    """Return tokens a second by side, and what reading the weights once for each token comes to.

    That is in GB/s, and as a part of what memory gave in the same round, in the median over the rounds.
    """
    body: list[list[object]] = []
    for measured in found:
        case = measured.case
        rates = {side: case.tokens / measured.median(side) for side in sides}
        body.append([case.label(), measured.threads, *(f"{text.digits(rates[side])}/s" for side in sides), ""])
        if case.writes:
            size = {side: parameters(SMOLLM) * BYTES.get(side, 4) for side in (*sides, MEMORY)}
            moved = [case.tokens * size[side] / measured.median(side) / 1e9 for side in size]
            body.append(["  weights, GB/s", measured.threads, *map(text.digits, moved)])
            parts = [measured.ratio(MEMORY, side) * size[side] / size[MEMORY] for side in sides]
            body.append(["  of memory's", measured.threads, *(f"{part:.2f}" for part in parts), ""])
    return text.table(body, ("tokens", "threads", *sides, MEMORY), "simple", left=1)


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
        if side in ("fastla", MEMORY):
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
