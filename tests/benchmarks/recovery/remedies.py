"""What is done about wrong labels: nothing, what prefcurate publishes, what cleanlab drops."""

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pyarrow as pa

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.annotate.bradley_terry import Floats, sigmoid
from prefcurate.transforms.consensus.decide import Rules
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.consensus.rows import consensus_rows
from prefcurate.transforms.consensus.shard import ShardVotes, vote_table
from prefcurate.transforms.consensus.votes import votes_of
from tests.benchmarks.labels.sets import CAME, TURNED
from tests.benchmarks.recovery.heads import Taught
from tests.benchmarks.recovery.sets import Labelled
from tests.transforms.consensus.real import said_table

HEAD = "reward_head:head"


@dataclass(frozen=True, eq=False)
class Noisy:
    """The pairs for training, some of whose labels were turned round.

    Attributes:
        pairs: all of them.
        rows: of `pairs`, those for training.
        came: by comparison the label that came.
        gold: comparisons whose true label somebody was trusted to give.
        scores: of each row the head's log-odds, out of fold, learned from the labels that came.
        voters: opinions besides the label that came and the head.
        share: of the labels, how many were turned round.
    """

    pairs: Labelled
    rows: np.ndarray
    came: dict[str, str]
    gold: frozenset[str]
    scores: Floats
    voters: list[dict]
    share: float

    @property
    def ids(self) -> list[str]:
        """The comparisons."""
        return [self.pairs.ids[row] for row in self.rows]

    @property
    def target(self) -> Floats:
        """1 where the label that came says a; where there is gold, what gold says."""
        told = self.came | {c: self.pairs.of.truth[c] for c in self.gold}
        return np.array([told[c] == "a" for c in self.ids], float)


def turned(pairs: Labelled, rows: np.ndarray, share: float, seed: int) -> dict[str, str]:
    """The labels of some pairs, a share of them turned round by hash."""
    labels = {pairs.ids[row]: pairs.of.truth[pairs.ids[row]] for row in rows}
    return {c: TURNED[v] if unit_interval(seed, c, "flip") < share else v for c, v in labels.items()}


def nothing(noisy: Noisy) -> Taught:
    """The labels as they came."""
    return Taught(noisy.target, np.ones(len(noisy.rows)))


def published(noisy: Noisy, policy: str, min_accuracy: float) -> Taught:
    """What the stage consensus decides and publish writes: p_chosen and weight, or nothing."""
    rules = ConsensusOptions(policy=policy).rules()
    rows = _opinions(noisy)
    ids = noisy.ids
    place = {c: i for i, c in enumerate(ids)}
    rows.sort(key=lambda a: (place[a["comparison_id"]], a["annotation_id"]))
    about = noisy.pairs.about
    table = vote_table(said_table(rows, place), pa.Table.from_pylist([about[c] for c in ids]), 7)
    shard = ShardVotes(
        ids,
        [about[c]["prompt_id"] for c in ids],
        [noisy.came[c] for c in ids],
        table,
        [r["annotation_id"] for r in rows],
    )
    model = fit_label_model(votes_of([table]), rules)
    made = consensus_rows(shard, model, Rules(rules, min_accuracy, model.strata, False), {}).to_pylist()
    # As `publish` has it: a tie counts half.
    target = np.array([row["p_a"] + row["p_tie"] / 2 for row in made])
    weight = np.array([row["weight"] if row["label"] in TURNED else 0.0 for row in made])
    return Taught(target, weight)


def told_the_rate(noisy: Noisy) -> Taught:
    """No remedy but a reference: what the head and the label say together by Bayes' rule, for one who knows how many labels were turned round."""
    chance = np.clip((sigmoid(noisy.scores) - noisy.share) / (1 - 2 * noisy.share), 0.02, 0.98)
    label = np.where(noisy.target > 0.5, 1 - noisy.share, noisy.share)
    label = np.where([c in noisy.gold for c in noisy.ids], noisy.target, label)
    a, b = chance * label, (1 - chance) * (1 - label)
    return Taught(a / (a + b), np.ones(len(a)))


def cleaned(noisy: Noisy) -> Taught:
    """The labels that came, without those in which cleanlab (Northcutt et al. 2021) finds an issue by the same head's probabilities."""
    from cleanlab.filter import find_label_issues

    chance = sigmoid(noisy.scores)
    labels = noisy.target.astype(int)
    issues = find_label_issues(labels, np.stack([1 - chance, chance], axis=1))
    gold = np.array([c in noisy.gold for c in noisy.ids])
    return Taught(noisy.target, np.where(issues & ~gold, 0.0, 1.0))


def has_cleanlab() -> bool:
    """Whether cleanlab is installed."""
    return find_spec("cleanlab") is not None


def _opinions(noisy: Noisy) -> list[dict]:
    ids, about = set(noisy.ids), noisy.pairs.about
    rows = [
        v | {"judgement": v["judgement_id"] or v["annotation_id"], "given": False}
        for v in noisy.voters
        if v["comparison_id"] in ids
    ]
    for c, score in zip(noisy.ids, noisy.scores.tolist(), strict=True):
        base = about[c] | {"kind": "person", "order_shown": "unknown", "given": True}
        rows.append(
            base
            | {
                "annotator": CAME,
                "family": CAME,
                "label": noisy.came[c],
                "judgement": f"came-{c}",
                "annotation_id": f"came-{c}",
            }
        )
        rows.append(base | {"annotator": HEAD, "family": HEAD, "kind": "reward_model", "given": False, "judgement": f"head-{c}",
                            "label": "a" if score > 0 else "b" if score < 0 else "tie", "annotation_id": f"head-{c}"})  # fmt: skip
        if c in noisy.gold:
            rows.append(base | {"annotator": "person:gold/expert", "family": "expert", "label": noisy.pairs.of.truth[c],
                                "judgement": f"gold-{c}", "annotation_id": f"gold-{c}"})  # fmt: skip
    return rows
