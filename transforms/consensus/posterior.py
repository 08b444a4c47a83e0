"""What a fitted label model says of pairs: the evidence of each act, their sum, and the probabilities that follow."""

import numpy as np

from prefcurate.transforms.consensus.acts import Acts
from prefcurate.transforms.consensus.model import Beside, LabelModel
from prefcurate.transforms.consensus.shared import left_of
from prefcurate.transforms.consensus.strengths import leaning
from prefcurate.transforms.consensus.votes import FOLDS, Bools, Floats, Ints, Sides

_DIGITS = 9
_NOTHING = 1e-9


def evidence(model: LabelModel, acts: Acts, variant: Ints, low_for: Ints | None = None) -> Floats:
    """What each act says: log-likelihoods of its vote if a is better, if b is, and if neither is; shape (acts, 3).

    Args:
        model: the parameters.
        acts: the acts.
        variant: for each pair, which parameters: 0 for all gold, 1 + fold for those that never saw its fold.
        low_for: for each pair +1 or -1: acts that vote so are taken at the lower bound of their accuracy.
    """
    which = variant[acts.pair]
    stacked = {k: np.stack([vars(r)[k] for r in model.reliability]) for k in vars(model.reliability[0])}
    accuracy = stacked["accuracy"][which, acts.voice, acts.cell]
    if low_for is not None:
        low = stacked["accuracy_low"][which, acts.voice, acts.cell]
        accuracy = np.where(acts.vote == low_for[acts.pair], low, accuracy)
    accuracy = np.where(acts.gold, model.gold_accuracy, accuracy)
    tie_if_better = stacked["tie_if_better"][which, acts.voice]
    tie_if_tie = stacked["tie_if_tie"][which, acts.voice]
    right = np.log((1 - tie_if_better) * accuracy)
    wrong = np.log((1 - tie_if_better) * (1 - accuracy))
    said_tie = np.log(tie_if_better)
    if_a = np.where(acts.vote > 0, right, np.where(acts.vote < 0, wrong, said_tie))
    if_b = np.where(acts.vote < 0, right, np.where(acts.vote > 0, wrong, said_tie))
    if_tie = np.where(acts.vote == 0, np.log(tie_if_tie), np.log((1 - tie_if_tie) / 2))
    told = np.stack([if_a, if_b, if_tie], axis=1)
    return np.where(model.live(acts, variant)[:, None], told, 0.0)


def summed(model: LabelModel, acts: Acts, told: Floats, variant: Ints, sides: Sides) -> Floats:
    """Evidence of each pair but for gold on the pair itself, shape (pairs, 3): naive Bayes, tempered because acts on one pair share errors.

    Where a policy counts more than votes, people and machines are tempered apart, machines are weighed, and what is said of the
    responses in other pairs is added.
    """
    beside = model.beside
    own = ~acts.gold
    if beside is None:
        return tempered(model, acts.keep(own), told[own], variant)
    total = apart(model, acts.keep(own), weighed(model, acts, told, variant, sides)[own], variant)
    odds = _from_elsewhere(model, beside, acts, told, variant, sides) + np.array(beside.length)[variant] * sides.length
    if beside.format:
        odds = odds + np.array(beside.format)[variant] * sides.format + _by_models(beside, variant, sides)
    leaned: Floats = total + odds[:, None] * np.array([0.5, -0.5, 0.0])
    return leaned


def of_gold(model: LabelModel, acts: Acts, told: Floats, variant: Ints) -> Floats:
    """What gold on each pair itself says, shape (pairs, 3): it shares no errors with the rest, and the rest's calibration is not its own."""
    return tempered(model, acts.keep(acts.gold), told[acts.gold], variant)


def weighed(model: LabelModel, acts: Acts, told: Floats, variant: Ints, sides: Sides) -> Floats:
    """What each act says, by what its voice is worth beside the others; at face value where a policy counts votes alone."""
    beside = model.beside
    if beside is None:
        return told
    weights = np.stack(beside.weights)[variant[acts.pair], acts.voice]
    if len(beside.tasks):
        on_task = _looked_up(beside.tasks, beside.of_tasks, sides.task, variant)[0]
        weights = weights + beside.believed[acts.voice] * np.where(model.people[acts.voice], 0.0, on_task[acts.pair])
    found: Floats = told * weights[:, None]
    return found


def from_elsewhere(model: LabelModel, acts: Acts, fold: Ints, has_gold: Bools, sides: Sides) -> Floats:
    """Log-odds that a is better by what is said of both responses in other pairs; 0 under policies that do not count it."""
    variant = variants(fold, has_gold)
    if model.beside is None:
        return np.zeros(len(variant))
    return _from_elsewhere(model, model.beside, acts, evidence(model, acts, variant), variant, sides)


def by_models(model: LabelModel, fold: Ints, has_gold: Bools, sides: Sides) -> Floats:
    """Log-odds that a is better by the strengths of the models that wrote both; 0 under policies that do not count them."""
    variant = variants(fold, has_gold)
    return np.zeros(len(variant)) if model.beside is None else _by_models(model.beside, variant, sides)


def _by_models(beside: Beside, variant: Ints, sides: Sides) -> Floats:
    of_a, knows_a = _looked_up(beside.models, beside.strengths, sides.model_a, variant)
    of_b, knows_b = _looked_up(beside.models, beside.strengths, sides.model_b, variant)
    return np.where(knows_a & knows_b, of_a - of_b, 0.0)


