"""Several policies on the same annotations: what each would decide, and how they do on gold of side fit that they never saw.

Choosing a policy is choosing, so side audit is not looked at. Gold is in five parts by prompt cluster; each part is decided by label
models that were fitted without it, strata of flips included, and on the votes that would be there without it.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prefcurate.transforms.consensus.consensus import fit_parts
from prefcurate.transforms.consensus.decide import Decision, Rules, decide
from prefcurate.transforms.consensus.model import LabelModel
from prefcurate.transforms.consensus.on_gold import OnGold, on_gold, scores_of
from prefcurate.transforms.consensus.options import ConsensusOptions, GateOptions, policy_of
from prefcurate.transforms.consensus.rows import beliefs_of
from prefcurate.transforms.consensus.shard import ShardVotes, VotePart, read_shard
from prefcurate.transforms.consensus.votes import NO_LABEL, gold_truth, label_without_gold, votes_of
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.store.files import join
from prefcurate.transforms.store.snapshot import Snapshot

EXAMPLES = 3
_LABELS = {1: "a", -1: "b", 0: "tie", NO_LABEL: None}
_CLUSTERS = "SELECT prompt_id, prompt_cluster FROM gold"


@dataclass(frozen=True)
class Asked:
    """What is compared, and under which settings: the first policy is the one that the others are compared with.

    Attributes:
        policies: titles (``name@version``).
        min_accuracy, can_ask, gold, seed, gated, closest: as for the stage consensus.
    """

    policies: tuple[str, ...]
    min_accuracy: float
    can_ask: bool
    gold: GoldOptions
    seed: int
    gated: tuple[GateOptions, ...] = ()
    closest: int | None = None

    def votes(self, snapshot: Snapshot, shard: int) -> ShardVotes:
        """The opinions that all of them are given."""
        formatting = any(policy_of(policy).borne_out for policy in self.policies)
        return read_shard(snapshot, shard, self.gold, self.seed, self.gated, self.closest, formatting)

    def options(self, policy: str) -> ConsensusOptions:
        """The settings of the stage under one of the policies."""
        return ConsensusOptions(policy=policy, min_accuracy=self.min_accuracy)


@dataclass
class Differing:
    """Pairs that a policy decides otherwise than the first one, by how; some of their ids."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[tuple[str, str, str]]] = field(default_factory=dict)

    def add(self, comparison: str, first: Decision, other: Decision) -> None:
        """Looks at one pair."""
        kind = _difference(first, other)
        if kind is None:
            return
        self.counts[kind] += 1
        known = self.examples.setdefault(kind, [])
        known.append((comparison, first.decision, other.decision))
        self.examples[kind] = sorted(known)[:EXAMPLES]


def _difference(first: Decision, other: Decision) -> str | None:
    published = [made.weight is not None for made in (first, other)]
    if published == [True, True]:
        return "opposite" if first.label != other.label else None
    if published == [False, False]:
        return None
    return "only first" if published[0] else "only this"


@dataclass(frozen=True)
class Comparison:
    """What came of it: for each policy, in the order asked, its decisions on all pairs, its figures on gold, its differences."""

    pairs: int
    gold_pairs: int
    clusters: int
    decisions: tuple[Counter[str], ...]
    published: tuple[int, ...]
    on_gold: tuple[OnGold, ...]
    differing: tuple[Differing, ...]


def compare(snapshot: Snapshot, asked: Asked) -> Comparison:
    """Decides all pairs of a store under every policy; nobody is asked and nothing is written into the store.

    One shard is in memory at a time, and the vote matrix as in the stage itself; of gold pairs, one row each is kept.
    """
    shards = range(snapshot.store.shards)
    with tempfile.TemporaryDirectory() as folder:
        parts = [_matrix(folder, shard, asked.votes(snapshot, shard)) for shard in shards]
        models = {title: fit_parts(parts, asked.options(title)) for title in asked.policies}
        folds = _folds_with_gold(parts)
        unseen = {
            (title, fold): fit_parts(parts, asked.options(title), without=fold)
            for title in asked.policies
            for fold in folds
        }
    found = [_Found() for _ in asked.policies]
    gold = _Gold()
    pairs = 0
    for shard in shards:
        votes = asked.votes(snapshot, shard)
        pairs += len(votes.comparison_ids)
        _decide_all(votes, asked, models, found)
        clusters = _clusters(snapshot, shard)
        for fold in folds:
            gold.add(votes, fold, asked, {title: unseen[title, fold] for title in asked.policies}, clusters)
    on_gold = gold.figures(asked)
    return Comparison(
        pairs, len(gold.truth), len(set(gold.clusters)), tuple(each.decisions for each in found),
        tuple(each.published for each in found), on_gold, tuple(each.differing for each in found),
    )  # fmt: skip


