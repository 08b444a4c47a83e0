"""Training dynamics on a store: the published pairs and their vectors for the fit, and every pair watched by heads that never saw it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.annotate.examples import (
    ExampleFile,
    example_rows,
    features_of,
    read_examples,
    write_examples,
)
from prefcurate.transforms.annotate.vectors import comparisons_with_vectors, vectors
from prefcurate.transforms.consensus.decide import Decision
from prefcurate.transforms.consensus.dynamics import Dynamics, Watched, fit_dynamics, region, watched
from prefcurate.transforms.consensus.options import DynamicsOptions
from prefcurate.transforms.steps.units import Unit
from prefcurate.transforms.store.files import join, read_bytes, write_by_hash
from prefcurate.transforms.store.snapshot import Snapshot

_ROWS = 1024


@dataclass(frozen=True)
class Cartography:
    """How labels are watched: settings, whose vectors, seed."""

    options: DynamicsOptions
    vectors: str
    seed: int


def published_examples(unit: Unit, stage: str, decided: pa.Table, how: Cartography) -> ExampleFile:
    """Writes the published pairs of a shard that have vectors, at most its part of `max_pairs`, by hash."""
    snapshot, most = unit.snapshot, -(-how.options.max_pairs // unit.snapshot.store.shards)
    pairs = _labelled(comparisons_with_vectors(snapshot, unit.shard, how.vectors), decided)
    drawn = [(unit_interval(how.seed, c, "consensus/dynamics"), c) for c in pairs["comparison_id"].to_pylist()]
    chosen = pa.array([c for _, c in sorted(drawn)[:most]], pa.string())
    pairs = pairs.filter(pc.is_in(pairs["comparison_id"], value_set=chosen))
    examples = example_rows(pairs, vectors(snapshot, unit.shard, how.vectors, pairs))
    folder = join(snapshot.store.root, "_pending", stage, "dynamics", f"shard={unit.shard}")
    return write_examples(examples, unit.shard, folder)


def _labelled(pairs: pa.Table, decided: pa.Table) -> pa.Table:
    """Those of the pairs that are published, with their label (1 for a, 0 for b) as target and their weight."""
    published = decided.filter(pc.field("weight").is_valid())
    place = pc.index_in(pairs["comparison_id"], value_set=published["comparison_id"].combine_chunks())
    kept, place = pairs.filter(place.is_valid()), place.drop_null()
    target = pc.equal(published["label"], "a").cast(pa.float64()).take(place)
    return kept.append_column("target", target).append_column("weight", published["weight"].take(place))


def fit_examples(files: Sequence[ExampleFile], how: Cartography, root: str) -> str:
    """Trains the heads on one worker, in key order, and gives the address of what was kept of them."""
    examples = read_examples(files).sort_by("comparison_id")
    label = np.where(examples["target"].to_numpy() > 0.5, 1, -1)
    clusters = examples["prompt_cluster"].to_pylist()
    weight = examples["weight"].to_numpy()
    found = fit_dynamics(features_of(examples), label, weight, clusters, how.options, how.seed)
    return write_by_hash(join(root, "_artefacts"), found.to_bytes(), ".npy", prefix="dynamics-")


def load_dynamics(path: str) -> Dynamics:
    """What `fit_examples` kept."""
    return Dynamics.from_bytes(read_bytes(path))


def watch(snapshot: Snapshot, shard: int, dynamics: Dynamics, model: str) -> Iterator[tuple[str, Watched]]:
    """The dynamics of every pair of a shard that has vectors, published or not."""
    pairs = comparisons_with_vectors(snapshot, shard, model)
    for start in range(0, pairs.num_rows, _ROWS):
        some = pairs.slice(start, _ROWS)
        found = vectors(snapshot, shard, model, some)
        kept = some.take(pa.array(found.rows, pa.int64()))
        if not len(kept) or not dynamics.heads.any():
            continue
        told = watched(dynamics.probabilities(found.features(), kept["prompt_cluster"].to_pylist()))
        for comparison, one in zip(kept["comparison_id"].to_pylist(), told, strict=True):
            if one is not None:
                yield comparison, one


@dataclass(frozen=True)
class Map:
    """Every pair's dynamics, and what is done with labels that heads do not come to believe."""

    watched: dict[str, Watched]
    ambiguous: float
    options: DynamicsOptions

    def columns(self, comparison: str, label: str | None) -> dict[str, object]:
        """The columns of the table `consensus` that are about a label."""
        found = self.watched.get(comparison)
        if found is None or label not in ("a", "b"):
            return {}
        confidence = found.confidence(label)
        where = region(confidence, found.variability, self.ambiguous)
        return {"confidence": confidence, "variability": found.variability, "region": where}

    def truncated(self, comparison: str, made: Decision, proven: bool) -> Decision:
        """A decision after confidence truncation: one that heads do not believe is softened or dropped, unless it is proven.

        Args:
            comparison: its id.
            made: what consensus decided.
            proven: gold on this very pair, or a person's override, says so.
        """
        found = self.watched.get(comparison)
        if self.options.truncate == "no" or proven or found is None or made.weight is None or made.label is None:
            return made
        confidence = found.confidence(made.label)
        if confidence >= self.options.confidence:
            return made
        words = (
            f"{made.reason}; heads trained on the labels of other prompts give {made.label.upper()} only {confidence:.0%} on average, "
            f"less than dynamics.confidence {self.options.confidence:.0%}"
        )
        if self.options.truncate == "drop":
            return replace(
                made, decision="drop", label=None, expected_accuracy_low=None, weight=None, reason=f"{words}: dropped"
            )
        if made.decision == "soften":
            return made
        return replace(made, decision="soften", weight=made.weight / 2, reason=f"{words}: softened")
