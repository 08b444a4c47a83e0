"""What moves each annotator's answers: what the others say, the place on the screen, length, and looks.

All that is compared is symmetric in a and b: which response is called a means nothing.
"""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.report.quality.chance import weighted_median
from prefcurate.transforms.report.quality.opinions import FEWEST, Floats, Ints, Opinions
from prefcurate.transforms.report.quality.others import Others

FOLLOWS, FIRST, LONGER, FORMATTED = range(4)
"""The columns of `Leanings`: what the others say, the place on the screen, length, looks."""
LEAST_VARIANCE = 0.25
"""Of answers around what is expected of them: who always says the same is not known without error."""
_RIDGE = 1e-9
_PRIOR = 1.0
_TELLS = 1.0
_TOLD = 100.0


@dataclass(frozen=True, eq=False)
class Leanings:
    """What moves an annotator's answers (-1 b to 1 a), shape (annotators, 4): see `FOLLOWS` and so on.

    Attributes:
        value: `FOLLOWS`: the slope on what the others say, where it names a response. `FIRST`: how much further it leans to the first than
            a usual one would on the same pairs: .2 means 60 of 100 where a usual one says 50. `LONGER`, `FORMATTED`: the share of
            answers that this alone gave, if a usual annotator gave the others.
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
    x, y = _moves(opinions, others), opinions.label.astype(np.float64)
    own, xx = _slopes(opinions, x, y)
    told = np.einsum("wii->wi", xx) - _PRIOR
    typical = np.stack([_typical(own[:, i], told[:, i], group) for i in range(x.shape[1])], axis=1)
    typical[opinions.drawn, FIRST] = 0.0
    towards, left = _scores(opinions, x, y, typical)
    squares = np.maximum(_sums(opinions, towards**2), _RIDGE)
    value = _sums(opinions, towards * left) / squares
    variance = _variance(opinions, typical, told, squares)
    left = left - towards * value[opinions.who]
    error = np.sqrt(np.maximum(variance / squares, _by_acts(opinions, towards * left) / squares**2))
    # What is the same in nearly all of an annotator's pairs cannot be told from them.
    known = (told >= np.array([1, FEWEST, FEWEST, FEWEST])) & (error < _TELLS)
    own_error = np.sqrt(variance[:, [FIRST]] * np.maximum(0.0, np.einsum("wii->wi", np.linalg.inv(xx))))
    return Leanings(value, np.where(known, error, np.inf), own, np.where(known, np.maximum(own_error, error), np.inf))


def _moves(opinions: Opinions, others: Others) -> Floats:
    """What may move each answer towards a (positive) or b, shape (opinions, 4)."""
    columns = np.stack([others.lean, opinions.first, opinions.longer, opinions.formatted], axis=1)
    return columns.astype(np.float64)


def _sums(opinions: Opinions, values: Floats) -> Floats:
    return np.stack([opinions.sums(column) for column in values.T], axis=1)


def _scores(opinions: Opinions, x: Floats, y: Floats, typical: Floats) -> tuple[Floats, Floats]:
    """What would change if each answer were given by one thing alone, and how far the answer is from a usual one; shape (opinions, 4)."""
    usually = np.clip(np.einsum("ni,ni->n", x, typical[opinions.who]), -1, 1)[:, None]
    towards, left = np.where(x != 0, x - usually, 0.0), np.repeat(y[:, None] - usually, x.shape[1], axis=1)
    towards[:, FIRST] = x[:, FIRST]
    # How far it follows is no score: it is the slope itself. Who finds many pairs equal follows no less where it does not.
    towards[:, FOLLOWS], left[:, FOLLOWS] = (y != 0) * x[:, FOLLOWS], y
    return towards, left


def _variance(opinions: Opinions, typical: Floats, told: Floats, squares: Floats) -> Floats:
    """The variance of a usual annotator's answers to the same pairs around what moves it, shape (annotators, 4)."""
    named = opinions.sums((opinions.label != 0) * 1.0)
    n, slope = np.maximum(1.0, opinions.counts), typical[:, FOLLOWS] ** 2
    variance = np.repeat((named / n - slope * told[:, FOLLOWS] / n)[:, None], typical.shape[1], axis=1)
    # Of answers that name a response alone.
    variance[:, FOLLOWS] = 1.0 - slope * squares[:, FOLLOWS] / np.maximum(1.0, named)
    return np.maximum(LEAST_VARIANCE, variance)


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
    acts = np.bincount(opinions.acts.whose, minlength=opinions.many)
    several = acts < opinions.counts
    squares = np.stack([opinions.squares_by_act(column) for column in scores.T], axis=1)
    factor = np.where(several & (acts > 1), acts / np.maximum(1, acts - 1), 0.0)
    # Of one act or two nothing is known about how acts differ.
    return np.where((several & (acts < 3))[:, None], np.inf, squares * factor[:, None])


def expected_answers(opinions: Opinions, others: Others, leaning: Leanings) -> Floats:
    """How likely each answer (first, tie, second) was from this annotator to this pair, shape (opinions, 3).

    The annotator's own share of ties and own leanings count: what is left for a test of streaks, or of copies, is their order.
    """
    value = np.clip(leaning.own, -1, 1)[opinions.who]
    leans = np.einsum("ni,ni->n", _moves(opinions, others), value)
    towards = np.clip(leans, -1, 1) * np.where(opinions.first == 0, 1, opinions.first)
    ties = ((opinions.sums((opinions.label == 0) * 1.0) + 0.5) / (opinions.counts + 1.5))[opinions.who]
    towards = np.clip(towards, -(1 - ties) + 0.02, (1 - ties) - 0.02)
    chances = np.stack([(1 - ties + towards) / 2, ties, (1 - ties - towards) / 2], axis=1)
    chances = np.clip(chances, 0.01, 1.0)
    expected: Floats = chances / chances.sum(axis=1, keepdims=True)
    return expected
