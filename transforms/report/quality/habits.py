"""How each annotator answers beside what the pairs deserve: leanings, streaks, one answer to everything, haste, and drift.

All that is compared is symmetric in a and b: which response is called a means nothing.
"""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.consensus.votes import distinct
from prefcurate.transforms.report.quality.chance import weighted_median
from prefcurate.transforms.report.quality.opinions import Bools, Floats, Ints, Opinions
from prefcurate.transforms.report.quality.others import Others

FOLLOWS, FIRST, LONGER, FORMATTED = range(4)
"""The columns of `Leanings`: what the others say, the place on the screen, length, looks."""
FEWEST = 8
"""Of fewer opinions nothing is said about an annotator."""
_RIDGE = 1e-9
_PRIOR = 1.0
_TELLS = 1.0
_TOLD = 100.0
_LEAST_VARIANCE = 0.25
_HASTE = 1 / 3
_BINS = 10
_ANSWERS = 3


@dataclass(frozen=True, eq=False)
class Leanings:
    """What moves an annotator's answers (-1 b to 1 a), shape (annotators, 4): see `FOLLOWS` and so on.

    Attributes:
        value: `FOLLOWS`: the slope on what the others say, where it names a response. `FIRST`: how much further it leans to the first than a usual one would on the same
            pairs: .2 means 60 of 100 where a usual one says 50. `LONGER`, `FORMATTED`: the share of answers that this alone gave, if a
            usual annotator gave the others.
        error: standard errors, infinite where the annotator's pairs cannot tell.
        own, own_error: all four slopes, by least squares of one annotator's answers.
    """

    value: Floats
    error: Floats
    own: Floats
    own_error: Floats


def leanings(opinions: Opinions, others: Others, group: Ints) -> Leanings:
    """The leanings of every annotator beside a usual one of its group (the median of its slopes), who knows what the others say.

    A score test (Rao 1948) of each leaning: an annotator's own slopes would tell less, since the better response is often the longer. Towards a
    place that is drawn a usual annotator leans to neither side. Standard errors are the larger of two: of independent answers that
    vary as those of a usual annotator (who always says the same has an error too), and the sandwich of acts (Liang & Zeger
    1986): labels that one ranking gave are not independent.

    Args:
        opinions: all of them.
        others: what the others say of each.
        group: one entry an annotator: who is compared with whom.
    """
    x = np.stack([others.lean, opinions.first, opinions.longer, opinions.formatted], axis=1).astype(np.float64)
    y = opinions.label.astype(np.float64)
    own, xx = _slopes(opinions, x, y)
    told = np.einsum("wii->wi", xx) - _PRIOR
    drawn = opinions.sums(opinions.shown * 1.0) > opinions.counts / 2
    typical = np.stack([_typical(own[:, i], told[:, i], group) for i in range(x.shape[1])], axis=1)
    typical[drawn, FIRST] = 0.0
    usually = np.clip(np.einsum("ni,ni->n", x, typical[opinions.who]), -1, 1)
    # In place of x: what would change if the answer were given by that alone, and how far the answer is from a usual one.
    towards = np.where(x != 0, x - usually[:, None], 0.0)
    towards[:, FIRST] = x[:, FIRST]
    # Who finds many pairs equal follows no less where it does not.
    named = y != 0
    towards[:, FOLLOWS] = named * others.lean
    left = np.repeat((y - usually)[:, None], x.shape[1], axis=1)
    left[:, FOLLOWS] = y
    squares = np.maximum(np.stack([opinions.sums(towards[:, i] ** 2) for i in range(x.shape[1])], axis=1), _RIDGE)
    value = np.stack([opinions.sums(towards[:, i] * left[:, i]) for i in range(x.shape[1])], axis=1) / squares
    left = left - towards * value[opinions.who]
    n = np.maximum(1.0, opinions.counts)
    follows = typical[:, FOLLOWS] ** 2 * told[:, FOLLOWS] / n
    variance = np.maximum(_LEAST_VARIANCE, opinions.sums(named * 1.0) / n - follows)
    variances = np.repeat(variance[:, None], x.shape[1], axis=1)
    of_named = typical[:, FOLLOWS] ** 2 * squares[:, FOLLOWS] / np.maximum(1.0, opinions.sums(named * 1.0))
    variances[:, FOLLOWS] = np.maximum(_LEAST_VARIANCE, 1.0 - of_named)
    error = np.sqrt(np.maximum(variances / squares, _by_acts(opinions, towards * left) / squares**2))
    # What is the same in nearly all of an annotator's pairs cannot be told from them.
    known = (told >= np.array([1, FEWEST, FEWEST, FEWEST])) & (error < _TELLS)
    own_error = np.sqrt(variance[:, None] * np.maximum(0.0, np.einsum("wii->wi", np.linalg.inv(xx))))
    return Leanings(value, np.where(known, error, np.inf), own, np.where(known, np.maximum(own_error, error), np.inf))