@dataclass
class _Found:
    decisions: Counter[str] = field(default_factory=Counter)
    published: int = 0
    differing: Differing = field(default_factory=Differing)


def _matrix(folder: str, shard: int, votes: ShardVotes) -> VotePart:
    path = join(folder, f"{shard}.parquet")
    pq.write_table(votes.votes, path, compression="zstd")
    return VotePart(shard, path, len(np.unique(votes.votes["pair"].to_numpy())), ())


def _folds_with_gold(parts: Sequence[VotePart]) -> list[int]:
    folds: set[int] = set()
    for part in parts:
        table = pq.read_table(part.path, columns=["gold", "fold"])
        folds |= set(table.filter(table["gold"])["fold"].to_pylist())
    return sorted(folds)


def _rules(asked: Asked, title: str, model: LabelModel) -> Rules:
    return Rules(asked.options(title).rules(), asked.min_accuracy, model.strata, asked.can_ask)


def _decided(shard: ShardVotes, asked: Asked, title: str, model: LabelModel) -> list[Decision]:
    rules = _rules(asked, title, model)
    return [decide(beliefs, rules) for beliefs in beliefs_of(shard, model)]


def _decide_all(shard: ShardVotes, asked: Asked, models: Mapping[str, LabelModel], found: Sequence[_Found]) -> None:
    first: list[Decision] = []
    for title, each in zip(asked.policies, found, strict=True):
        made = _decided(shard, asked, title, models[title])
        first = first or made
        each.decisions.update(decision.decision for decision in made)
        each.published += sum(decision.weight is not None for decision in made)
        for comparison, one, other in zip(shard.comparison_ids, first, made, strict=True):
            each.differing.add(comparison, one, other)


def _clusters(snapshot: Snapshot, shard: int) -> dict[str, str]:
    with snapshot.connect(["gold"], shard) as connection:
        return dict(connection.sql(_CLUSTERS).fetchall())


def without_gold(shard: ShardVotes, fold: int) -> tuple[ShardVotes, dict[int, int]]:
    """The prompts with gold in a fold as they would be without it, and what that gold says, by place among them."""
    hidden = pc.and_(shard.votes["gold"], pc.equal(shard.votes["fold"], fold))
    prompts = {shard.prompt_ids[place] for place in set(shard.votes.filter(hidden)["pair"].to_pylist())}
    kept = [place for place, prompt in enumerate(shard.prompt_ids) if prompt in prompts]
    renumbered = {place: number for number, place in enumerate(kept)}
    votes = shard.votes.filter(pc.is_in(shard.votes["pair"], value_set=pa.array(kept, pa.int32())))
    at = votes.schema.get_field_index("pair")
    numbers = pa.array([renumbered[place] for place in votes["pair"].to_pylist()], pa.int32())
    votes = votes.set_column(at, votes.schema.field(at), numbers)
    places, whole = np.unique(votes["pair"].to_numpy()), votes_of([votes])
    labels = [shard.label_in[place] for place in kept]
    truth: dict[int, int] = {}
    for place, said, came in zip(
        places.tolist(), gold_truth(whole).tolist(), label_without_gold(whole).tolist(), strict=True
    ):
        labels[place] = _LABELS[came]
        if said != NO_LABEL:
            truth[place] = said
    ids = ([shard.comparison_ids[place] for place in kept], [shard.prompt_ids[place] for place in kept])
    return ShardVotes(*ids, labels, votes.filter(pc.invert(votes["gold"])), []), truth


@dataclass
class _Gold:
    """What every policy says of every gold pair that it never saw: +1, -1, or `NO_LABEL` where it publishes nothing."""

    truth: list[int] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    said: dict[str, list[int]] = field(default_factory=dict)

    def add(
        self, shard: ShardVotes, fold: int, asked: Asked, models: Mapping[str, LabelModel], clusters: Mapping[str, str]
    ) -> None:
        hidden, truth = without_gold(shard, fold)
        places = sorted(truth)
        self.truth += [truth[place] for place in places]
        self.clusters += [clusters.get(prompt, prompt) for prompt in (hidden.prompt_ids[place] for place in places)]
        for title, model in models.items():
            made = _decided(hidden, asked, title, model)
            self.said.setdefault(title, []).extend(_published(made[place]) for place in places)

    def figures(self, asked: Asked) -> tuple[OnGold, ...]:
        if not self.truth:
            return tuple(OnGold(0, None, None) for _ in asked.policies)
        _, cluster = np.unique(self.clusters, return_inverse=True)
        truth = np.array(self.truth)
        scores = [scores_of(truth, np.array(self.said[title])) for title in asked.policies]
        return tuple(on_gold(score, scores[0], cluster, asked.min_accuracy, asked.seed) for score in scores)


def _published(made: Decision) -> int:
    return NO_LABEL if made.weight is None else {"a": 1, "b": -1}[str(made.label)]
