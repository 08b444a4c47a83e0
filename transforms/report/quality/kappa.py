"""Weighted kappa: how far two annotators agree beyond chance, disagreements weighed by how far apart they are.

Cohen 1968 (Psychological Bulletin 70:213): 1 less the observed over the expected weighted disagreement, the latter from the two annotators'
own frequencies. Linear weights are the distance of two values, quadratic ones its square; labels lie on the scale b, tie, a. Of many
annotators the mean over all couples that share ten items, weighted by how many they share (Light 1971 takes the plain mean; couples of few
items would count as much as those of many). Intervals are percentiles of the bootstrap of prompts of `prefcurate.transforms.report.alpha`.
scikit-learn's `cohen_kappa_score` gives the same value for one couple (a test holds them together), but knows no sums to draw again.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from prefcurate.transforms.consensus.votes import distinct, neighbours
from prefcurate.transforms.report.alpha import Estimate, drawn, estimate
from prefcurate.transforms.report.quality.opinions import Floats, Ints

FEWEST_SHARED = 10
"""Items that a couple must share."""
COUPLES = 300
"""Couples that count: those that share most."""


@dataclass(frozen=True)
class Kappa:
    """Mean weighted kappa of couples, and how many couples and shared items it rests on."""

    couples: int
    shared: int
    linear: Estimate
    quadratic: Estimate


def weighted_kappa(tables: Floats, positions: Floats, power: int) -> Floats:
    """Kappa of each table of two annotators' values, shape (…, values, values); NaN where chance alone would never disagree.

    Args:
        tables: how often one said the one value and the other the other.
        positions: the values' places on their scale.
        power: 1 for linear weights, 2 for quadratic ones.
    """
    apart = _apart(positions, power)
    return _kappa((tables * apart).sum(axis=(-2, -1)), tables.sum(axis=-1), tables.sum(axis=-2), apart)


def _apart(positions: Floats, power: int) -> Floats:
    distances: Floats = np.abs(positions[:, None] - positions[None, :]) ** power
    return distances


def _kappa(observed: Floats, one: Floats, other: Floats, apart: Floats) -> Floats:
    """Kappa from the sum of weighted disagreements, and how often each value was said by the one and by the other."""
    expected = ((one @ apart) * other).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa: Floats = np.where(expected > 0, 1.0 - observed * one.sum(axis=-1) / expected, np.nan)
    return kappa


def mean_kappa(who: Ints, item: Ints, prompt: Ints, value: Ints, positions: Floats) -> Kappa | None:
    """The mean over couples; None where no couple shares enough items, or none of those ever could disagree.

    Args:
        who, item: of each opinion, one opinion an annotator and item.
        prompt: of each opinion's item, a number below 2**60.
        value: index into `positions`.
        positions: the values' places on their scale.
    """
    one, other, couple = _couples(who, item)
    if not len(one):
        return None
    prompts, row = np.unique(prompt[one], return_inverse=True)
    added, k = _added(row, couple, value[one], value[other], positions), len(positions)
    sums = drawn(prompts.astype(np.uint64), added).reshape(-1, int(couple.max()) + 1, 2 + 2 * k)
    ones, others = sums[:, :, 2 : 2 + k], sums[:, :, 2 + k :]
    kappas = [_kappa(sums[:, :, power - 1], ones, others, _apart(positions, power)) for power in (1, 2)]
    linear, quadratic = (estimate(_mean(kappa, ones.sum(axis=2)), len(prompts)) for kappa in kappas)
    return None if linear is None or quadratic is None else Kappa(sums.shape[1], len(one), linear, quadratic)


def _added(row: Ints, couple: Ints, one: Ints, other: Ints, positions: Floats) -> csr_matrix:
    """What each prompt adds for each couple: its linear and quadratic disagreements, then how often each value was said by each of the two.

    No more than these margins: whole tables of sixteen values, drawn a thousand times, would take gigabytes.
    """
    k = len(positions)
    width = 2 + 2 * k
    distance = np.abs(positions[one] - positions[other])
    amounts = np.concatenate([distance, distance**2, np.ones(2 * len(one))])
    columns = np.concatenate([couple * width + column for column in (0, 1, 2 + one, 2 + k + other)])
    return csr_matrix(
        (amounts, (np.tile(row, 4), columns)), shape=(int(row.max()) + 1, (int(couple.max()) + 1) * width)
    )


def _couples(who: Ints, item: Ints) -> tuple[Ints, Ints, Ints]:
    """Every two opinions on one item, that of the annotator with the smaller number first, and whose they are; of the couples that count."""
    order = np.lexsort((who, item))
    met = [(order[left], order[right]) for left, right in neighbours(item[order])]
    if not met:
        return (np.zeros(0, np.int64),) * 3
    one, other = (np.concatenate(side) for side in zip(*met, strict=True))
    (ones, others), couple = distinct(who[one], who[other])
    shared = np.bincount(couple)
    ranked = np.lexsort((others, ones, -shared))
    chosen = ranked[shared[ranked] >= FEWEST_SHARED][:COUPLES]
    place = np.full(len(shared), -1)
    place[chosen] = np.arange(len(chosen))
    kept = place[couple] >= 0
    return one[kept], other[kept], place[couple[kept]]


def _mean(kappa: Floats, shared: Floats) -> Floats:
    """The mean over the couples of each draw, of those that could disagree, by how many items they share."""
    weights = np.where(np.isnan(kappa), 0.0, shared)
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = (np.nan_to_num(kappa) * weights).sum(axis=1) / total
    return means
