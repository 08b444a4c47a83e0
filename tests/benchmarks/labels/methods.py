"""What each method says of each pair: above 0 for a, below 0 for b, 0 for neither.

A method is given the opinions, and the pairs whose truth it may see (gold).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from crowdkit.aggregation import GLAD, MACE, DawidSkene

from prefcurate.transforms.consensus.acts import acts_of
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.options import POLICIES
from prefcurate.transforms.consensus.posterior import posterior
from prefcurate.transforms.consensus.shard import vote_table
from prefcurate.transforms.consensus.votes import NO_LABEL, Votes, gold_truth, votes_of
from tests.benchmarks.labels.sets import LabelSet
from tests.transforms.consensus.real import said_table

Scores = dict[str, float]
Method = Callable[[LabelSet, frozenset[str]], Scores]
_CROWD = 100
SIGN = {"a": 1.0, "b": -1.0}


def majority(of: LabelSet, gold: frozenset[str]) -> Scores:
    """All verdicts alike."""
    return _summed(of.voters, dict.fromkeys(_names(of), 1.0))


def best_single(of: LabelSet, gold: frozenset[str]) -> Scores:
    """The annotator that is right most often, by the truth of all pairs; of a crowd, each pair's best worker."""
    worth = {name: float(np.mean(right)) for name, right in _right(of).items()}
    heard = defaultdict(list)
    for vote in of.voters:
        heard[vote["comparison_id"]].append(vote["annotator"])
    best = {c: max(sorted(set(names)), key=worth.__getitem__) for c, names in heard.items()}
    return _summed([v for v in of.voters if v["annotator"] == best[v["comparison_id"]]], dict.fromkeys(worth, 1.0))


def longer(of: LabelSet, gold: frozenset[str]) -> Scores:
    """The longer response."""
    return {c: float(of.length[c]) for c in of.truth}


def crowd_kit(model: Callable[[], Any]) -> Method:
    """A method of crowd-kit, which sees no gold."""

    def method(of: LabelSet, gold: frozenset[str]) -> Scores:
        said = model().fit_predict(crowd_frame(of))
        return {c: SIGN.get(label, 0.0) for c, label in said.items()}

    return method


def crowd_frame(of: LabelSet) -> pd.DataFrame:
    """The opinions as crowd-kit takes them: none of its methods takes the same worker's second word on a task."""
    rows = [(v["comparison_id"], v["annotator"], v["label"]) for v in of.voters if v["label"] in ("a", "b", "tie")]
    return pd.DataFrame(rows, columns=["task", "worker", "label"]).drop_duplicates(["task", "worker"])


CROWD_KIT_SEED = 0
CROWD_KIT: dict[str, Method] = {
    "Dawid-Skene": crowd_kit(lambda: DawidSkene(n_iter=100)),
    "GLAD": crowd_kit(lambda: GLAD(n_iter=50)),
    "MACE": crowd_kit(lambda: MACE(n_iter=50, n_restarts=5, random_state=CROWD_KIT_SEED)),
}


def snorkel(of: LabelSet, gold: frozenset[str]) -> Scores:
    """Snorkel's label model (Ratner et al. 2019), one source an annotator and order; `pip install snorkel` brings it."""
    names = {key: i for i, key in enumerate(sorted({(v["annotator"], v["order_shown"]) for v in of.voters}))}
    place = {c: i for i, c in enumerate(of.pairs)}
    matrix = np.full((len(place), len(names)), -1)
    for vote in of.voters:
        if vote["label"] in SIGN:
            matrix[place[vote["comparison_id"]], names[vote["annotator"], vote["order_shown"]]] = int(
                vote["label"] == "b"
            )
    model = import_module("snorkel.labeling.model").LabelModel(cardinality=2, verbose=False)
    model.fit(matrix, n_epochs=500, seed=0, class_balance=[0.5, 0.5])
    chance = model.predict_proba(matrix)
    return {c: float(chance[i, 0] - chance[i, 1]) for c, i in place.items()}


def logistic(with_length: bool, all_labels: bool) -> Method:
    """A logistic regression of the verdicts, without intercept: on all true labels cross-fitted by prompt, or on gold alone."""

    def method(of: LabelSet, gold: frozenset[str]) -> Scores:
        names, pairs = {name: i for i, name in enumerate(_names(of))}, of.pairs
        place = {c: i for i, c in enumerate(pairs)}
        features = np.zeros((len(pairs), len(names) + with_length))
        for vote in of.voters:
            features[place[vote["comparison_id"]], names[vote["annotator"]]] += SIGN.get(vote["label"], 0.0)
        if with_length:
            features[:, -1] = [of.length[c] for c in pairs]
        target = np.array([of.truth[c] == "a" for c in pairs], float)
        if not all_labels:
            chosen = np.array([c in gold for c in pairs])
            return dict(zip(pairs, (features @ _fitted(features[chosen], target[chosen])).tolist(), strict=True))
        tenth = {c: number for number in range(10) for c in of.gold(number, seed=1)}
        parts = np.array([tenth[c] for c in pairs])
        score = np.zeros(len(pairs))
        for number in range(10):
            score[parts == number] = features[parts == number] @ _fitted(
                features[parts != number], target[parts != number]
            )
        return dict(zip(pairs, score.tolist(), strict=True))

    return method