def _looked_up(names: Ints, values: tuple[Floats, ...], which: Ints, variant: Ints) -> tuple[Floats, Bools]:
    """The value of each name under each pair's parameters, 0 where the fit did not look at that name; and where it did."""
    if not len(names):
        return np.zeros(len(which)), np.zeros(len(which), bool)
    place = np.minimum(np.searchsorted(names, which), len(names) - 1)
    known: Bools = names[place] == which
    return np.where(known, np.stack(values)[variant, place], 0.0), known


def _from_elsewhere(model: LabelModel, beside: Beside, acts: Acts, told: Floats, variant: Ints, sides: Sides) -> Floats:
    if beside.machines_worth:
        return _apart_elsewhere(model, beside, acts, told, variant, sides)
    said = apart(model, acts, told * beside.believed[acts.voice][:, None], variant)
    odds: Floats = np.array(beside.worth)[variant] * leaning(said[:, 0] - said[:, 1], sides)
    return odds


def _apart_elsewhere(
    model: LabelModel, beside: Beside, acts: Acts, told: Floats, variant: Ints, sides: Sides
) -> Floats:
    people = model.people[acts.voice] | acts.gold
    told = told * beside.believed[acts.voice][:, None]
    odds: Floats = np.zeros(len(variant))
    for worth, mine in ((beside.worth, people), (beside.machines_worth, ~people)):
        said = tempered(model, acts.keep(mine), told[mine], variant)
        odds = odds + np.array(worth)[variant] * leaning(said[:, 0] - said[:, 1], sides)
    return odds


def tempered(model: LabelModel, acts: Acts, told: Floats, variant: Ints) -> Floats:
    """The sums over each pair's acts, as if n acts were n ** (1 - correlation) of them."""
    pairs = len(variant)
    total = np.stack([np.bincount(acts.pair, weights=told[:, k], minlength=pairs) for k in range(3)], axis=1)
    heard = np.bincount(acts.pair[model.live(acts, variant)], minlength=pairs)
    return total * np.maximum(1, heard)[:, None] ** -model.correlation


def apart(model: LabelModel, acts: Acts, told: Floats, variant: Ints) -> Floats:
    """People's acts and machines', tempered apart: those share no errors."""
    people = model.people[acts.voice] | acts.gold
    return tempered(model, acts.keep(people), told[people], variant) + tempered(
        model, acts.keep(~people), told[~people], variant
    )


def probabilities(total: Floats, tie_share: float) -> Floats:
    """P(a), P(b), P(tie), shape (pairs, 3), from calibrated evidence."""
    prior = np.log(np.array([(1 - tie_share) / 2, (1 - tie_share) / 2, tie_share]))
    scaled = total + prior
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    # Added in this order, exchanging a and b changes no bit.
    shares: Floats = weights / ((weights[:, [0]] + weights[:, [1]]) + weights[:, [2]])
    return shares.round(_DIGITS)


def posterior(
    model: LabelModel, acts: Acts, fold: Ints, has_gold: Bools, sides: Sides, low_for: Ints | None = None
) -> Floats:
    """P(a), P(b), P(tie) of each pair, cross-fitted where the pair itself has gold."""
    variant = variants(fold, has_gold)
    told = evidence(model, acts, variant, low_for)
    total = summed(model, acts, told, variant, sides)
    slope = slopes_of(model, acts, told, variant, sides, total)
    return probabilities(total * slope[:, None] + of_gold(model, acts, told, variant), model.tie_share)


def slopes_of(model: LabelModel, acts: Acts, told: Floats, variant: Ints, sides: Sides, total: Floats) -> Floats:
    """Each pair's exponent of the evidence that sums to `total`.

    Neither what opinions repeat of each other nor what they share takes anything from one that stands alone.
    """
    left, alone = left_of_all(model, acts, told, variant, sides, total)
    slope: Floats = np.array(model.slopes)[variant] * left
    return np.where(alone, 1.0, slope) if model.agreed else slope


def left_of_all(
    model: LabelModel, acts: Acts, told: Floats, variant: Ints, sides: Sides, total: Floats
) -> tuple[Floats, Bools]:
    """What is left of each pair's summed evidence where all that counts shares errors (`shared.py`); where one opinion stands alone."""
    odds = total[:, 0] - total[:, 1]
    opinions = weighed(model, acts, told, variant, sides)
    said, live = opinions[:, 0] - opinions[:, 1], model.live(acts, variant) & ~acts.gold
    people = model.people[acts.voice] & ~acts.gold

    def line(mine: Bools, share: float) -> Floats:
        many = np.maximum(1, np.bincount(acts.pair[mine & live], minlength=len(odds)))
        found: Floats = np.bincount(acts.pair[mine], weights=said[mine], minlength=len(odds)) * many**-share
        return found

    # Machines' weights are those of all of them together: where there are none, machines are pooled as people are.
    lines = [line(people, 1.0), line(~people & ~acts.gold, 1.0 if model.beside is None else model.correlation)]
    rest = np.zeros(len(odds)) if model.beside is None else odds - lines[0] - lines[1]
    left = left_of(odds, lines, rest, model.shared)
    heard = np.bincount(acts.pair[live], minlength=len(odds))
    return left, (heard == 1) & (left >= 1.0 - _NOTHING)


def variants(fold: Ints, has_gold: Bools) -> Ints:
    """Which parameters count for a pair: those that never saw its fold, where it has gold itself."""
    return np.where(has_gold, 1 + np.clip(fold, 0, FOLDS - 1), 0)
