"""What was measured of a case: the rounds, and the statistics over them."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.operations import NUMPY, OURS, Case
from benchmarks.timing.load import disturbs


class Turn(NamedTuple):
    """One side's part of a round: the shortest and the median time of a call in seconds, and the cores others took."""

    best: float
    typical: float
    others: float


@dataclass
class Measurement:
    """What was measured of one case.

    A round in which others took a core that a side wanted is disturbed. Disturbed rounds do not count; where most of
    those that were wanted are missing, the measurement itself is disturbed, and says nothing of the sides.

    Attributes
    ----------
    wanted : int
        Undisturbed rounds.
    rounds : list of {side: Turn}
        All of them.
    errors : {side: float}
        The largest error found, in units of the tolerance.
    results : {side: result}
        Where they were asked for.
    """

    case: Case
    threads: int
    wanted: int
    rounds: list[dict[str, Turn]] = field(default_factory=list)
    errors: dict[str, float] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        """Every side's result is within the tolerance."""
        return all(error <= 1 for error in self.errors.values())

    @property
    def undisturbed(self) -> list[dict[str, Turn]]:
        """The rounds in which every side had its cores to itself."""
        return [turns for turns in self.rounds if not any(disturbs(t.others, self.threads) for t in turns.values())]

    @property
    def disturbed(self) -> bool:
        """Too few rounds were undisturbed."""
        return 2 * len(self.undisturbed) < self.wanted

    @property
    def counted(self) -> list[dict[str, Turn]]:
        """The rounds that count; where nearly all were disturbed, these."""
        return self.rounds if self.disturbed else self.undisturbed

    def median(self, side: str) -> float:
        """Return the median over rounds of a side's shortest call, in seconds."""
        return statistics.median(turns[side].best for turns in self.counted)

    def typical(self, side: str) -> float:
        """Return the median over rounds of a side's median call, in seconds."""
        return statistics.median(turns[side].typical for turns in self.counted)

    def ratios(self, peer: str = NUMPY, ours: str = OURS) -> list[float]:
        """Return for each round how many times faster one side is than another."""
        return [turns[peer].best / turns[ours].best for turns in self.counted]

    def ratio(self, peer: str = NUMPY, ours: str = OURS) -> float:
        """Return the median over the rounds of how many times faster one side is than another."""
        return statistics.median(self.ratios(peer, ours))

    def quartiles(self, peer: str = NUMPY, ours: str = OURS) -> tuple[float, float]:
        """Return the quartiles of the rounds' ratios: half of them lie between."""
        ratios = self.ratios(peer, ours)
        if len(ratios) < 2:
            return ratios[0], ratios[0]
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, high

    def best(self, side: str) -> float:
        """Return a side's shortest call of all, in seconds."""
        return min(turns[side].best for turns in self.counted)

    def best_ratio(self) -> float:
        """Return how many times faster fastla's best round is than NumPy's."""
        return self.best(NUMPY) / self.best(OURS)
