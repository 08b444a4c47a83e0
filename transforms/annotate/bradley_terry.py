"""Bradley-Terry heads on frozen vectors: the numbers behind the annotator `reward_head`, without a store.

A response's score is linear in features of it and its prompt, r(x, y) = w · [v_y, v_x * v_y]; the chance that a is preferred
is sigmoid(r(x, a) - r(x, b)) (Bradley & Terry 1952, Biometrika 39), so that exchanging a and b only changes the sign. Several
members, each on a bootstrap of prompt clusters, give a mean and a spread of the score difference (Wang et al. 2024, "Secrets of RLHF
in Large Language Models Part II", arXiv 2401.06080; there whole reward models on shuffled data, here linear heads).
Heads are cross-fitted: those that score a prompt cluster have seen no label of its fold.
"""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from prefcurate.schemas.canonical import unit_interval

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""L2 penalties to choose from, for features of mean squared length 1: the standard deviation of a score is about 1/sqrt(penalty)."""
SLOPES = (0.1, 5.0)
"""Between these lies what makes scores log-odds: a few pairs that are all right must not make everything certain."""
_ITERATIONS = 300
_FLAT = 1e-12
_FEW = 20


@dataclass(frozen=True)
class Tuning:
    """How the heads of a fold are fitted, and what their scores mean.

    Attributes:
        penalty: the L2 penalty.
        slope: makes their scores log-odds.
        ties: of an ordinal head, by scale its share of the labels and the score below which neither response is called better.
    """

    penalty: float = 10.0
    slope: float = 1.0
    ties: tuple[tuple[float, float], ...] = ()


class Labelled(Protocol):
    """Pairs that heads learn from, under one likelihood; arrays have one entry a pair."""

    @property
    def features(self) -> Floats:
        """(pairs, features) differences of features, a less b."""

    @property
    def clusters(self) -> tuple[str, ...]:
        """The prompt cluster of each pair."""

    def head(
        self, chosen: Bools, features: Floats, drawn: Floats, penalty: float, start: Floats | None = None
    ) -> Floats:
        """The weights of one head on scaled features of the chosen pairs, each counted as often as it was drawn."""

    def calibrated(self, rows: Ints, scores: Floats) -> tuple[float, Tuning]:
        """What makes scores of some pairs probabilities, and minus the log-likelihood of their labels then."""


@dataclass(frozen=True)
class Examples:
    """Labelled pairs in key order, one label each: a, b, or a share between them.

    Attributes:
        features: (pairs, features) differences of features, a less b.
        target: (pairs,) 1 when a is preferred, 0 when b is, 0.5 for ties, or a share of opinions.
        weight: (pairs,) what a pair counts.
        clusters: the prompt cluster of each pair.
    """

    features: Floats
    target: Floats
    weight: Floats
    clusters: tuple[str, ...]

    def head(
        self, chosen: Bools, features: Floats, drawn: Floats, penalty: float, start: Floats | None = None
    ) -> Floats:
        """By the Bradley-Terry loss (see `Labelled`)."""
        return fit_head(features, self.target[chosen], self.weight[chosen] * drawn, penalty, start)

    def calibrated(self, rows: Ints, scores: Floats) -> tuple[float, Tuning]:
        """A slope (see `Labelled`)."""
        target, weight = self.target[rows], self.weight[rows]
        slope = calibration(scores, target, weight)
        return _loss(scores * slope, target, weight), Tuning(slope=slope)


@dataclass(frozen=True)
class FoldHeads:
    """The members that score one fold.

    Attributes:
        fold: the fold whose labels none of them saw.
        members: (members, features) weights, calibrated: a difference of scores is in log-odds.
        penalty: the L2 penalty that was chosen.
        pairs: how many labelled pairs they learned from.
        ties: as in `Tuning`.
    """

    fold: int
    members: Floats
    penalty: float
    pairs: int
    ties: tuple[tuple[float, float], ...] = ()


def pair_features(prompt: Floats, response_a: Floats, response_b: Floats) -> Floats:
    """Feature differences of pairs from (pairs, dimensions) vectors: exactly negated when a and b change places."""
    difference = response_a - response_b
    return np.hstack([difference, prompt * difference])


def fold_of(cluster: str, folds: int, seed: int) -> int:
    """The fold of a prompt cluster: by hash, so that no other cluster changes it."""
    return int(unit_interval(seed, cluster, "reward head fold") * folds)


def fit_heads(examples: Labelled, members: int, folds: int, seed: int, least: int) -> list[FoldHeads]:
    """Cross-fitted ensembles for every fold that has at least ``least`` labelled pairs outside it.

    Args:
        examples: in key order; the same examples give the same bits.
        members: heads an ensemble.
        folds: the number of folds.
        seed: of the folds and the bootstraps.
        least: pairs that an ensemble learns from at least.
    """
    fold = np.array([fold_of(cluster, folds, seed) for cluster in examples.clusters], np.int64)
    with single_thread():
        tuned = _tune(examples, fold, folds)
        found = (_fit_fold(examples, fold, held, tuned[held], members, seed, least) for held in range(folds))
        return [heads for heads in found if heads is not None]


def _fit_fold(
    examples: Labelled, fold: Ints, held: int, tuning: Tuning, members: int, seed: int, least: int
) -> FoldHeads | None:
    outside = fold != held
    if outside.sum() < least:
        return None
    features = examples.features[outside]
    scale = feature_scale(features)
    features *= scale
    clusters = [cluster for cluster, kept in zip(examples.clusters, outside, strict=True) if kept]
    weights = np.stack(
        [
            examples.head(outside, features, bootstrap(clusters, member, seed), tuning.penalty)
            for member in range(members)
        ]
    )
    return FoldHeads(held, weights * scale * tuning.slope, tuning.penalty, int(outside.sum()), tuning.ties)


def _tune(examples: Labelled, fold: Ints, folds: int) -> list[Tuning]:
    """For each fold the penalty that predicts the other folds best, each by heads that saw neither it nor the fold itself.

    A head that saw neither of two folds serves both: it is tried on the one for the other's sake.
    """
    tried: list[list[tuple[Ints, Floats]]] = [[] for _ in range(folds)]
    for one, other in itertools.combinations(range(folds), 2):
        outside = (fold != one) & (fold != other)
        if outside.sum() < _FEW:
            continue
        heads = _heads_by_penalty(examples, outside)
        for held, seen in ((one, other), (other, one)):
            rows = np.flatnonzero(fold == seen)
            tried[held].append((rows, examples.features[rows] @ heads.T))
    return [_best(examples, found) for found in tried]


def _heads_by_penalty(examples: Labelled, chosen: Bools) -> Floats:
    """(penalties, features) heads for raw features; each starts where the stronger penalty ended."""
    features = examples.features[chosen]
    scale = feature_scale(features)
    features *= scale
    once = np.ones(len(features))
    heads: list[Floats] = []
    for penalty in reversed(PENALTIES):
        heads.append(examples.head(chosen, features, once, penalty, heads[-1] if heads else None))
    return np.stack(heads[::-1]) * scale


def _best(examples: Labelled, tried: Sequence[tuple[Ints, Floats]]) -> Tuning:
    rows = np.concatenate([rows for rows, _ in tried]) if tried else np.zeros(0, np.int64)
    if len(rows) < _FEW:
        return Tuning()
    scores = np.concatenate([found for _, found in tried])
    found = [examples.calibrated(rows, scores[:, i]) for i in range(len(PENALTIES))]
    best = int(np.argmin([loss for loss, _ in found]))
    return replace(found[best][1], penalty=PENALTIES[best])


def fit_head(features: Floats, target: Floats, weight: Floats, penalty: float, start: Floats | None = None) -> Floats:
    """The weights of one head: the minimum of the weighted Bradley-Terry loss plus penalty/2 times its squared length."""
    # Half a second to import: only who counts pays it.
    from scipy.optimize import minimize

    def objective(head: Floats) -> tuple[float, Floats]:
        scores = features @ head
        residual = weight * (sigmoid(scores) - target)
        loss = _loss(scores, target, weight) + penalty / 2 * float(head @ head)
        return loss, features.T @ residual + penalty * head

    if start is None:
        start = np.zeros(features.shape[1])
    options = {"maxiter": _ITERATIONS, "ftol": 1e-12, "gtol": 1e-8, "maxcor": 20}
    return np.asarray(minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x, np.float64)


def calibration(scores: Floats, target: Floats, weight: Floats) -> float:
    """The slope s for which sigmoid(s * score) predicts best, within `SLOPES`: Platt's scaling without an offset, for symmetry."""
    slope = 1.0
    for _ in range(50):
        expected = sigmoid(slope * scores)
        gradient = float(np.sum(weight * (expected - target) * scores))
        curvature = float(np.sum(weight * expected * (1 - expected) * scores**2))
        # Scores so large that the curve is flat have a slope too: one of the two ends.
        slope = float(np.clip(slope - gradient / max(curvature, _FLAT), *SLOPES))
    return slope


