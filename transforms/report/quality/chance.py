"""What excludes chance: p-values corrected for how many annotators were looked at, against what is usual among them."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.report.quality.opinions import Bools, Floats

FALSE_ALARMS = 0.05
"""The rate of false discoveries at which something is said of an annotator, for each sort of finding."""
FEWEST_PEERS = 10
"""Annotators from which what is usual among them is estimated from themselves."""
FEWEST_OTHERS = 3
"""Others from which anything is said of what is usual among few."""
_STANDS_OUT = 2.5
_MAD = 0.6744897501960817
"""The median of the absolute value of a standard normal variable."""


@dataclass(frozen=True)
class Usual:
    """What is usual: the middle of the true values of annotators, and how far they lie apart (one standard deviation)."""

    middle: float
    spread: float


def usual(values: Floats, errors: Floats, middle: float | None = None) -> Usual:
    """The middle and the spread of true values that were measured with errors, robustly: some are not of the usual sort.

    An empirical null (Efron 2004, JASA 99:96): the middle is a median, weighted by precision, and the spread is such that half of all
    values lie as near to the middle as half of a normal distribution of it and their errors would. It differs from Efron's in that
    each value has an error of its own.

    Args:
        values: of the annotators.
        errors: the standard errors of the values.
        middle: known beforehand; estimated otherwise.
    """
    known = np.isfinite(values) & np.isfinite(errors)
    values, errors = values[known], errors[known]
    if not len(values):
        return Usual(0.0 if middle is None else middle, 0.0)
    if middle is None:
        middle = weighted_median(values, 1.0 / (errors**2 + 1e-4))
    low, high = 0.0, 2.0
    for _ in range(40):
        spread = (low + high) / 2
        size = np.median(np.abs(values - middle) / np.sqrt(errors**2 + spread**2))
        low, high = (spread, high) if size > _MAD else (low, spread)
    return Usual(float(middle), round(low, 6) if low > 1e-6 else 0.0)


def weighted_median(values: Floats, weights: Floats) -> float:
    """The value below and above which half of the weights lie."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(len(values) - 1, int(np.searchsorted(share, 0.5)))])


def corrected(p: Floats) -> Floats:
    """The smallest false discovery rate at which each is called (Benjamini & Hochberg 1995), among those that were tested.

    Args:
        p: one entry an annotator; NaN where nothing was tested, and stays so.
    """
    q = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    rates = p[order] * len(order) / np.arange(1, len(order) + 1)
    q[order] = np.minimum(1.0, np.minimum.accumulate(rates[::-1])[::-1])
    return q


@dataclass(frozen=True, eq=False)
class Unusual:
    """How unusual each is: the chance of a value as high, and as low; NaN for those who are not tested. And what is usual."""

    high: Floats
    low: Floats
    usual: Usual


def unusual(values: Floats, errors: Floats, among: Bools, size: float, middle: float | None = None) -> Unusual:
    """Holds each value against what is usual among the others.

    Where there are fewer than `FEWEST_PEERS`, each is held against the mean and the standard deviation of the others alone (a prediction by
    Student's t), and nothing is said of fewer than `FEWEST_OTHERS` of them, unless the middle is known: then the errors are all there is.

    Args:
        values, errors: one entry an annotator.
        among: who is compared.
        size: of an effect that whoever is tested must be able to show.
        middle: known beforehand.
    """
    high, low = np.full(len(values), np.nan), np.full(len(values), np.nan)
    mine = np.flatnonzero(among & np.isfinite(errors))
    known = Usual(0.0 if middle is None else middle, 0.0)
    if len(mine) >= FEWEST_PEERS or middle is not None:
        if len(mine) >= FEWEST_PEERS:
            own = usual(values[mine], errors[mine])
            # All may lean to one side: that is no spread, and where a middle is known, no excuse.
            known = Usual(own.middle if middle is None else middle, own.spread)
        together = np.sqrt(errors[mine] ** 2 + known.spread**2)
        told = can_tell(together, size)
        away = ((values[mine] - known.middle) / together)[told]
        high[mine[told]], low[mine[told]] = upper(away), upper(-away)
    elif len(mine) > FEWEST_OTHERS:
        known = usual(values[mine], errors[mine])
        for one in mine.tolist():
            high[one], low[one] = _among_few(values[one], errors[one], values[mine[mine != one]])
    return Unusual(high, low, known)


def _among_few(value: float, error: float, others: Floats) -> tuple[float, float]:
    from scipy.special import stdtr

    n = len(others)
    away = (value - others.mean()) / np.sqrt(others.var(ddof=1) * (1 + 1 / n) + error**2)
    return float(stdtr(n - 1, -away)), float(stdtr(n - 1, away))


def can_tell(errors: Floats, size: float) -> Bools:
    """Whose figures are exact enough that an effect of that size would stand out; the others are not tested, so that they cost the rest nothing.

    Independent filtering (Bourgon, Gentleman & Huber 2010, PNAS 107:9546): the error depends on what was asked, not on what was answered.
    """
    told: Bools = np.isfinite(errors) & (errors * _STANDS_OUT <= size)
    return told


def upper(z: Floats) -> Floats:
    """The chance that a standard normal variable is as large; NaN stays."""
    from scipy.special import ndtr

    return np.asarray(ndtr(-z))
