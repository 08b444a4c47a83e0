"""A million pairs with five annotators each: seconds of processor, memory, and the same bytes from run to run and runner to runner.

Votes are made as the shards would write them, without text: three of six judges in one order or both, two of a crowd of people, gold on one
pair of five hundred, four pairs a prompt. The graph is the stage's own: votes of every shard, one fit, probabilities of every shard.
"""

import hashlib
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.options.pipeline_options import PipelineOptions

from prefcurate.transforms.consensus.acts import acts_of
from prefcurate.transforms.consensus.consensus import fit_parts
from prefcurate.transforms.consensus.model import load_model, save_model
from prefcurate.transforms.consensus.options import ConsensusOptions
from prefcurate.transforms.consensus.posterior import posterior
from prefcurate.transforms.consensus.shard import VotePart, read_votes
from prefcurate.transforms.consensus.votes import FOLDS, NO_LABEL, VOTES, gold_truth, votes_of

SHARDS = 16
JUDGES, PEOPLE = 6, 2000
MODELS, TASKS = 20, 8


def shard_of_votes(shard: int, pairs: int) -> pa.Table:
    """The vote matrix of one shard, whose truth follows the strengths of responses."""
    rng = np.random.default_rng(shard)
    prompt = np.arange(pairs) // 4
    strength = rng.standard_normal((prompt.max() + 1, 4))
    a, b = np.arange(pairs) % 4, (np.arange(pairs) % 4 + 1) % 4
    truth = np.where(strength[prompt, a] > strength[prompt, b], 1, -1)
    length = rng.normal(0.2 * truth, 0.5)
    wrote = rng.integers(1, MODELS + 1, (prompt.max() + 1, 4))
    judges = np.argsort(rng.random((pairs, JUDGES)), axis=1)[:, :3]
    people = JUDGES + np.stack([rng.integers(0, PEOPLE, pairs), rng.integers(0, PEOPLE, pairs)], axis=1)
    who = np.concatenate([judges, people], axis=1).ravel()
    pair = np.repeat(np.arange(pairs), 5)
    accuracy = np.concatenate([np.linspace(0.6, 0.8, JUDGES), np.random.default_rng(99).uniform(0.55, 0.9, PEOPLE)])
    label = np.where(rng.random(len(who)) < accuracy[who], truth[pair], -truth[pair])
    order = np.where(who < JUDGES, np.where(rng.random(len(who)) < 0.5, 1, -1), 0)
    golden = np.flatnonzero(rng.random(pairs) < 0.002)
    pair, who, label, order = (
        np.concatenate(each)
        for each in (
            (pair, golden),
            (who, np.full(len(golden), JUDGES + PEOPLE)),
            (label, truth[golden]),
            (order, np.zeros(len(golden), int)),
        )
    )
    at = np.argsort(pair, kind="stable")
    pair, who, label, order = pair[at], who[at], label[at], order[at]
    names = [f"llm_judge:judge{i}" for i in range(JUDGES)] + [f"person:crowd/{i}" for i in range(PEOPLE)]
    names.append("person:gold/expert")
    kinds = pa.DictionaryArray.from_arrays(pa.array((who >= JUDGES).astype(np.int32)), ["llm_judge", "person"])
    named = pa.DictionaryArray.from_arrays(pa.array(who.astype(np.int32)), names)
    response = (np.int64(shard) << 40) + prompt[pair] * 8
    columns = {
        "pair": pair, "annotator": named, "family": named, "kind": kinds, "label": label, "order": order,
        "judgement": (np.int64(shard) << 40) + np.arange(len(pair)), "gold": who == JUDGES + PEOPLE, "given": who >= JUDGES,
        "fold": (prompt[pair] * 7919 + shard) % FOLDS, "longer": np.sign(np.where(np.abs(length) > 0.1, length, 0))[pair],
        "chance": rng.random(pairs)[pair], "a": response + a[pair], "b": response + b[pair], "length": length[pair],
        "format": np.sign(length)[pair] * 0.5, "task": (prompt % TASKS + 1)[pair],
        "model_a": wrote[prompt, a][pair], "model_b": wrote[prompt, b][pair],
    }  # fmt: skip
    return pa.table({name: columns[name] for name in VOTES.names}).cast(VOTES)