def bootstrap(clusters: Sequence[str], member: int, seed: int) -> Floats:
    """How often each pair is drawn for a member: its cluster's Poisson(1) number, whatever other clusters there are."""
    drawn = {c: _poisson(unit_interval(seed, c, f"reward head member {member}")) for c in dict.fromkeys(clusters)}
    return np.array([drawn[cluster] for cluster in clusters], np.float64)


def _poisson(uniform: float) -> int:
    count, chance = 0, float(np.exp(-1.0))
    below = chance
    while uniform >= below and count < 12:
        count += 1
        chance /= count
        below += chance
    return count


def sigmoid(scores: Floats) -> Floats:
    """1 / (1 + exp(-score)), without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * scores))


def _loss(scores: Floats, target: Floats, weight: Floats) -> float:
    return float(np.sum(weight * (np.logaddexp(0, scores) - target * scores)))


def feature_scale(features: Floats) -> Floats:
    """Makes both halves (response, prompt * response) have mean squared length 1/2: their raw sizes differ by dimension."""
    halves = np.split(features, 2, axis=1)
    lengths = [float(np.mean(np.sum(half**2, axis=1))) for half in halves]
    factors = [np.sqrt(0.5 / length) if length > 0 else 0.0 for length in lengths]
    return np.concatenate([np.full(half.shape[1], factor) for half, factor in zip(halves, factors, strict=True)])


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """One thread for BLAS: the order of additions, and so the last bits, would else depend on the machine's load."""
    with threadpool_limits(limits=1):
        yield
