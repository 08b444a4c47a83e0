"""Annotators who say the same as another, pair after pair, beyond what the pairs make likely."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.votes import distinct, neighbours
from prefcurate.transforms.report.quality.chance import FALSE_ALARMS, corrected
from prefcurate.transforms.report.quality.opinions import FEWEST, Floats, Ints, Opinions

_ALIKE = 0.95
"""A copy gives the same answer to so many of the shared pairs."""
_MOST_VOTERS = 60


@dataclass(frozen=True, eq=False)
class Copies:
    """Whom each annotator says the same as; one entry an annotator.

    Attributes:
        of: an annotator of another family, of several the one that shares most pairs with it; -1 for nobody.
        shared: pairs that both labelled.
        q: the false discovery rate at which it is called a copy; NaN for nobody's.
    """

    of: Ints
    shared: Ints
    q: Floats


def find_copies(opinions: Opinions, expected: Floats) -> Copies:
    """Both of every two annotators who are copies of each other, whichever copied.

    Args:
        opinions: all of them.
        expected: how likely each answer was (`prefcurate.transforms.report.quality.leanings.expected_answers`).
    """
    found = _couples(opinions, expected)
    rates = corrected(found.p)
    of, shared, q = np.full(opinions.many, -1), np.zeros(opinions.many, np.int64), np.full(opinions.many, np.nan)
    told = np.flatnonzero(rates < FALSE_ALARMS)
    for i in told[np.lexsort((found.same[told], found.shared[told]))].tolist():
        for one, other in ((found.one[i], found.other[i]), (found.other[i], found.one[i])):
            of[one], shared[one], q[one] = other, found.shared[i], rates[i]
    return Copies(of, shared, q)


def families_with(opinions: Opinions, copies: Copies) -> Ints:
    """The family of each opinion, those of copies put together: two who guess alike would bear each other out."""
    family_of = np.zeros(opinions.many, np.int64)
    family_of[opinions.who] = opinions.family
    root = np.arange(int(opinions.family.max(initial=-1)) + 1)
    for one in np.flatnonzero(copies.of >= 0).tolist():
        low, high = sorted((root[family_of[one]], root[family_of[copies.of[one]]]))
        root = np.where(root == high, low, root)
    merged: Ints = root[opinions.family]
    return merged


@dataclass(frozen=True, eq=False)
class _Couples:
    """Two annotators of different families that share enough pairs; one entry a couple.

    Attributes:
        one, other: the annotators.
        shared, same: pairs that both labelled, and those with the same answer.
        p: the chance of so many, each answer being as likely as the pair makes it; 1 where they do not look like copies.
    """

    one: Ints
    other: Ints
    shared: Ints
    same: Ints
    p: Floats


def _couples(opinions: Opinions, expected: Floats) -> _Couples:
    """All couples that share `FEWEST` pairs, with an exact test (Poisson's binomial) where nearly all answers are the same.

    Pairs with more than sixty opinions are left out: everybody shares them.
    """
    one, other, same, likely = _meetings(opinions, expected)
    (ones, others), couple = distinct(one, other)
    shared = np.bincount(couple, minlength=len(ones))
    agreed = np.bincount(couple, weights=same, minlength=len(ones)).astype(np.int64)
    p = np.ones(len(ones))
    order = np.argsort(couple, kind="stable")
    start = np.concatenate([[0], np.cumsum(shared)]).astype(np.int64)
    for i in np.flatnonzero((shared >= FEWEST) & (agreed >= _ALIKE * shared)).tolist():
        p[i] = _at_least(likely[order[start[i] : start[i + 1]]], int(agreed[i]))
    kept = shared >= FEWEST
    return _Couples(ones[kept], others[kept], shared[kept], agreed[kept], p[kept])


def _meetings(opinions: Opinions, expected: Floats) -> tuple[Ints, Ints, Floats, Floats]:
    """Every two opinions of different families on one pair: who, whether they are the same, and how likely that is.

    Who answered a pair in both orders is held against others in the same order: its own two answers may differ.
    """
    voters = np.bincount(opinions.item)
    kept = np.flatnonzero(voters[opinions.item] <= _MOST_VOTERS)
    item, who, family, label, first = (
        getattr(opinions, name)[kept] for name in ("item", "who", "family", "label", "first")
    )
    _, answered = distinct(who, item)
    orders = np.bincount(answered)[answered] > 1
    # Two orders of one pair: what a judge was shown first may be what another was shown second.
    chance = np.where((opinions.first[kept] < 0)[:, None], expected[kept][:, ::-1], expected[kept])
    parts: list[tuple[Ints, Ints, Floats, Floats]] = []
    for left, right in neighbours(item):
        meet = (family[left] != family[right]) & ~((orders[left] | orders[right]) & (first[left] != first[right]))
        one, other = left[meet], right[meet]
        low, high = np.minimum(who[one], who[other]), np.maximum(who[one], who[other])
        parts.append((low, high, (label[one] == label[other]) * 1.0, (chance[one] * chance[other]).sum(axis=1)))
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
