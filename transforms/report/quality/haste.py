"""How fast each annotator answers beside what others take at texts as long."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.votes import distinct
from prefcurate.transforms.report.quality.opinions import Floats, Ints, Opinions

_HASTE = 1 / 3
_BINS = 10


@dataclass(frozen=True, eq=False)
class Haste:
    """How fast an annotator answers beside all others at texts of the same length; one entry an annotator.

    Attributes:
        timed: answers whose time is known, as is what is usual; those that share one time (a page of several pairs) are one.
        median: seconds of all answers whose time is known, and `usual` of all at such lengths; NaN where none is.
        hasty: answers in less than a third of the usual time.
        p: the chance of so many hasty ones, if a hasty one were as likely as not (a binomial test).
    """

    timed: Ints
    median: Floats
    usual: Floats
    hasty: Ints
    p: Floats


def haste(opinions: Opinions, group: Ints) -> Haste:
    """Answer times held against what others of the group take at that length of text (medians in ten bins of length).

    Who usually answers in less than a third of the time read less than the others did; a response time below what reading takes is
    the common sign of rapid guessing (Wise & Kong 2005, Applied Measurement in Education 18:163).

    Args:
        opinions: all of them.
        group: one entry an annotator: who is compared with whom.
    """
    from scipy.special import bdtrc

    many = opinions.many
    told = np.flatnonzero(np.isfinite(opinions.seconds))
    page = np.where(np.isnan(opinions.moment[told]), -1.0 - told, opinions.moment[told])
    _, page = distinct(opinions.who[told], page, opinions.seconds[told])
    told = told[np.sort(np.unique(page, return_index=True)[1])]
    expected = _usual_seconds(opinions, told, group)
    median = _medians(opinions.seconds[told], opinions.who[told], many)
    known = np.isfinite(expected)
    who, seconds, expected = opinions.who[told[known]], opinions.seconds[told[known]], expected[known]
    hasty = np.bincount(who[seconds < _HASTE * expected], minlength=many)
    timed = np.bincount(who, minlength=many)
    p = np.where(timed > 0, np.where(hasty > 0, bdtrc(hasty - 1.0, np.maximum(1, timed), 0.5), 1.0), np.nan)
    return Haste(timed, median, _medians(expected, who, many), hasty, p)


def _usual_seconds(opinions: Opinions, told: Ints, group: Ints) -> Floats:
    """The median of an answer's bin of length, in which every annotator counts once (by its own median there); NaN where it is alone there."""
    expected = np.full(len(told), np.nan)
    groups, characters = group[opinions.who[told]], opinions.characters[told]
    for one in np.unique(groups):
        mine = np.flatnonzero(groups == one)
        edges = np.unique(np.quantile(characters[mine], np.linspace(0, 1, _BINS + 1)[1:-1]))
        place = np.searchsorted(edges, characters[mine], side="right")
        for number in np.unique(place):
            here = mine[place == number]
            _, who = np.unique(opinions.who[told[here]], return_inverse=True)
            own = _medians(opinions.seconds[told[here]], who, int(who.max()) + 1)
            if len(own) > 1:
                expected[here] = np.median(own)
    return expected


def _medians(values: Floats, who: Ints, many: int) -> Floats:
    order = np.lexsort((values, who))
    count = np.bincount(who, minlength=many)
    start = np.concatenate([[0], np.cumsum(count)[:-1]]) if many else np.zeros(0, np.int64)
    found = np.full(many, np.nan)
    some = count > 0
    low, high = start + np.maximum(0, count - 1) // 2, start + count // 2
    found[some] = (values[order][low[some]] + values[order][high[some]]) / 2
    return found
