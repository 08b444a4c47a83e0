"""Calibration on gold of side fit: how much the evidence is worth, and how often a flip like this one is right."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.bounds import interval
from prefcurate.transforms.consensus.votes import Floats, Ints

EDGES = (0.0, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Lower edges of the strata of consensus probability."""
_SLOPES = np.round(np.exp(np.linspace(np.log(0.1), np.log(3.0), 69)), 6)
_RIDGE = 4.0
_DIGITS = 9


@dataclass(frozen=True)
class Found:
    """What gold says of pairs like one: how many, how often the label is right, and the lower bound (one-sided 95%).

    `own` of them are of the pair's own stratum; the others, of less probability, joined because those were too few.
    """

    n: float
    rate: float
    low: float
    own: float

    @property
    def pairs(self) -> str:
        """ "24 gold pairs", and how many of them are as probable as this one where not all are."""
        told = f"{self.n:.0f} gold pairs"
        return told if self.own == self.n else f"{told}, {self.own:.0f} of them as probable as this one"


@dataclass(frozen=True)
class Strata:
    """Gold pairs by consensus probability: one row (lower edge, pairs, right) a stratum, edges ascending."""

    rows: tuple[tuple[float, float, float], ...]

    def like(self, probability: float, enough: int) -> Found | None:
        """What gold says of a pair whose label has this probability; None with fewer than ``enough`` pairs.

        A stratum with too few is joined by those below it, which can only make the answer more careful.
        """
        n = right = 0.0
        own: float | None = None
        for edge, counted, correct in reversed(self.rows):
            if edge > probability:
                continue
            n, right = n + counted, right + correct
            own = counted if own is None else own
            if n >= enough:
                return Found(n, (right + 0.5) / (n + 1), interval(right, n)[0], own)
        return None


def strata_of(probability: Floats, right: Ints, weight: Floats | None = None) -> Strata:
    """Counts pairs and right ones in each stratum; pairs that share one act of gold may weigh less than one."""
    place = np.searchsorted(EDGES, probability, side="right") - 1
    counted = np.ones(len(place)) if weight is None else weight
    n = np.bincount(place, weights=counted, minlength=len(EDGES)).round(_DIGITS)
    correct = np.bincount(place, weights=counted * right, minlength=len(EDGES)).round(_DIGITS)
    return Strata(
        tuple((edge, _whole(a), _whole(b)) for edge, a, b in zip(EDGES, n.tolist(), correct.tolist(), strict=True))
    )


def _whole(number: float) -> float:
    """Counts stand as whole numbers where they are."""
    return int(number) if number == int(number) else number


def fit_slope(total: Floats, truth: Ints, tie_share: float) -> float:
    """The exponent of the evidence under which gold is most likely, pulled towards 1 as by a few pairs.

    One number after Platt (1999), without an intercept: which response is a must not matter. Where nothing can be
    learned (few pairs) it stays near 1.

    Args:
        total: summed evidence, shape (pairs, 3).
        truth: +1, -1 or 0.
        tie_share: prior probability of a tie.
    """
    prior = np.log(np.array([(1 - tie_share) / 2, (1 - tie_share) / 2, tie_share]))
    column = np.where(truth == 1, 0, np.where(truth == -1, 1, 2))
    best, best_loss = 1.0, np.inf
    for slope in _SLOPES:
        scaled = total * slope + prior
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        weights = np.exp(scaled)
        logs = scaled - np.log((weights[:, [0]] + weights[:, [1]]) + weights[:, [2]])
        loss = -float(logs[np.arange(len(column)), column].sum()) + _RIDGE * float(np.log(slope)) ** 2
        if loss < best_loss - 1e-9:
            best, best_loss = float(slope), loss
    return best