@dataclass(frozen=True)
class Fit:
    """The model of all shards, under a folder."""

    folder: str
    policy: str

    def __call__(self, parts: Sequence[VotePart]) -> str:
        """The model's address, which ends in the hash of its content."""
        start = time.process_time()
        path = save_model(self.folder, fit_parts(parts, ConsensusOptions(policy=self.policy)))
        print(f"    fit: {time.process_time() - start:.0f} s of processor, most memory {_memory():.1f} GB", flush=True)
        return path


def probabilities_hash(part: VotePart, model_path: str) -> tuple[int, str, float]:
    """The hash of a shard's probabilities and the seconds that they took."""
    start = time.process_time()
    model = load_model(model_path)
    votes = votes_of([read_votes(part, 1.0)])
    acts = acts_of(votes, model.voices)
    told = posterior(model, acts.keep(acts.voice >= 0), votes.fold, gold_truth(votes) != NO_LABEL, votes.sides)
    return part.shard, hashlib.sha256(told.tobytes()).hexdigest(), time.process_time() - start


def run(parts: list[VotePart], folder: str, policy: str, workers: int) -> tuple[str, str]:
    """Fits and computes in Beam's runner on one machine; the hashes of the model and of all probabilities."""
    mode = "in_memory" if workers == 1 else "multi_processing"
    options = PipelineOptions(
        ["--runner=FnApiRunner", f"--direct_num_workers={workers}", f"--direct_running_mode={mode}"]
    )
    out = Path(tempfile.mkdtemp(dir=folder))
    with beam.Pipeline(options=options) as pipeline:
        shards = pipeline | beam.Create(parts) | beam.Reshuffle()
        model = shards | beam.CombineGlobally(beam.combiners.ToListCombineFn()) | beam.Map(Fit(str(out), policy))
        told = shards | beam.Map(probabilities_hash, beam.pvalue.AsSingleton(model))
        _ = (
            told
            | beam.combiners.ToList()
            | beam.Map(lambda rows: "\n".join(f"{s} {h} {t:.2f}" for s, h, t in sorted(rows)))
            | beam.io.WriteToText(str(out / "told"), shard_name_template="")
        )
    rows = [line.split() for line in (out / "told").read_text().splitlines()]
    print(f"    probabilities: {sum(float(row[2]) for row in rows):.0f} s of processor in all")
    (model_file,) = (out / "_artefacts").iterdir()
    return model_file.stem.rsplit("-", 1)[-1][:16], hashlib.sha256("".join(r[1] for r in rows).encode()).hexdigest()[
        :16
    ]


def measure(policies: list[str], pairs: int) -> None:
    """Prints time, memory and hashes."""
    print(f"\n{pairs:,} pairs, five annotators each, {SHARDS} shards")
    with tempfile.TemporaryDirectory() as folder:
        parts = []
        for shard in range(SHARDS):
            path = f"{folder}/{shard}.parquet"
            pq.write_table(shard_of_votes(shard, pairs // SHARDS), path, compression="zstd")
            parts.append(VotePart(shard, path, pairs // SHARDS, ()))
        for policy in policies:
            found = []
            for workers, given in ((1, parts), (2, parts[::-1])):
                start = time.perf_counter()
                found.append(run(given, folder, policy, workers))
                seconds = time.perf_counter() - start
                print(
                    f"  {policy:<15} {workers} worker(s): {seconds:.0f} s in all, model {found[-1][0]}, probabilities {found[-1][1]}",
                    flush=True,
                )
            print(f"  {policy:<15} {'the same bytes' if len(set(found)) == 1 else 'DIFFERENT BYTES'}")


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
