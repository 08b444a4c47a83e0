"""How often each voice is right: measured on gold where there is some, by Dawid-Skene where there is none."""

from dataclasses import dataclass

import numpy as np

from prefcurate.schemas.errors import MissingExtra
from prefcurate.transforms.consensus.acts import CELLS, Acts, Voices
from prefcurate.transforms.consensus.options import Policy
from prefcurate.transforms.consensus.votes import FOLDS, NO_LABEL, Bools, Floats, Ints, distinct

_MISSING = "the consensus stage needs crowd-kit: pip install 'prefcurate[consensus]'"
_SOFT_ACT = 0.5
_SOFT_CAP_WITH_GOLD = 20.0
_CELL_ACTS = 20.0
_TIE_ACTS = 5.0
_FEWEST_VOICES = 3
_Z = 1.645


@dataclass(frozen=True, eq=False)
class Counts:
    """Acts of each voice against a known or believed truth; fractions, since derived labels of one act share one.

    Attributes:
        right, decided: shape (voices, cells): acts that named a response where one is better, and how many were right.
        tied: shape (voices, 4): ties where one is better, all acts there, ties where the truth is a tie, all acts there.
    """

    right: Floats
    decided: Floats
    tied: Floats

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.right + other.right, self.decided + other.decided, self.tied + other.tied)

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(self.right - other.right, self.decided - other.decided, self.tied - other.tied)


@dataclass(frozen=True, eq=False)
class Reliability:
    """What the label model believes of each voice.

    Attributes:
        accuracy, accuracy_low: shape (voices, cells): how often an act that names a response is right where one is better
            (never below one half: nobody is believed the other way round), and a lower bound of it (95%).
        tie_if_better, tie_if_tie: shape (voices,): how often it says tie.
    """

    accuracy: Floats
    accuracy_low: Floats
    tie_if_better: Floats
    tie_if_tie: Floats


def count(acts: Acts, right: Floats, decided: Floats, tie: Floats, weight: Floats, voices: int) -> Counts:
    """Counts acts against a truth; every array has one entry an act.

    Args:
        acts: the acts.
        right: how far the act is right, where it names a response.
        decided: out of how much.
        tie: the probability that neither response is better.
        weight: of the act.
        voices: how many voices there are.
    """
    named = acts.vote != 0
    place = acts.voice * CELLS + acts.cell

    def by_cell(values: Floats) -> Floats:
        return np.bincount(place[named], weights=values[named], minlength=voices * CELLS).reshape(voices, CELLS)

    def by_voice(values: Floats) -> Floats:
        return np.bincount(acts.voice, weights=values, minlength=voices)

    says_tie = np.where(named, 0.0, weight)
    tied = np.stack(
        [
            by_voice(says_tie * (1 - tie)),
            by_voice(weight * (1 - tie)),
            by_voice(says_tie * tie),
            by_voice(weight * tie),
        ],
        axis=1,
    )
    return Counts(by_cell(weight * right), by_cell(weight * decided), tied)


def gold_counts(acts: Acts, truth: Ints, fold: Ints, voices: int) -> list[Counts]:
    """Counts against gold, one a fold (`FOLDS` of them); derived labels of one judgement share the weight of one act."""
    chosen = ~acts.gold & (truth[acts.pair] != NO_LABEL)
    acts = acts.keep(chosen)
    weight = _weights(acts)
    counted = []
    for number in range(FOLDS):
        inside = fold[acts.pair] == number
        part = acts.keep(inside)
        said = truth[part.pair]
        right, decided = (said == part.vote).astype(np.float64), (said != 0).astype(np.float64)
        counted.append(count(part, right, decided, 1 - decided, weight[inside], voices))
    return counted


def _weights(acts: Acts) -> Floats:
    """Derived labels of one judgement share the weight of one act."""
    _, group = distinct(acts.voice, acts.judgement)
    return 1.0 / np.bincount(group)[group]


def no_better_than_chance(gold: Counts, policy: Policy) -> Bools:
    """Voices that gold has shown to be right no more often than a coin."""
    decided, right = gold.decided.sum(axis=1), gold.right.sum(axis=1)
    shown: Bools = (decided >= policy.measured_acts) & (right <= 0.5 * decided)
    return shown


def believed(gold: Counts, soft: Counts, voices: Voices, policy: Policy) -> Reliability:
    """Reliability from what is known: gold counts, then Dawid-Skene's, then what is believed of the kind.

    Beta means: a kind's belief (itself moved by the gold of all voices of that kind) is worth `policy.prior_acts`
    acts, an act measured by Dawid-Skene half a gold act, and both together at most twenty acts where there is gold; a
    cell starts from its voice and moves with its own acts.
    """
    prior = _kind_accuracy(gold, voices, policy)
    soft_right, soft_decided = _SOFT_ACT * soft.right.sum(axis=1), _SOFT_ACT * soft.decided.sum(axis=1)
    strength = policy.prior_acts + soft_decided
    mean = (soft_right + policy.prior_acts * prior) / strength
    measured = gold.decided.sum(axis=1)
    strength = np.where(measured > 0, np.minimum(strength, _SOFT_CAP_WITH_GOLD), strength)
    voice = (gold.right.sum(axis=1) + strength * mean) / (measured + strength)
    right = gold.right + _SOFT_ACT * soft.right
    decided = gold.decided + _SOFT_ACT * soft.decided
    cell = (right + _CELL_ACTS * voice[:, None]) / (decided + _CELL_ACTS)
    spread = np.sqrt(cell * (1 - cell) / ((measured + strength)[:, None] + 1))
    return Reliability(np.clip(cell, 0.5, 0.99), np.clip(cell - _Z * spread, 0.5, 0.99), *_tie_rates(gold, soft))


