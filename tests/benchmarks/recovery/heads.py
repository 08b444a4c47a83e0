"""Reward heads as somebody trains them on a dataset."""

from dataclasses import dataclass

import numpy as np

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.annotate.bradley_terry import (
    Examples,
    Floats,
    calibration,
    feature_scale,
    fit_head,
    fit_heads,
    fold_of,
)

FOLDS, MEMBERS, SEED, TRIED = 5, 4, 7, 2
FEW = 20
"""Pairs below which nothing is trained: such a head says nothing and is right half of the time."""
PENALTIES = (3.0, 10.0, 30.0, 100.0)


@dataclass(frozen=True, eq=False)
class Taught:
    """What a head is trained on: P(a is better) and weight of each training pair; weight 0 for those left out."""

    target: Floats
    weight: Floats

    @property
    def kept(self) -> float:
        """The share of the pairs that is left."""
        return float(np.mean(self.weight > 0))


def train(features: Floats, taught: Taught, clusters: tuple[str, ...]) -> Floats:
    """A head on soft labels and weights, with the penalty that predicts the labels of other prompts of the same data best."""
    used = taught.weight > 0
    if used.sum() < FEW:
        return np.zeros(features.shape[1])
    target, weight = taught.target[used], taught.weight[used] / taught.weight[used].mean()
    scale = feature_scale(features[used])
    scaled = features[used] * scale
    fold = np.array([int(unit_interval(SEED, c, "penalty") * TRIED) for c, u in zip(clusters, used, strict=True) if u])
    scores = np.zeros((len(PENALTIES), len(target)))
    for held in range(TRIED):
        inside, head = fold != held, None
        for i, penalty in reversed(list(enumerate(PENALTIES))):
            head = fit_head(scaled[inside], target[inside], weight[inside], penalty, head)
            scores[i, ~inside] = scaled[~inside] @ head
    losses = [_loss(score * calibration(score, target, weight), target, weight) for score in scores]
    return fit_head(scaled, target, weight, PENALTIES[int(np.argmin(losses))]) * scale


def out_of_fold(features: Floats, target: Floats, clusters: tuple[str, ...]) -> Floats:
    """Scores (log-odds that a is better) of each pair by heads that saw no label of its prompt: the annotator `reward_head`."""
    heads = {
        h.fold: h.members
        for h in fit_heads(Examples(features, target, np.ones(len(target)), clusters), MEMBERS, FOLDS, SEED, 50)
    }
    folds = [fold_of(cluster, FOLDS, SEED) for cluster in clusters]
    scores = [(heads[f] @ row).mean() if f in heads else 0.0 for f, row in zip(folds, features, strict=True)]
    return np.array(scores)


def _loss(scores: Floats, target: Floats, weight: Floats) -> float:
    return float(np.sum(weight * (np.logaddexp(0, scores) - target * scores)))
