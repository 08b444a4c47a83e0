"""How often people are right, seen from all that other people say: of the same pair, and of its responses in other pairs.

With two votes a pair, one other vote is a poor measure of a worker (Dawid and Skene 1979 have no other). Where the responses of a prompt
are compared often, what other workers say of both in their other pairs makes it a better one, and no vote of the worker's own is in it.
Pairs of which nobody else speaks measure nobody: there the strengths of responses alone would be the measure (tried: with one vote a pair
workers that vote often were believed too far).
"""

import numpy as np

from prefcurate.transforms.consensus.acts import Acts
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.posterior import evidence
from prefcurate.transforms.consensus.reliability import Counts, counts_against
from prefcurate.transforms.consensus.strengths import fit_worth, from_others
from prefcurate.transforms.consensus.votes import FOLDS, Bools, Floats, Votes


def worth_of_people(model: LabelModel, acts: Acts, votes: Votes, chosen: Bools) -> float:
    """What people's word in other pairs is worth by what other people say: 0 where fewer than two of them speak."""
    acts = acts.keep(model.people[acts.voice] & ~acts.gold)
    if not len(acts.pair):
        return 0.0
    told = evidence(model, acts, np.zeros(votes.pairs, np.int64))
    return fit_worth(acts, told[:, 0] - told[:, 1], votes.sides, chosen)


def seen_by_people(model: LabelModel, acts: Acts, votes: Votes, chosen: Bools, soft: Counts) -> list[Counts]:
    """Counts without gold, under each variant's parameters: people's against other people, where those speak; others as they were.

    Args:
        model: with a first reliability.
        acts: of all.
        votes: the vote matrix.
        chosen: the acts that are counted.
        soft: counts of the same acts by Dawid-Skene.
    """
    every = np.ones(votes.pairs, bool)
    worth = worth_of_people(model, acts, votes, every)
    kept = model.people[acts.voice] & ~acts.gold
    people = acts.keep(kept)
    counted = chosen[kept] & (np.bincount(people.pair, minlength=votes.pairs)[people.pair] > 1)
    found = []
    for variant in range(1 + FOLDS):
        others = _of_others(model, people, votes, variant, worth)
        said = counted & (others != 0)
        if not said.any():
            found.append(soft)
            continue
        tie = np.full(len(others), np.log(model.tie_share))
        half = np.log((1 - model.tie_share) / 2)
        against = np.stack([half + others / 2, tie, half - others / 2], axis=1)
        found.append(_where_seen(soft, counts_against(people.keep(said), against[said], len(model.voices.names))))
    return found


def _of_others(model: LabelModel, people: Acts, votes: Votes, variant: int, worth: float) -> Floats:
    """Log-odds that a is better by what other people say of each act's pair and of its responses elsewhere."""
    told = evidence(model, people, np.full(votes.pairs, variant, np.int64))
    odds = told[:, 0] - told[:, 1]
    heard = np.bincount(people.pair, minlength=votes.pairs)[people.pair]
    here = np.bincount(people.pair, weights=odds, minlength=votes.pairs)[people.pair] - odds
    found: Floats = here * np.maximum(1, heard - 1) ** -model.correlation
    return found + worth * from_others(people, odds, votes.sides) if worth else found


def _where_seen(soft: Counts, seen: Counts) -> Counts:
    """Each voice as other people see it, where they see more of it than Dawid-Skene do."""
    more = seen.decided.sum(axis=1) > soft.decided.sum(axis=1)
    return Counts(
        *(np.where(more[:, None], new, old) for new, old in zip(vars(seen).values(), vars(soft).values(), strict=True))
    )
