"""Training dynamics on a store: the published pairs and their vectors for the fit, and every pair watched by heads that never saw it."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc

from prefcurate.schemas.canonical import unit_interval
from prefcurate.transforms.annotate.bradley_terry import pair_features
from prefcurate.transforms.annotate.examples import EXAMPLES
from prefcurate.transforms.annotate.vectors import comparisons_with_vectors, vectors
from prefcurate.transforms.consensus.decide import Decision
from prefcurate.transforms.consensus.dynamics import Dynamics, Watched, fit_dynamics, region, watched
from prefcurate.transforms.consensus.options import DynamicsOptions
from prefcurate.transforms.consensus.votes import Floats
from prefcurate.transforms.steps.units import Unit
from prefcurate.transforms.store.files import join, read_bytes, write_bytes
from prefcurate.transforms.store.snapshot import Snapshot

_ROWS = 1024


@dataclass(frozen=True)
class Cartography:
    """How labels are watched: settings, whose vectors, seed."""

    options: DynamicsOptions
    vectors: str
    seed: int


@dataclass(frozen=True, order=True)
class ExamplePart:
    """A shard's examples, waiting for the fit."""

    shard: int
    path: str


def write_examples(unit: Unit, stage: str, decided: pa.Table, how: Cartography) -> ExamplePart:
    """Writes the published pairs of a shard that have vectors, at most its part of `max_pairs`, by hash."""
    most = -(-how.options.max_pairs // unit.snapshot.store.shards)
    labels = _labels(decided)
    pairs = comparisons_with_vectors(unit.snapshot, unit.shard, how.vectors)
    ids = [c for c in pairs["comparison_id"].to_pylist() if c in labels]
    chosen = set(sorted(ids, key=lambda c: (unit_interval(how.seed, c, "consensus/dynamics"), c))[:most])
    pairs = pairs.filter(pa.array([c in chosen for c in pairs["comparison_id"].to_pylist()], pa.bool_()))
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, EXAMPLES) as writer:
        for start in range(0, pairs.num_rows, _ROWS):
            writer.write_table(_examples(unit.snapshot, unit.shard, how.vectors, pairs.slice(start, _ROWS), labels))
    content = sink.getvalue().to_pybytes()
    name = f"{hashlib.sha256(content).hexdigest()}.arrow"
    path = join(unit.snapshot.store.root, "_pending", stage, "dynamics", f"shard={unit.shard}", name)
    write_bytes(path, content)
    return ExamplePart(unit.shard, path)


def _labels(decided: pa.Table) -> dict[str, tuple[float, float]]:
    """Target and weight of the published pairs."""
    columns = (decided[name].to_pylist() for name in ("comparison_id", "label", "weight"))
    return {c: (float(label == "a"), weight) for c, label, weight in zip(*columns, strict=True) if weight is not None}


def _examples(
    snapshot: Snapshot, shard: int, model: str, pairs: pa.Table, labels: dict[str, tuple[float, float]]
) -> pa.Table:
    found = vectors(snapshot, shard, model, pairs)
    kept = pairs.take(pa.array(found.rows, pa.int64()))
    told = [labels[c] for c in kept["comparison_id"].to_pylist()]
    columns = {
        "comparison_id": kept["comparison_id"], "prompt_cluster": kept["prompt_cluster"],
        "target": [target for target, _ in told], "weight": [weight for _, weight in told],
        "prompt": list(found.prompt), "response_a": list(found.response_a), "response_b": list(found.response_b),
    }  # fmt: skip
    return pa.table(columns).cast(EXAMPLES)


def fit_examples(parts: Sequence[ExamplePart], how: Cartography, root: str) -> str:
    """Trains the heads on one worker, in key order, and gives the address of what was kept of them."""
    tables = [ipc.open_file(pa.BufferReader(read_bytes(part.path))).read_all() for part in sorted(parts)]
    examples = pa.concat_tables([EXAMPLES.empty_table(), *tables]).sort_by("comparison_id")
    features = _features(*(_matrix(examples[name]) for name in ("prompt", "response_a", "response_b")))
    label = np.where(examples["target"].to_numpy() > 0.5, 1, -1)
    clusters = examples["prompt_cluster"].to_pylist()
    found = fit_dynamics(features, label, examples["weight"].to_numpy(), clusters, how.options, how.seed)
    content = found.to_bytes()
    path = join(root, "_artefacts", f"dynamics-{hashlib.sha256(content).hexdigest()}.npy")
    write_bytes(path, content)
    return path


def _matrix(column: pa.ChunkedArray) -> Floats:
    if not len(column):
        return np.zeros((0, 1))
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    found: Floats = flat.reshape(len(column), -1).astype(np.float64)
    return found


def _features(prompt: Floats, one: Floats, other: Floats) -> Floats:
    return pair_features(*(np.asarray(each, np.float64) for each in (prompt, one, other)))


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
        features = _features(found.prompt, found.response_a, found.response_b)
        told = watched(dynamics.probabilities(features, kept["prompt_cluster"].to_pylist()))
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
