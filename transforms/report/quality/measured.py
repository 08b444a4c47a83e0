"""Everything that is measured of the annotators, each beside those it is compared with."""

from dataclasses import dataclass, replace

import numpy as np

from prefcurate.transforms.consensus.acts import crowds
from prefcurate.transforms.report.quality.answers import Shares, shares
from prefcurate.transforms.report.quality.copies import Copies, families_with, find_copies
from prefcurate.transforms.report.quality.haste import Haste, haste
from prefcurate.transforms.report.quality.leanings import Leanings, expected_answers, leanings
from prefcurate.transforms.report.quality.opinions import FEWEST, Bools, Ints, Opinions
from prefcurate.transforms.report.quality.others import Others, what_others_say
from prefcurate.transforms.report.quality.sequence import Drift, Streaks, drift, streaks

_SORTED = 0.98


@dataclass(frozen=True, eq=False)
class Measured:
    """The figures; arrays have one entry an annotator, in the order of `opinions.annotators`.

    Attributes:
        opinions, others, leaning, streak, answered, hurried, drifted, copies: see there.
        group: those of one source, kind and attribute are compared.
        pool: crowds under one name, who have given a pair several answers: nothing is said of them.
        placed: annotators of whose pairs it is known which response stands first.
    """

    opinions: Opinions
    others: Others
    leaning: Leanings
    streak: Streaks
    answered: Shares
    hurried: Haste
    drifted: Drift
    copies: Copies
    group: Ints
    pool: Bools
    placed: Bools


def measure(opinions: Opinions) -> Measured:
    """All figures of all annotators.

    Copies are looked for first and count as one from there on: two who guess alike would bear each other out.
    """
    group = _groups(opinions)
    opinions = _without_sorted_rows(opinions, group)
    others = what_others_say(opinions, opinions.family)
    leaning = leanings(opinions, others, group)
    copies = find_copies(opinions, expected_answers(opinions, others, leaning))
    if (copies.of >= 0).any():
        others = what_others_say(opinions, families_with(opinions, copies))
        leaning = leanings(opinions, others, group)
    return Measured(
        opinions=opinions,
        others=others,
        leaning=leaning,
        streak=streaks(opinions, expected_answers(opinions, others, leaning)),
        answered=shares(opinions),
        hurried=haste(opinions, group),
        drifted=drift(opinions, others),
        copies=copies,
        group=group,
        pool=crowds(opinions.who, opinions.item, opinions.act, [kind for _, kind, *_ in opinions.annotators]),
        placed=opinions.sums((opinions.first != 0) * 1.0) > opinions.counts / 2,
    )


def _groups(opinions: Opinions) -> Ints:
    keys = [(kind, source, attribute) for _, kind, source, attribute in opinions.annotators]
    places = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([places[key] for key in keys], np.int64)


def _without_sorted_rows(opinions: Opinions, group: Ints) -> Opinions:
    """Forgets which response stands first where a source's rows are sorted by the label.

    Chosen and rejected, or ranks from the best on: there the place says what was answered, not what was seen.
    """
    told = ~opinions.shown & (opinions.first != 0) & (opinions.label != 0)
    groups = group[opinions.who]
    n, first = (
        np.bincount(groups[chosen], minlength=int(group.max(initial=-1)) + 1)
        for chosen in (told, told & (opinions.label == opinions.first))
    )
    by_label = (n >= FEWEST) & (np.maximum(first, n - first) >= _SORTED * n)
    return replace(opinions, first=np.where(by_label[groups] & ~opinions.shown, 0, opinions.first))
