"""Annotators who say the same as another, pair after pair, beyond what the pairs make likely."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.votes import distinct
from prefcurate.transforms.report.quality.habits import FEWEST
from prefcurate.transforms.report.quality.opinions import Floats, Ints, Opinions

ALIKE = 0.95
"""A copy gives the same answer to so many of the shared pairs."""
_MOST_VOTERS = 60


@dataclass(frozen=True, eq=False)
class Twins:
    """Couples of annotators of different families that share enough pairs; one entry a couple.

    Attributes:
        one, other: the annotators.
        shared, same: pairs that both labelled, and those with the same answer.
        p: the chance of so many, each answer being as likely as the pair makes it.
    """

    one: Ints
    other: Ints
    shared: Ints
    same: Ints
    p: Floats


def twins(opinions: Opinions, expected: Floats) -> Twins:
    """All couples that share `FEWEST` pairs, with an exact test (Poisson's binomial) where they look like copies; p is 1 elsewhere.

    Pairs with more than sixty opinions are left out: everybody shares them.
    """
    one, other, same, likely = _meetings(opinions, expected)
    couple = one * max(1, opinions.many) + other
    found, place = np.unique(couple, return_inverse=True)
    shared = np.bincount(place, minlength=len(found))
    agreed = np.bincount(place, weights=same, minlength=len(found)).astype(np.int64)
    p = np.ones(len(found))
    order = np.argsort(place, kind="stable")
    start = np.concatenate([[0], np.cumsum(shared)]).astype(np.int64)
    for i in np.flatnonzero((shared >= FEWEST) & (agreed >= ALIKE * shared)).tolist():
        p[i] = _at_least(likely[order[start[i] : start[i + 1]]], int(agreed[i]))
    kept = shared >= FEWEST
    many = max(1, opinions.many)
    return Twins(found[kept] // many, found[kept] % many, shared[kept], agreed[kept], p[kept])


def _meetings(opinions: Opinions, expected: Floats) -> tuple[Ints, Ints, Floats, Floats]:
    """Every two opinions of different families on one pair: who, whether they are the same, and how likely that is.

    Who answered a pair in both orders is held against others in the same order: its own two answers may differ.
    """
    voters = np.bincount(opinions.item, minlength=1)
    kept = np.flatnonzero(voters[opinions.item] <= _MOST_VOTERS)
    item, who, family, label, first = (
        getattr(opinions, name)[kept] for name in ("item", "who", "family", "label", "first")
    )
    _, answered = distinct(who, item)
    orders = np.bincount(answered)[answered] > 1
    # Two orders of one pair: what a judge was shown first may be what another was shown second.
    chance = np.where((opinions.first[kept] < 0)[:, None], expected[kept][:, ::-1], expected[kept])
    parts: list[tuple[Ints, Ints, Floats, Floats]] = []
    for step in range(1, int(voters[voters <= _MOST_VOTERS].max(initial=1))):
        apart = (orders[step:] | orders[:-step]) & (first[step:] != first[:-step])
        meet = np.flatnonzero((item[step:] == item[:-step]) & (family[step:] != family[:-step]) & ~apart)
        low, high = np.minimum(who[meet], who[meet + step]), np.maximum(who[meet], who[meet + step])
        same = (label[meet] == label[meet + step]) * 1.0
        parts.append((low, high, same, (chance[meet] * chance[meet + step]).sum(axis=1)))
    if not parts:
        nothing = np.zeros(0)
        return nothing.astype(np.int64), nothing.astype(np.int64), nothing, nothing
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def _at_least(chances: Floats, successes: int) -> float:
    """The probability of so many successes or more, of trials with chances of their own."""
    failures = len(chances) - successes
    # Of failures, of which there are few: only so many need be counted.
    told = np.zeros(failures + 1)
    told[0] = 1.0
    for chance in chances.tolist():
        told = told * chance + np.concatenate([[0.0], told[:-1]]) * (1 - chance)
    return float(min(1.0, told.sum()))