def ours(policy: str = "votes") -> Method:
    """The probabilities of the stage consensus under a policy."""

    def method(of: LabelSet, gold: frozenset[str]) -> Scores:
        votes, pairs = votes_for(of, gold)
        chances, _ = chances_of(votes, policy)
        return {c: float(chances[i, 0] - chances[i, 1]) for i, c in enumerate(pairs)}

    return method


def votes_for(of: LabelSet, gold: frozenset[str]) -> tuple[Votes, list[str]]:
    """The vote matrix that a store with these opinions and this gold would give, and its pairs."""
    # Several models may have given the same two responses; which of them count must not depend on who else votes.
    about = {v["comparison_id"]: v for v in sorted(of.voters, key=_models, reverse=True)}
    pairs = sorted(about, key=lambda c: (of.prompts[c], c))
    place = {c: i for i, c in enumerate(pairs)}
    rows = [v | {"judgement": v["judgement_id"] or v["annotation_id"], "given": True} for v in of.voters]
    rows += [
        about[c] | {"annotator": "person:gold/expert", "family": "expert", "kind": "person", "order_shown": "unknown",
                    "label": of.truth[c], "judgement": f"gold-{c}", "annotation_id": f"gold-{c}", "given": True}
        for c in sorted(gold) if c in place
    ]  # fmt: skip
    rows.sort(key=lambda v: (place[v["comparison_id"]], v["annotation_id"]))
    table = vote_table(said_table(rows, place), pa.Table.from_pylist([about[c] for c in pairs]), 7)
    return votes_of([table]), pairs


def chances_of(votes: Votes, policy: str) -> tuple[np.ndarray, LabelModel]:
    """P(a), P(b), P(tie) of each pair under a policy, and the model that they come from."""
    model = fit_label_model(votes, POLICIES[policy])
    acts = acts_of(votes, model.voices)
    return posterior(model, acts, votes.fold, gold_truth(votes) != NO_LABEL, votes.sides), model


def methods(of: LabelSet) -> Mapping[str, Method]:
    """Every method by its name in the tables; Snorkel's only where it is installed, and not for crowds, whose matrices it inverts."""
    found: dict[str, Method] = {"best single": best_single, "majority": majority, "longer wins": longer, **CROWD_KIT}
    if find_spec("snorkel") and len(_names(of)) < _CROWD:
        found["Snorkel"] = snorkel
    return found


REFERENCES: dict[str, Method] = {
    "logistic, gold": logistic(False, False),
    "logistic, all labels": logistic(False, True),
    "logistic, length, gold": logistic(True, False),
    "logistic, length, all labels": logistic(True, True),
}
"""Fitted on true labels of the set itself: what verdicts can give at most, linearly."""


def _models(vote: dict[str, Any]) -> tuple[str, str]:
    return vote["model_a"] or "", vote["model_b"] or ""


def _names(of: LabelSet) -> list[str]:
    return sorted({v["annotator"] for v in of.voters})


def _summed(votes: list[dict[str, Any]], worth: Mapping[str, float]) -> Scores:
    total: Counter[str] = Counter()
    for vote in votes:
        total[vote["comparison_id"]] += worth[vote["annotator"]] * SIGN.get(vote["label"], 0.0)
    return dict(total)


def _right(of: LabelSet) -> dict[str, list[float]]:
    right = defaultdict(list)
    for vote in of.voters:
        truth = of.truth.get(vote["comparison_id"])
        if truth is not None:
            right[vote["annotator"]].append(
                1.0 if vote["label"] == truth else 0.5 if vote["label"] not in SIGN else 0.0
            )
    return dict(right)


def _fitted(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Newton's method, with a ridge of 1."""
    weights = np.zeros(features.shape[1])
    for _ in range(100):
        chance = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (target - chance) - weights
        hessian = (features * (chance * (1 - chance))[:, None]).T @ features + np.eye(len(weights))
        step = np.linalg.solve(hessian, gradient)
        weights += step
        if np.abs(step).max() < 1e-10:
            break
    return weights
