"""The stage consensus: votes of every shard, one label model, a decision on every comparison."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import apache_beam as beam
import pyarrow as pa

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.examples import ExampleFile
from prefcurate.transforms.consensus.cartography import (
    Cartography,
    Map,
    fit_examples,
    load_dynamics,
    published_examples,
    watch,
)
from prefcurate.transforms.consensus.decide import Rules
from prefcurate.transforms.consensus.fit import fit_label_model
from prefcurate.transforms.consensus.how import KEY, How
from prefcurate.transforms.consensus.kinds import wrong_kinds
from prefcurate.transforms.consensus.model import LabelModel, load_model, save_model
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.consensus.overrides import read_overrides
from prefcurate.transforms.consensus.rows import consensus_rows
from prefcurate.transforms.consensus.shard import VotePart, read_shard, read_votes, write_votes
from prefcurate.transforms.consensus.signals import read_signals
from prefcurate.transforms.consensus.votes import VOTES, votes_of
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.steps.commit import CommitStage, Finished
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.units import Pin, ShardUnits, Unit
from prefcurate.transforms.store.parts import Part, write_part

READS = (
    "comparisons",
    "annotations",
    "occurrences",
    "gold",
    "calls",
    "ratings",
    "embeddings",
    "clusters",
    "attributes",
)
WRITES = ("consensus", "annotators")


@dataclass
class Consensus(beam.PTransform):
    """From annotations to the views `consensus` and `annotators`.

    Args:
        context: the stage.
        options: policy and minimal accuracy.
        gold: whose labels measure the others.
        overrides: address of the CSV file of overrides, or None.
        can_ask: there is a budget for more opinions, so that a pair may wait for one.
        vectors: fingerprint of the embedding model, for `options.dynamics`.
    """

    context: StageContext
    options: ConsensusOptions
    gold: GoldOptions
    overrides: str | None = None
    can_ask: bool = False
    vectors: str = ""

    def expand(self, root: beam.Pipeline) -> beam.PCollection[str]:
        """From a pipeline's root to the ledger entry's state."""
        pinned = root | Pin(self.context)
        units = pinned | ShardUnits()
        model = (
            units
            | "write votes" >> beam.Map(_Votes(self.context, self.options, self.gold)).with_output_types(VotePart)
            | "all votes" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "fit label model" >> beam.Map(_Fit(self.context, self.options)).with_output_types(str)
        )
        decide = _Decide(self.context, self.options, self.gold, self.overrides, self.can_ask, self.vectors)
        dynamics = self._dynamics(root, units, decide, model)
        decided = units | "decide" >> beam.FlatMap(
            decide.parts, beam.pvalue.AsSingleton(model), beam.pvalue.AsSingleton(dynamics)
        ).with_output_types(Part | Finished)
        return decided | CommitStage(self.context, pinned)

    def _dynamics(
        self, root: beam.Pipeline, units: beam.PCollection[Unit], decide: "_Decide", model: beam.PCollection[str]
    ) -> beam.PCollection[str]:
        """The address of the heads that watch the labels; "" where none are asked for."""
        if decide.cartography is None:
            return root | "no dynamics" >> beam.Create([""])
        return (
            units
            | "published pairs"
            >> beam.Map(decide.examples, beam.pvalue.AsSingleton(model)).with_output_types(ExampleFile)
            | "all published pairs" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
            | "train heads"
            >> beam.Map(fit_examples, decide.cartography, self.context.store.root).with_output_types(str)
        )


@dataclass(frozen=True)
class _Votes:
    context: StageContext
    options: ConsensusOptions
    gold: GoldOptions

    def __call__(self, unit: Unit) -> VotePart:
        gated, closest, formatting = self.options.gated, self.options.closest, self.options.rules().borne_out
        return write_votes(unit, self.context.stage, self.gold, self.context.seed, gated, closest, formatting)


@dataclass(frozen=True)
class _Fit:
    context: StageContext
    options: ConsensusOptions

    def __call__(self, parts: Sequence[VotePart]) -> str:
        model = fit_parts(parts, self.options)
        return save_model(self.context.store.root, model)


def fit_parts(parts: Sequence[VotePart], options: ConsensusOptions, without: int | None = None) -> LabelModel:
    """Fits the label model to the matrices of all shards; above `Policy.fit_pairs` pairs to a sample by hash.

    Args:
        parts: the matrices.
        options: the policy.
        without: a fold whose gold is hidden, so that what is fitted can be tried on it.
    """
    policy = options.rules()
    sample = policy.fit_pairs / max(1, sum(part.pairs for part in parts))
    cost: dict[str, float] = {}
    for part in sorted(parts):
        for annotator, price in part.cost:
            cost[annotator] = cost.get(annotator, 0.0) + price
    # Nobody holds the tables while the model is fitted.
    votes = votes_of([read_votes(part, sample, without) for part in sorted(parts)] or [VOTES.empty_table()])
    model = fit_label_model(votes, policy, cost)
    wrong = wrong_kinds(kind for part in sorted(parts) for kind in part.kinds)
    return replace(
        model, annotators=tuple(replace(row, wrong_on=wrong.get(row.annotator, ())) for row in model.annotators)
    )


@dataclass(frozen=True)
class _Decide:
    context: StageContext
    options: ConsensusOptions
    gold: GoldOptions
    overrides: str | None
    can_ask: bool
    vectors: str = ""

    @property
    def cartography(self) -> Cartography | None:
        """How labels are watched, where they are."""
        dynamics = self.options.dynamics
        return None if dynamics is None else Cartography(dynamics, self.vectors, self.context.seed)

    def examples(self, unit: Unit, model_path: str) -> ExampleFile:
        """What heads learn from in a shard: the pairs that consensus alone would publish."""
        assert self.cartography is not None
        return published_examples(unit, self.context.stage, self._rows(unit, load_model(model_path)), self.cartography)

    def _rows(self, unit: Unit, model: LabelModel, seen: Map | None = None) -> pa.Table:
        rules = Rules(self.options.rules(), self.options.min_accuracy, model.strata, self.can_ask)
        words = {} if self.overrides is None else read_overrides(self.overrides)
        gated, closest, formatting = self.options.gated, self.options.closest, rules.policy.borne_out
        shard = read_shard(unit.snapshot, unit.shard, self.gold, self.context.seed, gated, closest, formatting)
        signals = read_signals(unit.snapshot, unit.shard, self.gold, self.options.agreement)
        return consensus_rows(shard, model, rules, words, signals, seen)

    def _seen(self, unit: Unit, path: str) -> Map | None:
        if self.options.dynamics is None:
            return None
        dynamics = load_dynamics(path)
        found = dict(watch(unit.snapshot, unit.shard, dynamics, self.vectors))
        return Map(found, dynamics.ambiguous, self.options.dynamics)

    def parts(self, unit: Unit, model_path: str, dynamics_path: str) -> Iterator[Part | Finished]:
        """The decisions of a shard, and what is about no prompt beside the first."""
        model = load_model(model_path)
        tables = {"consensus": self._rows(unit, model, self._seen(unit, dynamics_path))}
        if unit.shard == 0:
            tables["annotators"] = annotator_rows(model)
            yield Finished(KEY, self._how(model_path).to_json())
        for name, table in tables.items():
            part = write_part(self.context.store.root, name, unit.shard, [table])
            if part is not None:
                yield part

    def _how(self, model_path: str) -> How:
        title, name = self.options.rules().title, model_path.rsplit("/", 1)[-1]
        return How(
            title,
            self.options.min_accuracy,
            self.can_ask,
            self.context.seed,
            self.gold,
            name,
            self.options.gated,
            self.options.closest,
        )


def annotator_rows(model: LabelModel) -> pa.Table:
    """The table `annotators`: it is about no prompt and lies in shard 0. One name in two families is one row."""
    schema = TABLES["annotators"].schema
    rows = {figures.annotator: asdict(figures) | {"prompt_id": ""} for figures in reversed(model.annotators)}
    return pa.Table.from_pylist([rows[name] for name in sorted(rows)], schema=schema)