def _kind_accuracy(gold: Counts, voices: Voices, policy: Policy) -> Floats:
    kinds = np.array(voices.kinds)
    prior = np.zeros(len(kinds))
    for kind in sorted(set(voices.kinds)):
        of_kind = kinds == kind
        right, decided = float(gold.right[of_kind].sum()), float(gold.decided[of_kind].sum())
        belief = policy.kind_accuracy.get(kind, 0.65)
        prior[of_kind] = (right + 2 * policy.prior_acts * belief) / (decided + 2 * policy.prior_acts)
    return prior


def _tie_rates(gold: Counts, soft: Counts) -> tuple[Floats, Floats]:
    seen = gold.tied + _SOFT_ACT * soft.tied
    ties, acts = seen[:, 0] + seen[:, 2], seen[:, 1] + seen[:, 3]
    rate = (ties + 0.1) / (acts + 1.0)
    if_better = (seen[:, 0] + _TIE_ACTS * rate) / (seen[:, 1] + _TIE_ACTS)
    if_tie = (seen[:, 2] + _TIE_ACTS * np.clip(3 * rate, 0.02, 0.8)) / (seen[:, 3] + _TIE_ACTS)
    return np.clip(if_better, 0.005, 0.95), np.clip(np.maximum(if_tie, if_better), 0.01, 0.97)


def skene_counts(acts: Acts, voices: int, pairs: int) -> Counts:
    """Counts against what all *other* voices say together, under the confusion matrices of Dawid and Skene (1979).

    The matrices are fitted without gold by crowd-kit. Which response is a is arbitrary, so every pair enters twice, once
    mirrored, which makes the matrices symmetric. An act is never measured by itself.

    Raises:
        MissingExtra: crowd-kit is not installed.
    """
    voters = np.bincount(acts.pair, minlength=pairs)
    acts = acts.keep(voters[acts.pair] > 1)
    nothing = Counts(np.zeros((voices, CELLS)), np.zeros((voices, CELLS)), np.zeros((voices, 4)))
    # How often two agree tells what their accuracies make together, and of neither what it is.
    if len(np.unique(acts.voice)) < _FEWEST_VOICES:
        return nothing
    matrices, prior = _dawid_skene(acts, voices)
    column = 1 - acts.vote  # a, tie, b as 0, 1, 2
    likelihood = np.log(matrices[acts.voice, column])
    total = np.stack([np.bincount(acts.pair, weights=likelihood[:, k], minlength=pairs) for k in range(3)], axis=1)
    others = total[acts.pair] - likelihood + np.log(prior)
    return counts_against(acts, others, voices)


def counts_against(acts: Acts, others: Floats, voices: int) -> Counts:
    """Counts of each act against what is said of its pair without it.

    Args:
        acts: the acts.
        others: log-likelihoods, up to a constant, of a, tie and b as the better one; shape (acts, 3).
        voices: how many there are.
    """
    others = np.exp(others - others.max(axis=1, keepdims=True))
    others /= (others[:, [0]] + others[:, [2]]) + others[:, [1]]
    # Where the others lean by d towards a (-1 to 1), one who is right with probability q says a minus b (2q - 1) d on
    # average: least squares over the acts gives q without being held against what the others do not know.
    lean = others[:, 0] - others[:, 2]
    decided, right = lean**2, (lean**2 + acts.vote * lean) / 2
    counted = count(acts, right, decided, others[:, 1], _weights(acts), voices)
    return Counts(np.clip(counted.right, 0.0, counted.decided), counted.decided, counted.tied)


def _dawid_skene(acts: Acts, voices: int) -> tuple[Floats, Floats]:
    """Symmetric confusion matrices, shape (voices, said, truth) over (a, tie, b), smoothed, and the classes' prior."""
    try:
        import pandas as pd
        from crowdkit.aggregation import DawidSkene
    except ModuleNotFoundError as error:
        raise MissingExtra(_MISSING) from error
    vote = acts.vote * _canonical_sign(acts)
    both = pd.DataFrame(
        {
            "task": np.concatenate([2 * acts.pair, 2 * acts.pair + 1]),
            "worker": np.concatenate([acts.voice, acts.voice]),
            "label": np.concatenate([1 - vote, 1 + vote]),
        }
    )
    model = DawidSkene(n_iter=50, tol=1e-5).fit(both)
    matrices = np.full((voices, 3, 3), 1 / 3)
    fitted = model.errors_.reindex(columns=range(3), fill_value=0.0).fillna(0.0)
    matrices[fitted.index.get_level_values(0), fitted.index.get_level_values(1)] = fitted.to_numpy()
    seen = np.bincount(acts.voice, minlength=voices)[:, None, None]
    matrices = np.where(seen > 0, matrices, 1 / 3)
    matrices = (matrices + matrices[:, ::-1, ::-1]) / 2
    matrices = (matrices * seen + 1.0) / (matrices.sum(axis=1, keepdims=True) * seen + 3.0)
    prior = model.priors_.reindex(range(3), fill_value=0.0).to_numpy(dtype=np.float64)
    prior = (prior + prior[::-1]) / 2 + 0.01
    return matrices, prior / prior.sum()


def _canonical_sign(acts: Acts) -> Ints:
    # The first vote of a pair that names a response is called "a", so that exchanging a and b in the data changes no bit.
    sign = np.ones(int(acts.pair.max()) + 1, np.int64)
    named = np.flatnonzero(acts.vote)[::-1]
    sign[acts.pair[named]] = acts.vote[named]
    return sign[acts.pair]
