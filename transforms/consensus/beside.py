"""Fits what a policy counts besides the votes of people: the machines' weights, the strengths of responses, their lengths."""

import numpy as np

from prefcurate.transforms.consensus.acts import Acts
from prefcurate.transforms.consensus.model import Beside, LabelModel
from prefcurate.transforms.consensus.options import Policy
from prefcurate.transforms.consensus.posterior import apart, evidence
from prefcurate.transforms.consensus.strengths import fit_worth, leaning
from prefcurate.transforms.consensus.votes import FOLDS, Bools, Floats, Ints, Sides, Votes
from prefcurate.transforms.consensus.weights import BELIEF, Taught, fit_weights


def fit_beside(model: LabelModel, acts: Acts, votes: Votes, policy: Policy) -> Beside:
    """The parameters, from all gold and from the gold of all folds but each."""
    believed = np.where(model.people, 1.0, BELIEF)
    chosen = votes.chance < policy.skene_pairs / max(1, votes.pairs)
    length = votes.sides.length if policy.length else np.zeros(votes.pairs)
    worth = _worth(model, acts.keep(~acts.gold), votes, believed, chosen)
    found = []
    for variant in range(1 + FOLDS):
        hidden = acts.gold & (votes.fold[acts.pair] == variant - 1)
        taught = _taught(model, acts.keep(~hidden), variant, votes.sides, believed)
        weights, of_leaning, of_length = fit_weights(taught.keep(chosen), length[chosen], worth)
        all_weights = believed.copy()
        all_weights[machines_of(model, variant)] = weights
        found.append((all_weights, of_leaning, of_length))
    of_voices, worths, lengths = zip(*found, strict=True)
    return Beside(believed, of_voices, worths, lengths)


def _worth(model: LabelModel, acts: Acts, votes: Votes, believed: Floats, chosen: Bools) -> float:
    if not len(acts.pair):
        return 0.0
    told = evidence(model, acts, np.zeros(votes.pairs, np.int64))
    worth = fit_worth(acts, (told[:, 0] - told[:, 1]) * believed[acts.voice], votes.sides, chosen)
    # Where it is machines that predict each other, what they share proves as little as their agreement.
    return worth * float(np.mean(believed[acts.voice]))


def machines_of(model: LabelModel, variant: int) -> Ints:
    """The voices that are weighed under a variant's parameters."""
    found: Ints = np.flatnonzero(~model.people & ~model.silent[variant])
    return found


def _taught(model: LabelModel, acts: Acts, variant: int, sides: Sides, believed: Floats) -> Taught:
    """What the weights are learned from: each pair's evidence, by machine and of people, and its leaning."""
    machines, sizes, of_people = heard_of_machines(model, acts, variant, len(sides.a))
    under = np.full(len(sides.a), variant, np.int64)
    said = apart(model, acts, evidence(model, acts, under) * believed[acts.voice][:, None], under)
    return Taught(machines, sizes, leaning(said[:, 0] - said[:, 1], sides), of_people)


def heard_of_machines(model: LabelModel, acts: Acts, variant: int, pairs: int) -> tuple[Floats, Floats, Floats]:
    """Log-odds that a is better: of each pair by each machine, tempered; of an act of each machine; of each pair by people."""
    under = np.full(pairs, variant, np.int64)
    told = evidence(model, acts, under)
    people = model.people[acts.voice] | acts.gold
    of_people = apart(model, acts.keep(people), told[people], under)
    odds = told[:, 0] - told[:, 1]
    heard = np.bincount(acts.pair[~people & model.live(acts, under)], minlength=pairs)
    tempered = odds * np.maximum(1, heard)[acts.pair] ** -model.correlation
    machines, sizes = [], []
    for voice in machines_of(model, variant).tolist():
        mine = ~people & (acts.voice == voice) & (acts.vote != 0)
        machines.append(np.bincount(acts.pair[mine], weights=tempered[mine], minlength=pairs))
        sizes.append(float(np.mean(np.abs(odds[mine]))) if mine.any() else 0.0)
    return np.array(machines).reshape(len(machines), pairs).T, np.array(sizes), of_people[:, 0] - of_people[:, 1]
