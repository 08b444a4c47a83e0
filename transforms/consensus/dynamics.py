"""Training dynamics of the published labels: how soon, and how steadily, heads that learn from other prompts come to agree with each.

Dataset cartography (Swayamdipta et al. 2020, arXiv 2009.10795): the mean over epochs of the probability that a model in training gives to an
example's label is its confidence, the standard deviation its variability; labels of low confidence are often wrong, ambiguous ones (high
variability) teach most. It differs in that the model is a linear Bradley-Terry head on the store's vectors, and that a pair is
watched by heads which never saw its prompt cluster (there, by the model that was trained on the example itself): a head cannot
learn a wrong label by heart, and an opinion on one's own training label would be no evidence. Where reward heads vote, other pairs' published labels hold
a little of what they learned from this one.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prefcurate.schemas.canonical import stable_hash
from prefcurate.transforms.annotate.bradley_terry import calibration, feature_scale, fold_of, sigmoid, single_thread
from prefcurate.transforms.consensus.options import DynamicsOptions
from prefcurate.transforms.consensus.votes import Floats, Ints

_BATCH = 64
_RATE = 4.0
_DECAY = 1e-3
_AMBIGUOUS = 2 / 3
"""Above this quantile of variability a pair is ambiguous: the third that varies most, as in the paper."""
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Dynamics:
    """The heads of every epoch, for each fold those that never saw it.

    Attributes:
        heads: shape (folds, epochs, features), scaled so that the last epoch's scores are log-odds of labels that they never saw
            (by one number for all, the only thing in which a pair's own label has a part); a fold that too few labels lie outside
            of has zeros.
        ambiguous: variability from which on a pair is ambiguous.
        seed: of the folds.
    """

    heads: Floats
    ambiguous: float
    seed: int

    def probabilities(self, features: Floats, clusters: Sequence[str]) -> Floats:
        """What the heads of each epoch give to a, shape (pairs, epochs); NaN where no head can tell."""
        return sigmoid(self.log_odds(features, clusters))

    def log_odds(self, features: Floats, clusters: Sequence[str]) -> Floats:
        """The same as log-odds."""
        fold = np.array([fold_of(cluster, len(self.heads), self.seed) for cluster in clusters], np.int64)
        known = np.any(self.heads != 0, axis=(1, 2))
        found = np.full((len(fold), self.heads.shape[1]), np.nan)
        with single_thread():
            for number in np.flatnonzero(known).tolist():
                mine = fold == number
                found[mine] = features[mine] @ self.heads[number].T
        return found

    def to_bytes(self) -> bytes:
        """As bytes: equal dynamics, equal bytes."""
        sink = io.BytesIO()
        for array in (self.heads.astype(np.float32), np.array([self.ambiguous]), np.array([self.seed], np.int64)):
            np.save(sink, array, allow_pickle=False)
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Dynamics":
        """What `to_bytes` wrote."""
        source = io.BytesIO(content)
        heads, ambiguous, seed = (np.load(source, allow_pickle=False) for _ in range(3))
        return cls(heads.astype(np.float64), float(ambiguous[0]), int(seed[0]))


def fit_dynamics(
    features: Floats, label: Ints, weight: Floats, clusters: Sequence[str], options: DynamicsOptions, seed: int
) -> Dynamics:
    """Trains a head for every fold on the labels outside it, by stochastic gradient descent, and keeps it after every epoch.

    Args:
        features: of pairs in key order, a less b (`pair_features`), shape (pairs, features).
        label: +1 for a, -1 for b.
        weight: of each pair.
        clusters: the prompt cluster of each.
        options: epochs, folds, fewest labels.
        seed: of folds and orders.
    """
    fold = np.array([fold_of(cluster, options.folds, seed) for cluster in clusters], np.int64)
    heads = np.zeros((options.folds, options.epochs, features.shape[1]))
    with single_thread():
        for number in range(options.folds):
            outside = fold != number
            if int(outside.sum()) >= options.min_labels:
                drawn = int(stable_hash("dynamics", seed, number)[:12], 16)
                rng = np.random.default_rng(drawn)
                heads[number] = _epochs(features[outside], label[outside], weight[outside], options.epochs, rng)
    heads *= _slope(Dynamics(heads, 0.0, seed).log_odds(features, clusters)[:, -1], label, weight)
    # What is stored is rounded: whoever fits and whoever reads it watch with the same heads.
    rounded = heads.astype(np.float32).astype(np.float64)
    watched = Dynamics(rounded, 0.0, seed).probabilities(features, clusters)
    told = np.std(watched[~np.isnan(watched[:, 0])], axis=1)
    ambiguous = float(np.quantile(told, _AMBIGUOUS)) if len(told) else 1.0
    return Dynamics(rounded, round(ambiguous, _DIGITS), seed)


def _slope(scores: Floats, label: Ints, weight: Floats) -> float:
    """What makes the scores of the last heads log-odds of labels that they never saw."""
    known = ~np.isnan(scores)
    return calibration(scores[known], (label[known] > 0).astype(np.float64), weight[known])


def _epochs(features: Floats, label: Ints, weight: Floats, epochs: int, rng: np.random.Generator) -> Floats:
    """The head after every epoch, for raw features."""
    scale = feature_scale(features)
    signed = features * scale * label[:, None]
    weight = weight / weight.mean()
    head, found = np.zeros(features.shape[1]), []
    for _ in range(epochs):
        order = rng.permutation(len(signed))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            missing = weight[rows] * sigmoid(-(signed[rows] @ head))
            head = head + _RATE * (signed[rows].T @ missing / len(rows) - _DECAY * head)
        found.append(head * scale)
    return np.stack(found)


@dataclass(frozen=True)
class Watched:
    """What the heads came to say of a pair over the epochs: mean and standard deviation of P(a)."""

    p_a: float
    variability: float

    def confidence(self, label: str) -> float:
        """In a label, a or b."""
        return round(self.p_a if label == "a" else 1 - self.p_a, _DIGITS)


def watched(probabilities: Floats) -> list[Watched | None]:
    """Each pair's dynamics; None where no head can tell.

    Args:
        probabilities: as `Dynamics.probabilities` gives them.
    """
    means, spreads = probabilities.mean(axis=1), probabilities.std(axis=1)
    return [
        None if np.isnan(mean) else Watched(round(float(mean), _DIGITS), round(float(spread), _DIGITS))
        for mean, spread in zip(means, spreads, strict=True)
    ]


def region(confidence: float, variability: float, ambiguous: float) -> str:
    """Where a label lies on the map: ambiguous where heads vary most; else easy or hard, by what they come to believe."""
    if variability > ambiguous:
        return "ambiguous"
    return "easy" if confidence >= 0.5 else "hard"
