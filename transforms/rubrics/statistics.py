"""How sure an agreement is: Wilson's interval, the sign test, and what pairs of one prompt are worth together."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np


@dataclass(frozen=True)
class Agreement:
    """How often an opinion met the trusted label, where it spoke.

    Attributes:
        n: pairs on which it spoke.
        n_effective: what they are worth, since pairs of one prompt cluster go together.
        coverage: the share of pairs on which it spoke.
        rate: the share of the ``n`` on which it agreed; .5 where ``n`` is 0.
        low: Wilson's lower bound of the rate for ``n_effective`` trials.
    """

    n: int
    n_effective: float
    coverage: float
    rate: float
    low: float


def wilson_low(rate: float, n: float, confidence: float = 0.95) -> float:
    """Lower end of Wilson's (1927) two-sided interval of a share; 0 for no trials.

    Args:
        rate: observed share, 0 to 1.
        n: trials; need not be whole, so that effective numbers can be given.
        confidence: of the two-sided interval.
    """
    if n <= 0:
        return 0.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = rate + z * z / (2 * n)
    spread = z * sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, (centre - spread) / (1 + z * z / n))


def sign_test(wins: int, losses: int) -> float:
    """One-sided sign test: the chance of at least ``wins`` of ``wins + losses`` fair coins; 1 for none."""
    # Half a second to import: only who counts pays it.
    from scipy.stats import binom

    return float(binom.sf(wins - 1, wins + losses, 0.5)) if wins + losses else 1.0


def effective_number(agrees: np.ndarray, clusters: np.ndarray) -> float:
    """What ``n`` outcomes (0 or 1) are worth as independent ones, by the cluster-robust variance of their mean.

    Outcomes of one cluster that go together are worth less than their number; never counted as more than it. Where all
    outcomes are equal nothing can be estimated, and a cluster counts once.
    """
    n = len(agrees)
    if n == 0:
        return 0.0
    rate = float(agrees.mean())
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.bincount(codes, weights=agrees - rate)
    variance = float((sums**2).sum()) / n**2
    return min(float(n), rate * (1 - rate) / variance) if variance > 0 else float(len(sums))


def agreement(outcomes: np.ndarray, clusters: np.ndarray, confidence: float = 0.95) -> Agreement:
    """Agreement of opinions with trusted labels.

    Args:
        outcomes: for each pair 1 (agreed), -1 (disagreed) or 0 (said nothing).
        clusters: for each pair the number of its prompt cluster.
        confidence: of the two-sided interval whose lower end is given.
    """
    spoke = outcomes != 0
    n = int(spoke.sum())
    if n == 0:
        return Agreement(0, 0.0, 0.0, 0.5, 0.0)
    agrees = (outcomes[spoke] > 0).astype(np.float64)
    rate, worth = float(agrees.mean()), effective_number(agrees, clusters[spoke])
    return Agreement(n, worth, n / len(outcomes), rate, wilson_low(rate, worth, confidence))


def p_value(found: Agreement) -> float:
    """The sign test on effective numbers (whole ones, rounded against the finding)."""
    n = int(found.n_effective)
    wins = int(found.rate * n + 1e-9)
    return sign_test(wins, n - wins)


def discoveries(p_values: Sequence[float], rate: float) -> list[bool]:
    """Benjamini and Hochberg's (1995) step-up: which of many tests stand when ``rate`` of them may be false."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    passed = [rank for rank, i in enumerate(order, start=1) if p_values[i] <= rate * rank / len(p_values)]
    last = max(passed, default=0)
    kept = set(order[:last])
    return [i in kept for i in range(len(p_values))]
