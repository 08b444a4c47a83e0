"""How well training dynamics find labels that were turned round, beside the consensus of judges and cleanlab's self-confidence.

    python tests/benchmarks/bench_dynamics.py STORE [--share 0.2] [--epochs 10]

STORE has run ingest, embed and screen on data with people's labels (and judges'). In the memory of this process a share of the labels that
came is turned round, all people's votes give way to that one label, and each method ranks the pairs by its doubt of it. Printed: the area
under the curve (1 finds all first, .5 none), mean of three draws, and of the tenth doubted most the share that was turned.
"""

import argparse
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.annotate.bradley_terry import pair_features
from prefcurate.transforms.annotate.vectors import comparisons_with_vectors, vectors
from prefcurate.transforms.consensus.acts import acts_of
from prefcurate.transforms.consensus.dynamics import fit_dynamics
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.options import DynamicsOptions, policy_of
from prefcurate.transforms.consensus.posterior import posterior
from prefcurate.transforms.consensus.shard import read_shard
from prefcurate.transforms.consensus.votes import VOTES, votes_of
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.publish.story import standing
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store

CAME = "person:came/label"


@dataclass(frozen=True)
class Labelled:
    """The pairs with a label that came and vectors, and the machines' votes on them."""

    ids: list[str]
    clusters: list[str]
    features: np.ndarray
    label: np.ndarray
    machines: list[dict]
    about: list[dict]


def read(store: Store) -> Labelled:
    """All shards of a store."""
    snapshot = standing(store)
    found = Labelled([], [], np.zeros((0, 0)), np.zeros(0), [], [])
    features, labels = [], []
    (model,) = snapshot.table("embeddings", columns=["fingerprint"])["fingerprint"].unique().to_pylist()
    for shard in range(store.shards):
        features += _shard(snapshot, shard, model, found, labels)
    return Labelled(found.ids, found.clusters, np.stack(features), np.array(labels), found.machines, found.about)


def _shard(snapshot: Snapshot, shard: int, model: str, found: Labelled, labels: list[int]) -> list[np.ndarray]:
    votes = read_shard(snapshot, shard, GoldOptions(), 7)
    by_place: dict[int, list[dict]] = {}
    for row in votes.votes.to_pylist():
        by_place.setdefault(row["pair"], []).append(row)
    place = {comparison: i for i, comparison in enumerate(votes.comparison_ids)}
    pairs = comparisons_with_vectors(snapshot, shard, model)
    told = vectors(snapshot, shard, model, pairs)
    kept = pairs.take(pa.array(told.rows, pa.int64()))
    all_features = pair_features(*(np.asarray(v, np.float64) for v in (told.prompt, told.response_a, told.response_b)))
    chosen = []
    for row, comparison in enumerate(kept["comparison_id"].to_pylist()):
        at = place[comparison]
        if votes.label_in[at] in ("a", "b"):
            number = len(found.ids)
            found.ids.append(comparison)
            found.clusters.append(kept["prompt_cluster"][row].as_py())
            labels.append(1 if votes.label_in[at] == "a" else -1)
            mine = [vote | {"pair": number} for vote in by_place[at]]
            found.machines.extend(vote for vote in mine if vote["kind"] != "person")
            found.about.append(mine[0])
            chosen.append(all_features[row])
    return chosen


def consensus(data: Labelled, given: np.ndarray, policy: str) -> np.ndarray:
    """P(the given label) by all machines and the label itself as one person's."""
    came = [
        about | {"annotator": CAME, "family": CAME, "kind": "person", "label": int(label), "order": 0, "judgement": -1 - i,
                 "gold": False, "given": True}
        for i, (about, label) in enumerate(zip(data.about, given, strict=True))
    ]  # fmt: skip
    rows = sorted([*data.machines, *came], key=lambda row: row["pair"])
    votes = votes_of([pa.Table.from_pylist(rows, schema=VOTES)])
    model = fit_label_model(votes, policy_of(policy))
    acts, nobody = acts_of(votes, model.voices), np.zeros(votes.pairs, bool)
    chance = posterior(model, acts, votes.fold, nobody, votes.sides)
    return np.where(given > 0, chance[:, 0], chance[:, 1]) + chance[:, 2] / 2


def area(doubt: np.ndarray, turned: np.ndarray) -> float:
    """Of pairs of a turned and another label, how often the turned one is doubted more; ties count half."""
    from scipy.stats import rankdata

    n = int(turned.sum())
    return float((rankdata(doubt)[turned].sum() - n * (n + 1) / 2) / (n * (len(turned) - n)))


def doubts(data: Labelled, given: np.ndarray, epochs: int, policy: str) -> dict[str, np.ndarray]:
    """Each method's doubt of the given labels."""
    from cleanlab.rank import get_self_confidence_for_each_label

    options = DynamicsOptions(epochs=epochs)
    watched = fit_dynamics(data.features, given, np.ones(len(given)), data.clusters, options, 7)
    p_a = watched.probabilities(data.features, data.clusters)
    p_label = np.where(given[:, None] > 0, p_a, 1 - p_a)
    believed = consensus(data, given, policy)
    last = np.stack([1 - p_a[:, -1], p_a[:, -1]], axis=1)
    odds = np.log(believed / (1 - believed)) + np.log(p_label / (1 - p_label)).mean(axis=1)
    return {
        f"consensus ({policy})": -believed,
        "confidence, mean over epochs": -p_label.mean(axis=1),
        "cleanlab self-confidence": -get_self_confidence_for_each_label((given > 0).astype(int), last),
        "variability": p_label.std(axis=1),
        "consensus and confidence, odds multiplied": -odds,
    }


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--share", type=float, default=0.2)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--policy", default="votes")
    arguments = parser.parse_args()
    data = read(Store.open(arguments.store))
    clusters, machines = len(set(data.clusters)), len({vote["annotator"] for vote in data.machines})
    print(
        f"{len(data.ids)} pairs in {clusters} prompt clusters, {machines} machines; {arguments.share:.0%} of the labels turned"
    )
    areas: dict[str, list[tuple[float, float]]] = {}
    for draw in range(3):
        turned = np.array([unit_interval(draw, c, "turned") < arguments.share for c in data.ids])
        given = np.where(turned, -data.label, data.label)
        for name, doubt in doubts(data, given, arguments.epochs, arguments.policy).items():
            top = np.argsort(-doubt, kind="stable")[: len(doubt) // 10]
            areas.setdefault(name, []).append((area(doubt, turned), float(turned[top].mean())))
    print(f"{'doubt of the label by':44s} {'area':>6s} {'turned, of the tenth doubted most':>34s}")
    for name, found in areas.items():
        mean = np.mean(found, axis=0)
        print(f"{name:44s} {mean[0]:6.3f} {mean[1]:34.3f}")


if __name__ == "__main__":
    main()
