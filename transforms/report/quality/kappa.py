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

from prefcurate.transforms.consensus.votes import distinct
from prefcurate.transforms.report.alpha import FEWEST_PROMPTS, Estimate, replicates
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
    apart = np.abs(positions[:, None] - positions[None, :]) ** power
    n = tables.sum(axis=(-2, -1))
    observed = (tables * apart).sum(axis=(-2, -1))
    expected = (tables.sum(axis=-1)[..., :, None] * tables.sum(axis=-2)[..., None, :] * apart).sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa: Floats = np.where(expected > 0, 1.0 - observed * n / expected, np.nan)
    return kappa


def mean_kappa(who: Ints, item: Ints, prompt: Ints, value: Ints, positions: Floats) -> Kappa | None:
    """The mean over couples; None where no couple shares enough items.

    Args:
        who, item: of each opinion, one opinion an annotator and item.
        prompt: of each opinion's item, a number below 2**60.
        value: index into `positions`.
        positions: the values' places on their scale.
    """
    one, other = _couples(who, item)
    if not len(one):
        return None
    (ones, others), couple = distinct(who[one], who[other])
    shared = np.bincount(couple, minlength=len(ones))
    chosen = sorted(np.flatnonzero(shared >= FEWEST_SHARED).tolist(), key=lambda c: (-shared[c], ones[c], others[c]))[
        :COUPLES
    ]
    if not chosen:
        return None
    place = np.full(len(ones), -1)
    place[chosen] = np.arange(len(chosen))
    kept = place[couple] >= 0
    one, other, couple = one[kept], other[kept], place[couple[kept]]
    prompts, row = np.unique(prompt[one], return_inverse=True)
    k = len(positions)
    cell = (couple * k + value[one]) * k + value[other]
    by_prompt = csr_matrix((np.ones(len(one)), (row, cell)), shape=(len(prompts), len(chosen) * k * k))
    drawn = (by_prompt.T @ replicates(prompts.astype(np.uint64))).T
    tables = np.asarray(drawn).reshape(-1, len(chosen), k, k)
    enough = len(prompts) >= FEWEST_PROMPTS
    linear, quadratic = (
        _mean(weighted_kappa(tables, positions, power), tables.sum(axis=(-2, -1)), enough) for power in (1, 2)
    )
    if linear is None or quadratic is None:
        return None
    return Kappa(len(chosen), len(one), linear, quadratic)


def _couples(who: Ints, item: Ints) -> tuple[Ints, Ints]:
    """Every two opinions on one item, that of the annotator with the smaller number first."""
    order = np.lexsort((who, item))
    sorted_item = item[order]
    size = np.bincount(np.unique(item, return_inverse=True)[1]) if len(item) else np.zeros(1, np.int64)
    left, right = [], []
    for step in range(1, int(size.max(initial=1))):
        same = np.flatnonzero(sorted_item[step:] == sorted_item[:-step])
        left.append(order[same])
        right.append(order[same + step])
    if not left:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(left), np.concatenate(right)


def _mean(kappa: Floats, shared: Floats, enough: bool) -> Estimate | None:
    weights = np.where(np.isnan(kappa), 0.0, shared)
    total = weights.sum(axis=1)
    known = total > 0
    if not known[0]:
        return None
    means = (np.nan_to_num(kappa) * weights).sum(axis=1)[known] / total[known]
    if not enough:
        return Estimate(round(float(means[0]), 6), None, None)
    low, high = np.quantile(means[1:], [0.025, 0.975])
    return Estimate(round(float(means[0]), 6), round(float(low), 6), round(float(high), 6))
