"""The figures of the table `annotators`: how right, how biased, how steady and how dear each one is."""

from collections.abc import Mapping

import numpy as np

from prefcurate.transforms.consensus.acts import Voices
from prefcurate.transforms.consensus.bounds import interval
from prefcurate.transforms.consensus.model import AnnotatorFigures
from prefcurate.transforms.consensus.options import Policy
from prefcurate.transforms.consensus.votes import Bools, Floats, Ints, Votes, distinct

_TRUSTED_LOW = 0.7


def annotator_figures(
    votes: Votes, voices: Voices, silent: Bools, truth: Ints, policy: Policy, cost: Mapping[str, float]
) -> tuple[AnnotatorFigures, ...]:
    """One row an annotator, sorted by name; an annotator that only spent money has one too.

    Position bias is the share of its votes for the response shown first, length bias for the clearly longer
    response, each less one half; flip rate the share of pairs asked in both orders that it answers differently.
    Accuracy counts votes that name a response on gold pairs of side fit where gold does; derived labels of one act
    share one.
    """
    voice = {name: i for i, name in enumerate(voices.names)}
    n_gold, right = _against_gold(votes, truth)
    position = _share(votes, votes.label * votes.order)
    length = _share(votes, votes.label * votes.longer[votes.pair])
    flips = _flip_rate(votes)
    golden = np.bincount(votes.annotator[votes.gold], minlength=len(votes.annotators)) > 0
    n = np.bincount(votes.annotator, minlength=len(votes.annotators))
    rows = {}
    for i, name in enumerate(votes.annotators):
        low, high = interval(float(right[i]), float(n_gold[i]))
        measured = n_gold[i] > 0
        accuracy = float(right[i] / n_gold[i]) if measured else None
        heard = not silent[voice[voices.of_family[votes.families[i]]]]
        status = _status(bool(golden[i]), heard, float(n_gold[i]), accuracy, low, policy)
        rows[name] = AnnotatorFigures(
            name, votes.kinds[i], votes.families[i], status, int(n[i]), round(float(n_gold[i])), accuracy,
            low if measured else None, high if measured else None, position[i], length[i], flips[i], cost.get(name),
        )  # fmt: skip
    for name in sorted(set(cost) - set(rows)):
        rows[name] = AnnotatorFigures(
            name, name.split(":", 1)[0], name, "used", 0, 0, None, None, None, None, None, None, cost[name]
        )
    return tuple(rows[name] for name in sorted(rows))


def _status(golden: bool, heard: bool, n: float, accuracy: float | None, low: float, policy: Policy) -> str:
    if golden:
        return "gold"
    if not heard:
        return "excluded"
    if accuracy is None or n < policy.measured_acts:
        return "used"
    if low >= _TRUSTED_LOW:
        return "trusted"
    return "believed_less" if low <= 0.5 else "used"


def _against_gold(votes: Votes, truth: Ints) -> tuple[Floats, Floats]:
    said = truth[votes.pair]
    chosen = ~votes.gold & (np.abs(said) == 1) & (votes.label != 0)
    annotator, judgement = votes.annotator[chosen], votes.judgement[chosen]
    if not len(annotator):
        return np.zeros(len(votes.annotators)), np.zeros(len(votes.annotators))
    _, group = distinct(annotator, judgement)
    weight = 1.0 / np.bincount(group)[group]
    hit = (votes.label == said)[chosen]
    many = len(votes.annotators)
    return np.bincount(annotator, weights=weight, minlength=many), np.bincount(annotator, weight * hit, many)


def _share(votes: Votes, towards: Ints) -> list[float | None]:
    many = len(votes.annotators)
    yes = np.bincount(votes.annotator[towards > 0], minlength=many)
    no = np.bincount(votes.annotator[towards < 0], minlength=many)
    return [float(y / (y + x)) - 0.5 if y + x else None for y, x in zip(yes, no, strict=True)]


def _flip_rate(votes: Votes) -> list[float | None]:
    many = len(votes.annotators)
    place = votes.annotator * votes.pairs + votes.pair
    found, inverse = np.unique(place, return_inverse=True)
    answers = []
    for order in (1, -1):
        shown = votes.order == order
        total = np.bincount(inverse[shown], weights=votes.label[shown], minlength=len(found))
        asked = np.bincount(inverse[shown], minlength=len(found))
        answers.append((np.sign(total), asked > 0))
    both = answers[0][1] & answers[1][1]
    differs = both & (answers[0][0] != answers[1][0])
    who = found // max(1, votes.pairs)
    pairs, flips = np.bincount(who[both], minlength=many), np.bincount(who[differs], minlength=many)
    return [float(f / p) if p else None for f, p in zip(flips, pairs, strict=True)]
