"""Figures of several policies on gold that none of them saw: shares of right labels, and paired differences.

Ties count half. Intervals are of 95%, from a bootstrap over prompt clusters (Efron 1979), with the same draws for every policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from prefcurate.transforms.consensus.votes import NO_LABEL, Floats, Ints

DRAWS = 2000
FEWEST = 10
"""Prompt clusters below which no interval is given."""


@dataclass(frozen=True)
class Figure:
    """A figure with its interval; no interval where there are too few prompt clusters."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class OnGold:
    """A policy on gold that it never saw.

    Attributes:
        published: gold pairs that it publishes a label for.
        right: share of right labels among them; None where there are none.
        gain: sum over them of (right - min_accuracy) for each 100 gold pairs: what policies are there to make large.
        both: gold pairs that the first policy publishes too.
        right_both, first_both: share of right labels of this and of the first policy there.
        difference: of the two.
        gain_difference: of the gains.
    """

    published: int
    right: Figure | None
    gain: Figure | None
    both: int = 0
    right_both: float | None = None
    first_both: float | None = None
    difference: Figure | None = None
    gain_difference: Figure | None = None


def scores_of(truth: Ints, said: Ints) -> Floats:
    """1 for right, 0 for wrong, a half where gold finds neither better; NaN where nothing is published."""
    right = np.where(truth == 0, 0.5, (truth == said).astype(np.float64))
    return np.where(said == NO_LABEL, np.nan, right)


def on_gold(score: Floats, first: Floats, cluster: Ints, min_accuracy: float, seed: int) -> OnGold:
    """A policy's figures, and its differences from the first.

    Args:
        score: of each gold pair under the policy (`scores_of`).
        first: under the first policy; the same array for that one itself.
        cluster: number of each pair's prompt cluster.
        min_accuracy: what a published pair costs.
        seed: of the bootstrap.
    """
    out, both = ~np.isnan(score), ~np.isnan(score) & ~np.isnan(first)
    gain, gain_first = (np.where(np.isnan(s), 0.0, s - min_accuracy) * 100 for s in (score, first))
    everywhere = np.ones(len(score))
    right, gained, difference, gain_difference = _shares(
        [
            (np.where(out, score, 0.0), out),
            (gain, everywhere),
            (np.where(both, score - first, 0.0), both),
            (gain - gain_first, everywhere),
        ],
        cluster,
        seed,
    )
    found = OnGold(int(out.sum()), right, gained)
    if score is first or not both.any():
        return found
    means = (float(score[both].mean()), float(first[both].mean()))
    return replace(found, both=int(both.sum()), right_both=means[0], first_both=means[1], difference=difference,
                   gain_difference=gain_difference)  # fmt: skip


def _shares(sums: Sequence[tuple[Floats, Floats]], cluster: Ints, seed: int) -> list[Figure | None]:
    """Of sums over pairs, the one by the other, with intervals over clusters; the same seed draws the same clusters."""
    columns = [np.bincount(cluster, values.astype(np.float64)) for pair in sums for values in pair]
    of_cluster = np.stack(columns, axis=1)
    total = of_cluster.sum(axis=0)
    many = len(of_cluster)
    rng = np.random.default_rng(seed)
    draws = DRAWS if many >= FEWEST else 0
    drawn = np.zeros((draws, of_cluster.shape[1]))
    for row in drawn:
        row[:] = of_cluster[rng.integers(0, many, many)].sum(axis=0)
    return [_figure(total[at : at + 2], drawn[:, at : at + 2]) for at in range(0, of_cluster.shape[1], 2)]


def _figure(total: Floats, drawn: Floats) -> Figure | None:
    if not total[1]:
        return None
    value = float(total[0] / total[1])
    drawn = drawn[drawn[:, 1] > 0]
    if not len(drawn):
        return Figure(value, None, None)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return Figure(value, float(low), float(high))
