"""Fits the label model: one worker, in key order, on integers."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from prefcurate.transforms.consensus.acts import CELLS, Acts, Voices, acts_of, find_voices
from prefcurate.transforms.consensus.beside import fit_beside
from prefcurate.transforms.consensus.calibrate import Strata, fit_slopes, slope_that_claims, strata_of
from prefcurate.transforms.consensus.crowd import seen_by_people
from prefcurate.transforms.consensus.figures import annotator_figures
from prefcurate.transforms.consensus.foretold import agreed_slope
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.options import Policy
from prefcurate.transforms.consensus.posterior import evidence, left_of_all, posterior, probabilities, summed
from prefcurate.transforms.consensus.reliability import (
    Counts,
    believed,
    gold_counts,
    no_better_than_chance,
    skene_counts,
)
from prefcurate.transforms.consensus.taught import fit_taught
from prefcurate.transforms.consensus.votes import (
    FOLDS,
    NO_LABEL,
    Bools,
    Floats,
    Ints,
    Votes,
    act_shares,
    gold_truth,
    label_without_gold,
)


def fit_label_model(votes: Votes, policy: Policy, cost: Mapping[str, float] | None = None) -> LabelModel:
    """Fits reliability, calibration and the strata of flips from a vote matrix.

    Each voice's reliability is measured on gold of side fit where it has some, by Dawid-Skene (1979) where not; a voice
    that gold shows to be no better than chance gets no weight. What is applied to a gold pair never saw its fold.

    Args:
        votes: the vote matrix.
        policy: the constants.
        cost: price in USD of each annotator's calls.
    """
    voices = find_voices(votes)
    acts = acts_of(votes, voices)
    truth = gold_truth(votes)
    folds = gold_counts(acts, truth, votes.fold, len(voices.names))
    gold = _sum(folds, len(voices.names))
    golds = (gold, *(gold - of_fold for of_fold in folds))
    silent = np.stack([no_better_than_chance(seen, policy) for seen in golds])
    # By all gold: a fit of Dawid-Skene for every fold would be most of the time, and what it tells of the others is little.
    soft = _soft(acts.keep(~silent[0, acts.voice]), truth, votes, voices, policy)
    model = LabelModel(
        voices, tuple(believed(seen, soft, voices, policy) for seen in golds), silent, _tie_share(acts, truth),
        (1.0,) * (1 + FOLDS), policy.correlation, policy.gold_accuracy, {},
        annotator_figures(votes, voices, silent[0], truth, policy, cost or {}), shared=policy.shared,
    )  # fmt: skip
    if policy.learned:
        if policy.borne_out:
            soft_of = seen_by_people(model, acts, votes, _unmeasured(acts, truth, votes, policy), soft)
            again = tuple(believed(seen, told, voices, policy) for seen, told in zip(golds, soft_of, strict=True))
            model = replace(model, reliability=again)
        fit = fit_taught if policy.borne_out else fit_beside
        model = replace(model, beside=fit(model, acts, votes, policy))
    return _calibrated(model, acts, truth, votes, policy)


def _sum(folds: list[Counts], voices: int) -> Counts:
    total = Counts(np.zeros((voices, CELLS)), np.zeros((voices, CELLS)), np.zeros((voices, 4)))
    for part in folds:
        total = total + part
    return total


def _soft(acts: Acts, truth: Ints, votes: Votes, voices: Voices, policy: Policy) -> Counts:
    # Gold pairs are counted against gold; here the others, on a hash sample when there are very many.
    return skene_counts(acts.keep(_unmeasured(acts, truth, votes, policy)), len(voices.names), votes.pairs)


def _unmeasured(acts: Acts, truth: Ints, votes: Votes, policy: Policy) -> Bools:
    limit = policy.skene_pairs / max(1, votes.pairs)
    chosen: Bools = (truth[acts.pair] == NO_LABEL) & ~acts.gold & (votes.chance[acts.pair] < limit)
    return chosen


def _tie_share(acts: Acts, truth: Ints) -> float:
    named = truth[truth != NO_LABEL]
    ties, counted = (np.sum(named == 0), len(named)) if len(named) >= 50 else (np.sum(acts.vote == 0), len(acts.vote))
    return float(np.clip((ties + 0.2) / (counted + 20), 0.01, 0.3))


def _calibrated(model: LabelModel, acts: Acts, truth: Ints, votes: Votes, policy: Policy) -> LabelModel:
    measured = truth != NO_LABEL
    calibrated = bool(np.sum(measured) >= policy.calibration_pairs)
    # First: what it holds of all pairs is much, and nothing else is held yet.
    claimed = _claimed_without_gold(votes, policy) if calibrated else 0.0
    # Gold pairs as they would look if they had no gold, each under parameters that never saw its fold.
    without, variant = acts.keep(~acts.gold), 1 + votes.fold
    told = evidence(model, without, variant)
    total = summed(model, without, told, variant, votes.sides)
    left, _ = left_of_all(model, without, told, variant, votes.sides, total)
    total = total * left[:, None]
    if calibrated:
        believed = slope_that_claims(total[:, 0] - total[:, 1], claimed)
        slopes = fit_slopes(total[measured], truth[measured], votes.fold[measured], model.tie_share, believed)
    else:
        sample = votes.chance < policy.skene_pairs / max(1, votes.pairs)
        slopes = (agreed_slope(model, without, votes, sample),) * (1 + FOLDS)
    chance = probabilities(total * np.array(slopes)[variant][:, None], model.tie_share)
    weight = act_shares(votes)[measured] if policy.strata_of_acts else np.ones(int(measured.sum()))
    strata = _strata(
        chance[measured], truth[measured], label_without_gold(votes)[measured], weight, votes.cluster[measured]
    )
    fitted = replace(model, slopes=slopes, strata=strata, agreed=not calibrated)
    # What is stored is rounded: whoever fits and whoever reads the document use the same numbers.
    return LabelModel.from_json(fitted.to_json())


def _claimed_without_gold(votes: Votes, policy: Policy) -> float:
    """How often the likelier response of a pair is right, on average, by a fit that never saw gold; of very many pairs, on a sample."""
    sample = votes.keep(votes.chance < policy.skene_pairs / max(1, votes.pairs))
    blind = sample.of(~sample.gold)
    model = fit_label_model(blind, policy)
    chance = posterior(model, acts_of(blind, model.voices), blind.fold, np.zeros(blind.pairs, bool), blind.sides)
    return float(np.mean(chance[:, :2].max(axis=1) / chance[:, :2].sum(axis=1)))


def _strata(chance: Floats, truth: Ints, label_in: Ints, weight: Floats, cluster: Ints) -> dict[str, Strata]:
    """Gold pairs on which the consensus names a response: against the label that came, with it, or without one."""
    best = np.where(chance[:, 0] > chance[:, 1], 1, np.where(chance[:, 1] > chance[:, 0], -1, 0))
    top = np.maximum(chance[:, 0], chance[:, 1])
    named = (best != 0) & (top > chance[:, 2])
    came = np.abs(label_in) == 1
    classes = {"flip": named & came & (label_in == -best), "keep": named & (label_in == best), "assign": named & ~came}
    # Where gold finds both equal either label is right for half of the people, as everywhere.
    right = np.where(truth == 0, 0.5, truth == best)
    return {
        name: strata_of(top[chosen], right[chosen], weight[chosen], cluster[chosen]) for name, chosen in classes.items()
    }
