"""Fits what a policy counts besides the votes of people: the machines' weights, the strengths of responses, their lengths."""

import numpy as np

from prefcurate.transforms.consensus.acts import Acts
from prefcurate.transforms.consensus.model import Beside, LabelModel, apart, evidence
from prefcurate.transforms.consensus.options import Policy
from prefcurate.transforms.consensus.strengths import fit_worth, leaning
from prefcurate.transforms.consensus.votes import FOLDS, Bools, Floats, Votes
from prefcurate.transforms.consensus.weights import BELIEF, fit_weights


def fit_beside(model: LabelModel, acts: Acts, votes: Votes, policy: Policy) -> Beside:
    """The parameters, from all gold and from the gold of all folds but each."""
    believed = np.where(model.people | (not policy.weighed), 1.0, BELIEF)
    worth = _worth(model, acts, votes, believed, policy) if policy.strengths else 0.0
    if not policy.weighed:
        return Beside(believed, (believed,) * (1 + FOLDS), (worth,) * (1 + FOLDS), (0.0,) * (1 + FOLDS))
    chosen = votes.chance < policy.skene_pairs / max(1, votes.pairs)
    found = []
    for variant in range(1 + FOLDS):
        hidden = acts.gold & (votes.fold[acts.pair] == variant - 1)
        found.append(_weights(model, acts.keep(~hidden), variant, votes, believed, worth, policy, chosen))
    return Beside(believed, *(tuple(each) for each in zip(*found, strict=True)))


def _worth(model: LabelModel, acts: Acts, votes: Votes, believed: Floats, policy: Policy) -> float:
    acts = acts.keep(~acts.gold)
    told = evidence(model, acts, np.zeros(votes.pairs, np.int64))
    chosen = votes.chance < policy.skene_pairs / max(1, votes.pairs)
    worth = fit_worth(acts, (told[:, 0] - told[:, 1]) * believed[acts.voice], votes.sides, chosen)
    # Where it is machines that predict each other, what they share proves as little as their agreement.
    return worth * float(np.mean(believed[acts.voice])) if len(acts.voice) else 0.0


def _weights(
    model: LabelModel,
    acts: Acts,
    variant: int,
    votes: Votes,
    believed: Floats,
    worth: float,
    policy: Policy,
    chosen: Bools,
) -> tuple[Floats, float, float]:
    told = evidence(model, acts, np.full(votes.pairs, variant, np.int64))
    said = apart(model, acts, told * believed[acts.voice][:, None], votes.pairs)
    lean = leaning(said[:, 0] - said[:, 1], votes.sides) if policy.strengths else np.zeros(votes.pairs)
    people = model.people[acts.voice] | acts.gold
    of_people = apart(model, acts.keep(people), told[people], votes.pairs)
    machines = [int(voice) for voice in np.flatnonzero(~model.people & ~model.silent)]
    columns = [_of_voice(model, acts, told, voice, votes.pairs) for voice in machines]
    weights = believed.copy()
    weights[machines], worth, by_length = fit_weights(
        np.array([margin for margin, _ in columns]).reshape(-1, votes.pairs).T[chosen],
        np.array([size for _, size in columns]),
        lean[chosen],
        (votes.sides.length if policy.length else np.zeros(votes.pairs))[chosen],
        (of_people[:, 0] - of_people[:, 1])[chosen],
        worth,
    )
    return weights, worth, by_length


def _of_voice(model: LabelModel, acts: Acts, told: Floats, voice: int, pairs: int) -> tuple[Floats, float]:
    """A machine's tempered log-odds of each pair, and what its act is worth."""
    machine = ~model.people[acts.voice] & ~acts.gold & ~model.silent[acts.voice]
    scale = np.maximum(1, np.bincount(acts.pair[machine], minlength=pairs)) ** -model.correlation
    mine = machine & (acts.voice == voice) & (acts.vote != 0)
    odds = told[mine, 0] - told[mine, 1]
    margin: Floats = np.bincount(acts.pair[mine], weights=odds, minlength=pairs) * scale
    return margin, float(np.mean(np.abs(odds))) if mine.any() else 0.0
