"""Calibration on gold of side fit: how much the evidence is worth, and how often a flip like this one is right."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.bounds import interval
from prefcurate.transforms.consensus.votes import FOLDS, Floats, Ints

EDGES = (0.0, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Lower edges of the strata of consensus probability."""
SLOPES = np.round(np.exp(np.linspace(np.log(0.1), np.log(6.0), 83)), 6)
_SPREAD = 0.2
"""How far what is believed of an exponent without gold may be wrong (its logarithm, one standard deviation): as far as it was on real sets."""
_FREEDOM = 4
"""Degrees of freedom of that belief, a Student's t: opinions that are unlike all real sets, such as independent ones, are soon known by gold."""
_FEW_CLUSTERS = 5
_STEPS = 50
_DIGITS = 9


@dataclass(frozen=True)
class Found:
    """What gold says of pairs like one: how many, how often the label is right (where gold finds both equal, half), and the lower bound.

    The bound is one-sided, 95%. `own` of them are of the pair's own stratum; the others, of less probability, joined because those were too few.
    """

    n: float
    rate: float
    low: float
    own: float

    @classmethod
    def of(cls, n: float, right: float, own: float) -> "Found":
        """From how many pairs there are, and how many of them are right."""
        return cls(n, (right + 0.5) / (n + 1), interval(right, n)[0], own)

    @property
    def other(self) -> "Found":
        """What the same pairs say of the other label."""
        return Found.of(self.n, (1 - self.rate) * (self.n + 1) - 0.5, self.own)

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
                return Found.of(n, right, own)
        return None


def strata_of(probability: Floats, right: Floats, weight: Floats | None = None, cluster: Ints | None = None) -> Strata:
    """Counts pairs and right ones in each stratum, as many as they are worth.

    Pairs of one prompt cluster are right and wrong together: all counts are divided by the design effect, by which that makes the variance
    larger (Rao and Scott 1992, Biometrics 48:577). Of few clusters it cannot be estimated: there a cluster counts as one pair.

    Args:
        probability: of each gold pair's label.
        right: 1, 0, or one half where gold finds both equal.
        weight: pairs that share one act of gold may weigh less than one.
        cluster: of each pair's prompt, as a number; 0 where nobody knows it, and then the pair is one of its own.
    """
    place = np.searchsorted(EDGES, probability, side="right") - 1
    counted = np.ones(len(place)) if weight is None else weight
    n = np.bincount(place, weights=counted, minlength=len(EDGES))
    correct = np.bincount(place, weights=counted * right, minlength=len(EDGES))
    rate = ((correct + 0.5) / (n + 1))[place]
    together = np.zeros(len(place), np.int64) if cluster is None else cluster
    effect = _design_effect(counted * (right - rate), counted**2 * rate * (1 - rate), counted, together)
    worth = [(values / effect).round(_DIGITS).tolist() for values in (n, correct)]
    return Strata(tuple((edge, _whole(a), _whole(b)) for edge, a, b in zip(EDGES, *worth, strict=True)))


def _design_effect(residual: Floats, variance: Floats, counted: Floats, cluster: Ints) -> float:
    """How many times larger the variance of a sum is than that of independent pairs, at least 1."""
    alone = np.flatnonzero(cluster == 0)
    # Numbers of clusters are not negative.
    own = cluster.copy()
    own[alone] = -1 - alone
    _, which = np.unique(own, return_inverse=True)
    clusters = int(which.max(initial=-1)) + 1
    if clusters == len(own):
        return 1.0
    if clusters <= _FEW_CLUSTERS:
        return max(1.0, float(counted.sum()) / clusters)
    sums = np.bincount(which, weights=residual)
    return max(1.0, clusters / (clusters - 1) * float(sums @ sums) / float(variance.sum()))


def _whole(number: float) -> float:
    """Counts stand as whole numbers where they are."""
    return int(number) if number == int(number) else number


