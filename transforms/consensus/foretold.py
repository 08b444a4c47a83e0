"""What the evidence is worth where gold cannot tell: how well each voice's votes are foretold by what the others say.

Each voice is hidden in turn (of more than ten, every fifth of them), as in cross-validation, and the exponent of the others' evidence is taken
under which the hidden votes are likeliest, given how often each voice is right. What opinions repeat of each other (a ranking cut into
pairs, the same raters in the other pairs of a prompt) shows there as confidence that does not come true. What all of them have wrong together does
not show: what is believed of that stands in `shared.py`.
"""

import numpy as np

from prefcurate.transforms.consensus.acts import Acts
from prefcurate.transforms.consensus.calibrate import SLOPES, log_chance
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.posterior import evidence, from_elsewhere, summed
from prefcurate.transforms.consensus.votes import Bools, Floats, Ints, Votes

_FEW, _GROUPS = 10, 5
"""Voices that are each hidden alone, and groups of more of them: of few, who is hidden with whom moves the result."""
_RIDGE = 4.0
_TELLING = 1e-9


def agreed_slope(model: LabelModel, acts: Acts, votes: Votes, chosen: Bools) -> float:
    """The exponent of the evidence that agreement bears out, at most 1; near 1 where little can be seen.

    One voice alone repeats nothing: only where several, or what is said elsewhere, foretell a vote can be seen what they repeat.

    Args:
        model: not yet calibrated.
        acts: without gold.
        votes: whose acts they are.
        chosen: the pairs that are looked at: a sample, where there are very many.
    """
    heard = acts.keep(~model.silent[0, acts.voice])
    groups = _groups(heard, votes, len(model.voices.names))
    margins, accuracies, weights = [], [], []
    for group in range(int(groups[heard.voice].max(initial=0)) + 1):
        hidden = groups[heard.voice] == group
        asked = heard.keep(hidden & (heard.vote != 0) & chosen[heard.pair])
        margins.append(_foretold(model, heard.keep(~hidden), votes)[asked.pair] * asked.vote)
        accuracies.append(model.reliability[0].accuracy[asked.voice, asked.cell])
        weights.append(1.0 / np.bincount(heard.pair, minlength=votes.pairs)[asked.pair])
    margin, accuracy, weight = (np.concatenate(parts) for parts in (margins, accuracies, weights))
    told = np.abs(margin) > _TELLING
    margin, accuracy, weight = margin[told], accuracy[told], weight[told]
    likelihood = [_likelihood(slope, margin, accuracy, weight) for slope in SLOPES]
    return min(1.0, float(SLOPES[int(np.argmax(np.round(likelihood, 9)))]))


def _groups(acts: Acts, votes: Votes, voices: int) -> Ints:
    """With which others each voice is hidden, where they are many: by what it says of which pairs, since neither names nor copies under others may move anything."""
    # Beside what most say, because exchanging a and b must not move anything either.
    most = np.sign(np.bincount(acts.pair, acts.vote, votes.pairs))[acts.pair]
    said = np.bincount(acts.voice, acts.vote * most * votes.chance[acts.pair], voices).round(9)
    many = np.bincount(acts.voice, minlength=voices)
    # Who says nothing comes last, and is no member of any group.
    ranked = np.lexsort((said, -many))
    groups = np.empty(voices, np.int64)
    groups[ranked] = np.arange(voices) % (_FEW if np.sum(many > 0) <= _FEW else _GROUPS)
    return groups


def _foretold(model: LabelModel, acts: Acts, votes: Votes) -> Floats:
    nothing_hidden = np.zeros(votes.pairs, np.int64)
    total = summed(model, acts, evidence(model, acts, nothing_hidden), nothing_hidden, votes.sides)
    elsewhere = from_elsewhere(model, acts, votes.fold, np.zeros(votes.pairs, bool), votes.sides)
    several = (np.bincount(acts.pair, minlength=votes.pairs) > 1) | (np.abs(elsewhere) > _TELLING)
    margin: Floats = np.where(several, total[:, 0] - total[:, 1], 0.0)
    return margin


def _likelihood(slope: float, margin: Floats, accuracy: Floats, weight: Floats) -> float:
    right = np.logaddexp(
        log_chance(slope * margin) + np.log(accuracy), log_chance(-slope * margin) + np.log(1 - accuracy)
    )
    return float(weight @ right) - _RIDGE * float(np.log(slope)) ** 2