def _slopes(opinions: Opinions, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Each annotator's slopes by least squares with a weak ridge, and the sums of products of what they are slopes on, the ridge included."""
    many, columns = opinions.many, x.shape[1]
    xx, xy = np.zeros((many, columns, columns)), np.zeros((many, columns))
    for i in range(columns):
        xy[:, i] = opinions.sums(x[:, i] * y)
        for j in range(columns):
            xx[:, i, j] = opinions.sums(x[:, i] * x[:, j])
    xx += _PRIOR * np.eye(columns)
    return np.linalg.solve(xx, xy[:, :, None])[:, :, 0], xx


def _typical(values: Floats, told: Floats, group: Ints) -> Floats:
    """The median of each group's slopes, each weighing as much as its annotator's pairs tell."""
    found = np.zeros(len(values))
    for one in np.unique(group):
        mine = np.flatnonzero((group == one) & (told >= FEWEST))
        if len(mine):
            found[group == one] = weighted_median(values[mine], np.minimum(told[mine], _TOLD))
    return found


def _by_acts(opinions: Opinions, scores: Floats) -> Floats:
    """The variance of each annotator's sums of scores, clustered by act, with the usual small-sample factor."""
    (whose, _), act = distinct(opinions.who, opinions.act)
    acts = np.bincount(whose, minlength=opinions.many)
    several = acts < opinions.counts
    columns = []
    for i in range(scores.shape[1]):
        summed = np.bincount(act, weights=scores[:, i], minlength=len(whose))
        columns.append(np.bincount(whose, weights=summed**2, minlength=opinions.many))
    factor = np.where(several & (acts > 1), acts / np.maximum(1, acts - 1), 0.0)
    # Of one act or two nothing is known about how acts differ.
    return np.where((several & (acts < 3))[:, None], np.inf, np.stack(columns, axis=1) * factor[:, None])


def answers(opinions: Opinions) -> Ints:
    """Each opinion as it looks on the screen: 0 the first, 1 a tie, 2 the second; -1 where no place is known."""
    said = opinions.label * opinions.first
    return np.where(opinions.label == 0, 1, np.where(said > 0, 0, np.where(said < 0, 2, -1)))


def expected_answers(opinions: Opinions, others: Others, leaning: Leanings) -> Floats:
    """How likely each answer (first, tie, second) was from this annotator to this pair, shape (opinions, 3).

    The annotator's own share of ties and own leanings count: what is left for a test of streaks, or of copies, is their order.
    """
    value = np.clip(leaning.own, -1, 1)[opinions.who]
    x = np.stack([others.lean, opinions.first, opinions.longer, opinions.formatted], axis=1)
    towards = np.clip(np.einsum("ni,ni->n", x, value), -1, 1) * np.where(opinions.first == 0, 1, opinions.first)
    ties = ((opinions.sums((opinions.label == 0) * 1.0) + 0.5) / (opinions.counts + 1.5))[opinions.who]
    towards = np.clip(towards, -(1 - ties) + 0.02, (1 - ties) - 0.02)
    chances = np.stack([(1 - ties + towards) / 2, ties, (1 - ties - towards) / 2], axis=1)
    chances = np.clip(chances, 0.01, 1.0)
    expected: Floats = chances / chances.sum(axis=1, keepdims=True)
    return expected


@dataclass(frozen=True, eq=False)
class Streaks:
    """Whether an answer repeats the one before more or less often than the pairs ask for; one entry an annotator.

    Attributes:
        steps: how many times one answer came after another.
        excess: by how much more often (or, negative, less) it was the same, as a share of the steps.
        z: the same in standard errors.
        longest: the longest stretch of one answer.
        repeats: how many of the steps repeated the answer.
    """

    steps: Floats
    excess: Floats
    z: Floats
    longest: Ints
    repeats: Floats


def streaks(opinions: Opinions, expected: Floats) -> Streaks:
    """Runs of one answer, in the order in which answers were given.

    The runs test (Wald & Wolfowitz 1940; of several kinds Barton & David 1957) counts changes of answer; it takes all orders of an
    annotator's answers as equally likely. Here each answer has the probability that the pair gives it (`expected`), since files
    hold like pairs together. The longest run is Johnson's long string (2005, J. Research in Personality 39:103). Labels that one act
    gave are one answer each only where the act is: others are left out.
    """
    said, many = answers(opinions), opinions.many
    size = _act_sizes(opinions)
    kept = np.flatnonzero((said >= 0) & (size == 1))
    kept = kept[np.lexsort((opinions.order[kept], opinions.who[kept]))]
    who, told, chance = opinions.who[kept], said[kept], expected[kept]
    one, other = slice(None, -1), slice(1, None)
    step = who[one] == who[other]
    same = (told[one] == told[other]) & step
    likely = np.where(step, (chance[one] * chance[other]).sum(axis=1), 0.0)
    whose = who[other]
    steps, repeats, hoped, variance = (
        np.bincount(whose, weights=values, minlength=many)
        for values in (step * 1.0, same * 1.0, likely, likely * (1 - likely))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        excess, z = (repeats - hoped) / steps, (repeats - hoped) / np.sqrt(variance)
    begins = np.flatnonzero(np.concatenate([[True], ~same])) if len(kept) else np.zeros(0, np.int64)
    lengths = np.diff(np.append(begins, len(kept)))
    longest = np.zeros(many, np.int64)
    np.maximum.at(longest, who[begins], lengths)
    return Streaks(steps, excess, z, longest, repeats)


def _act_sizes(opinions: Opinions) -> Ints:
    _, act = distinct(opinions.who, opinions.act)
    size: Ints = np.bincount(act)[act]
    return size


@dataclass(frozen=True, eq=False)
class Shares:
    """How often each answer (first, tie, second) was given; shape (annotators, 3), and of how many opinions with a place."""

    share: Floats
    n: Floats


def shares(opinions: Opinions) -> Shares:
    """Each annotator's answers as shares; where no place is known, preferences count half for each place."""
    said = answers(opinions)
    counts = np.stack([opinions.sums((said == answer) * 1.0) for answer in range(_ANSWERS)], axis=1)
    counts[:, [0, 2]] += opinions.sums((said < 0) * 0.5)[:, None]
    n = opinions.counts
    return Shares(counts / np.maximum(1, n)[:, None], n)


@dataclass(frozen=True, eq=False)
class Haste:
    """How fast an annotator answers beside all others at texts of the same length; one entry an annotator.

    Attributes:
        timed: answers whose time is known; those that share one time (a page of several pairs) are one.
        median: seconds, and `usual` of all at such lengths; NaN where no time is known.
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
    who, seconds = opinions.who[told], opinions.seconds[told]
    hasty = np.bincount(who[seconds < _HASTE * expected], minlength=many)
    timed = np.bincount(who, minlength=many)
    median, usual = (_medians(values, who, many) for values in (seconds, expected))
    p = np.where(timed > 0, np.where(hasty > 0, bdtrc(hasty - 1.0, np.maximum(1, timed), 0.5), 1.0), np.nan)
    return Haste(timed, median, usual, hasty, p)


def _usual_seconds(opinions: Opinions, told: Ints, group: Ints) -> Floats:
    """The median of an answer's bin of length, in which every annotator counts once (by its own median there)."""
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


@dataclass(frozen=True, eq=False)
class Drift:
    """How far an annotator follows the others in the earlier and in the later half of its opinions; one entry an annotator."""

    early: Floats
    late: Floats
    z: Floats
    error: Floats


def drift(opinions: Opinions, others: Others) -> Drift:
    """Halves by time, or by place in the files where no time is told. Acts are not cut in two: each lies where its first label does."""
    rank = _act_ranks(opinions)
    half = opinions.counts[opinions.who] / 2
    late: Bools = rank >= half
    y, lean, n = opinions.label.astype(np.float64), others.lean, np.maximum(1.0, opinions.counts)
    told, followed = opinions.sums(lean**2), opinions.sums(lean * y)
    # If nothing changed, answers vary around one slope.
    variance = np.maximum(_LEAST_VARIANCE, (opinions.sums(y**2) - followed**2 / np.maximum(told, _RIDGE)) / n)
    found, errors = [], []
    for part in (~late, late):
        told, followed = opinions.sums(part * lean**2), opinions.sums(part * lean * y)
        with np.errstate(invalid="ignore", divide="ignore"):
            found.append(followed / told)
            residual = _residuals(opinions, part * lean * (y - np.nan_to_num(found[-1])[opinions.who] * lean))
            errors.append(np.maximum(variance / told, residual / told**2))
    error = np.sqrt(errors[0] + errors[1])
    with np.errstate(invalid="ignore"):
        return Drift(found[0], found[1], (found[1] - found[0]) / error, error)


def _residuals(opinions: Opinions, scores: Floats) -> Floats:
    (whose, _), act = distinct(opinions.who, opinions.act)
    summed = np.bincount(act, weights=scores, minlength=len(whose))
    return np.bincount(whose, weights=summed**2, minlength=opinions.many)


def _act_ranks(opinions: Opinions) -> Ints:
    """The rank of each opinion's act among its annotator's opinions, in the order in which they were given."""
    (acts, _), act = distinct(opinions.who, opinions.act)
    begins = np.full(len(acts), np.iinfo(np.int64).max)
    np.minimum.at(begins, act, opinions.order)
    order = np.lexsort((opinions.order, begins[act], opinions.who))
    start = np.concatenate([[0], np.cumsum(np.bincount(opinions.who, minlength=opinions.many))[:-1]])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - start[opinions.who[order]]
    first = np.full(len(acts), np.iinfo(np.int64).max)
    np.minimum.at(first, act, rank)
    return first[act]
