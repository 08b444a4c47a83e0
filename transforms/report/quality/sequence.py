"""Each annotator's answers one after another: runs of one answer, and whether the later half is as good as the earlier one."""

from dataclasses import dataclass

import numpy as np

from prefcurate.transforms.report.quality.answers import answers
from prefcurate.transforms.report.quality.leanings import LEAST_VARIANCE
from prefcurate.transforms.report.quality.opinions import Bools, Floats, Ints, Opinions
from prefcurate.transforms.report.quality.others import Others

_RIDGE = 1e-9
_TELLS = 1.0


@dataclass(frozen=True, eq=False)
class Streaks:
    """Whether an answer repeats the one before more or less often than the pairs ask for; one entry an annotator.

    Attributes:
        steps: how many times one answer came after another.
        excess: by how much more often (or, negative, less) it was the same, as a share of the steps.
        error: the standard error of the excess.
        longest: the longest stretch of one answer.
        repeats: how many of the steps repeated the answer.
    """

    steps: Floats
    excess: Floats
    error: Floats
    longest: Ints
    repeats: Floats


def streaks(opinions: Opinions, expected: Floats) -> Streaks:
    """Runs of one answer, in the order in which answers were given.

    The runs test (Wald & Wolfowitz 1940; of several kinds Barton & David 1957) counts changes of answer; it takes all orders of an
    annotator's answers as equally likely. Here each answer has the probability that the pair gives it (`expected`), since files
    hold like pairs together. Each step counts as a trial of its own: two steps share an answer, but the shares and leanings that are expected were
    fitted to the same answers, which takes up more than that (a test simulates it). The longest run is Johnson's long string (2005, J. Research
    in Personality 39:103). Labels that one act gave are one answer each only where the act is: others are left out.
    """
    said, many = answers(opinions), opinions.many
    alone = np.bincount(opinions.acts.of)[opinions.acts.of] == 1
    kept = np.flatnonzero((said >= 0) & alone)
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
        excess, error = (repeats - hoped) / steps, np.sqrt(variance) / steps
    begins = np.flatnonzero(np.concatenate([[True], ~same])) if len(kept) else np.zeros(0, np.int64)
    lengths = np.diff(np.append(begins, len(kept)))
    longest = np.zeros(many, np.int64)
    np.maximum.at(longest, who[begins], lengths)
    return Streaks(steps, excess, error, longest, repeats)


@dataclass(frozen=True, eq=False)
class Drift:
    """How far an annotator follows the others in the earlier and in the later half of its opinions; one entry an annotator.

    Attributes:
        early, late: the slopes on what the others say (see `Leanings.own`).
        error: the standard error of their difference, infinite where a half cannot tell.
    """

    early: Floats
    late: Floats
    error: Floats


def drift(opinions: Opinions, others: Others) -> Drift:
    """Halves by time, or by place in the files where no time is told. Acts are not cut in two: each lies where its first label does."""
    late: Bools = _act_ranks(opinions) >= opinions.counts[opinions.who] / 2
    y, lean, n = opinions.label.astype(np.float64), others.lean, np.maximum(1.0, opinions.counts)
    told, followed = opinions.sums(lean**2), opinions.sums(lean * y)
    # If nothing changed, answers vary around one slope.
    variance = np.maximum(LEAST_VARIANCE, (opinions.sums(y**2) - followed**2 / np.maximum(told, _RIDGE)) / n)
    slopes, variances = [], []
    for part in (~late, late):
        told = np.maximum(opinions.sums(part * lean**2), _RIDGE)
        slopes.append(opinions.sums(part * lean * y) / told)
        residual = opinions.squares_by_act(part * lean * (y - slopes[-1][opinions.who] * lean))
        variances.append(np.maximum(variance / told, residual / told**2))
    error = np.sqrt(variances[0] + variances[1])
    return Drift(slopes[0], slopes[1], np.where(error < _TELLS, error, np.inf))


def _act_ranks(opinions: Opinions) -> Ints:
    """The rank of each opinion's act among its annotator's opinions, in the order in which they were given."""
    act, acts = opinions.acts.of, len(opinions.acts.whose)
    begins = np.full(acts, np.iinfo(np.int64).max)
    np.minimum.at(begins, act, opinions.order)
    order = np.lexsort((opinions.order, begins[act], opinions.who))
    start = np.concatenate([[0], np.cumsum(np.bincount(opinions.who, minlength=opinions.many))[:-1]])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - start[opinions.who[order]]
    first = np.full(acts, np.iinfo(np.int64).max)
    np.minimum.at(first, act, rank)
    return first[act]