def fit_slopes(total: Floats, truth: Ints, fold: Ints, tie_share: float, believed: float) -> tuple[float, ...]:
    """The exponents of the evidence by gold: from all of it, and from all folds but 0, 1, …

    One number after Platt (1999), without an intercept: which response is a must not matter. Gold of few prompts says little however many
    pairs they have, so what it says is weighed against what was believed before by its own unsteadiness: the jackknife over folds, which
    are of whole prompt clusters (Efron and Tibshirani 1993, chapter 11), where that is more than the likelihood's own. What was believed is
    an empirical Bayes prior (Efron and Morris 1975): see `shared.py`. It has the tails of Student's t (West 1984), so that gold which
    is sure of something else is followed.

    Args:
        total: summed evidence, shape (pairs, 3).
        truth: +1, -1 or 0.
        fold: of each pair.
        tie_share: prior probability of a tie.
        believed: what the exponent is without gold.
    """
    loss = _losses(total, truth, tie_share)
    parts = [np.ones(len(truth), bool), *(fold != number for number in range(FOLDS))]
    found = np.array([_likeliest(loss[part]) for part in parts])
    without = found[1:, 0][np.bincount(fold, minlength=FOLDS) > 0]
    apart = without - without.mean()
    # (n - 1) / n times the sum of squares, and Student's t of so few degrees of freedom is wider still.
    wider = (len(apart) - 1) / max(len(apart) - 3, 0.5)
    unsteady = wider * (len(apart) - 1) / len(apart) * float(apart @ apart) if len(apart) > 2 else np.inf
    variance = np.maximum(found[:, 1], unsteady)
    slopes = np.exp(_most_probable(found[:, 0], 1 / variance, np.log(believed)))
    return tuple(np.round(np.clip(slopes, SLOPES[0], SLOPES[-1]), 6).tolist())


def _most_probable(found: Floats, precision: Floats, believed: float) -> Floats:
    """Between what gold finds and what is believed, by EM for Student's t: the further away, the less the belief is worth."""
    now = np.full(len(found), believed)
    for _ in range(_STEPS):
        before = (_FREEDOM + 1) / (_FREEDOM * _SPREAD**2 + (now - believed) ** 2)
        now = (precision * found + before * believed) / (precision + before)
    return now


def slope_that_claims(odds: Floats, claimed: float) -> float:
    """The exponent under which the likelier responses are right as often as is claimed, on average.

    Gold of a few prompts moves what is believed of every voice, and with it the size of the evidence, by chance: so what is believed before is
    not an exponent of evidence of that size, but what would be claimed of the same pairs without gold.

    Args:
        odds: of each pair, by all that counts.
        claimed: between one half and 1.
    """
    claims = [float(np.mean(np.exp(log_chance(slope * np.abs(odds))))) for slope in SLOPES]
    return float(np.exp(np.interp(claimed, claims, np.log(SLOPES))))


def _losses(total: Floats, truth: Ints, tie_share: float) -> Floats:
    """Minus the log-likelihood of each pair's truth under each exponent, shape (pairs, exponents)."""
    prior = np.log(np.array([(1 - tie_share) / 2, (1 - tie_share) / 2, tie_share]))
    column = np.where(truth == 1, 0, np.where(truth == -1, 1, 2))
    losses = []
    for slope in SLOPES:
        scaled = total * slope + prior
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        weights = np.exp(scaled)
        logs = scaled - np.log((weights[:, [0]] + weights[:, [1]]) + weights[:, [2]])
        losses.append(-logs[np.arange(len(column)), column])
    return np.stack(losses, axis=1)


def _likeliest(loss: Floats) -> tuple[float, float]:
    """The log of the likeliest exponent and its variance, from the likelihood over the grid under a flat prior."""
    height = -loss.sum(axis=0)
    weight = np.exp(height - height.max())
    logs = np.log(SLOPES)
    mean = float(weight @ logs / weight.sum())
    return mean, float(weight @ (logs - mean) ** 2 / weight.sum()) + 1e-6


def log_chance(odds: Floats) -> Floats:
    """The log of the probability whose log-odds are given."""
    return -np.logaddexp(0.0, -odds)
