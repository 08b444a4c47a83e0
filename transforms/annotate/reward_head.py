"""Reward heads: Bradley-Terry heads on the store's vectors, learned from labels that came with the data, cross-fitted by prompt cluster.

What is fitted is small and cheap, so nothing of it is kept but its answers. A fingerprint covers settings, never data: rows that
were scored stay as they are, and only new comparisons are scored, by heads fitted on the labels there are at that time. So a label
that arrives costs nothing and no second generation of scores stands beside the first. Whoever wants all rows scored anew, since there
are far more labels now, raises `generation`: the old scores then take no part, since the configuration no longer names them. So it
is where `gold` changes: no score may have been learned from what is gold of side audit.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from prefcurate.schemas.canonical import canonical_json, stable_hash
from prefcurate.schemas.records import AnnotatorKind, Label
from prefcurate.transforms.annotate.annotator import Answer, FittedAnnotator, Question
from prefcurate.transforms.annotate.bradley_terry import (
    Examples,
    Floats,
    FoldHeads,
    Labelled,
    fit_heads,
    fold_of,
    sigmoid,
    single_thread,
)
from prefcurate.transforms.annotate.examples import (
    LearnFrom,
    allowed_labels,
    example_rows,
    features_of,
    training_pairs,
)
from prefcurate.transforms.annotate.vectors import Vectors, comparisons_with_vectors, vectors
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.options import enough_outside_a_fold
from prefcurate.transforms.store.snapshot import Snapshot

_HEADS = pa.schema(
    [
        ("fold", pa.int64()),
        ("members", pa.list_(pa.list_(pa.float64()))),
        ("penalty", pa.float64()),
        ("pairs", pa.int64()),
        ("folds", pa.int64()),
        ("seed", pa.int64()),
        ("ties", pa.list_(pa.list_(pa.float64()))),
    ]
)

_PIECE = 2048


class RewardHead(FittedAnnotator):
    """An ensemble of linear Bradley-Terry heads on frozen embeddings (kind ``reward_head``)."""

    kind: Literal["reward_head"]
    members: int = Field(default=8, ge=2, le=64)
    """Heads an ensemble; their spread tells how sure it is."""
    learn_from: LearnFrom = "all"
    """Labels that came with the data: of people only, of everybody, or only gold of side `fit`. Never gold of side `audit`."""
    folds: int = Field(default=5, ge=3, le=20)
    """Parts of the prompt clusters: each is scored by heads that learned from the others, whose penalty and slope were tried on a third."""
    min_labels: int = Field(default=50, ge=10)
    """Labelled pairs outside a fold below which its pairs are not scored."""
    max_pairs: int = Field(default=50_000, ge=100)
    """Labelled pairs that are learned from at most, a hash sample; about 20 KB of memory a pair at 384 dimensions."""
    generation: int = Field(default=1, ge=1)
    """Raised by hand to have everything scored anew with the labels that have come since."""
    embed: EmbedOptions = EmbedOptions()
    """Whose vectors; the configuration fills it in from its own `embed`."""
    gold: GoldOptions = GoldOptions()
    """Whose labels are gold; the configuration fills it in from its own `gold`."""

    stored_kind: ClassVar[AnnotatorKind] = "reward_model"
    algorithm: ClassVar[int] = 1

    @model_validator(mode="after")
    def _can_learn(self) -> Self:
        enough_outside_a_fold("labelled pairs", self.min_labels, self.max_pairs, self.folds)
        return self

    @property
    def family(self) -> str:
        """Heads on the same vectors that learned from the same labels share their errors, whatever their settings and generation."""
        return f"reward_head:{self.embed.model}/{self.learn_from}"

    def bound(self, embed: EmbedOptions, gold: GoldOptions) -> Self:
        """The same annotator with what it needs to know of the rest of the configuration."""
        return self.model_copy(update={"embed": embed, "gold": gold})

    def fingerprint(self) -> str:
        """Of the settings, the embedding model, whose labels are gold, and the algorithm; not of the labels (see the module)."""
        settings = self.model_dump(mode="json", exclude={"name", "max_pairs", "embed", "gold"})
        # Scores that were learned before somebody was called gold may rest on labels that are audit's by now.
        named = self.gold.annotators or self.gold.sources
        gold = self.gold.model_dump(mode="json", include={"annotators", "sources"}) if named else None
        return stable_hash("annotator", self.algorithm, settings, self.embed.fingerprint(), gold)

    def questions(self, snapshot: Snapshot, shard: int) -> Iterator[Question]:
        """Every comparison whose three texts have vectors."""
        pairs = comparisons_with_vectors(snapshot, shard, self.embed.fingerprint())
        columns = (pairs.column("prompt_id").to_pylist(), pairs.column("comparison_id").to_pylist())
        return (Question(prompt_id, comparison_id) for prompt_id, comparison_id in zip(*columns, strict=True))

    def examples(self, snapshot: Snapshot, shard: int) -> pa.Table:
        """The labelled pairs of a shard with their vectors, at most the shard's part of `max_pairs`."""
        return self.labelled(snapshot, shard, allowed_labels(snapshot, shard, self.learn_from, self.gold))

    def labelled(self, snapshot: Snapshot, shard: int, allowed: frozenset[str]) -> pa.Table:
        """The examples that some labels (ids of annotations) make."""
        most = -(-self.max_pairs // snapshot.store.shards)
        model = self.embed.fingerprint()
        pairs = training_pairs(comparisons_with_vectors(snapshot, shard, model), snapshot, shard, allowed, most)
        return example_rows(pairs, vectors(snapshot, shard, model, pairs))

    def fit(self, examples: pa.Table, seed: int) -> bytes | None:
        """Heads for every fold, as an Arrow file; None when no fold has enough labels outside it."""
        if examples.num_rows < self.min_labels:
            return None
        learned = self.learned(examples.sort_by("comparison_id").slice(0, self.max_pairs))
        heads = fit_heads(learned, self.members, self.folds, seed, self.min_labels)
        return write_heads(heads, self.folds, seed) if heads else None

    def learned(self, examples: pa.Table) -> Labelled:
        """Examples as heads learn from them."""
        return Examples(
            features_of(examples),
            examples.column("target").to_numpy(),
            examples.column("weight").to_numpy(),
            tuple(examples.column("prompt_cluster").to_pylist()),
        )

    def answer(
        self, snapshot: Snapshot, shard: int, questions: Sequence[Question], artefact: bytes | None
    ) -> Iterable[Answer]:
        """Scores pairs with the heads that have not seen their prompt cluster's fold."""
        if artefact is None:
            return
        heads = read_heads(artefact)
        pairs = comparisons_with_vectors(snapshot, shard, self.embed.fingerprint(), questions)
        by_id = {question.comparison_id: question for question in questions}
        for start in range(0, pairs.num_rows, _PIECE):
            yield from self._scored(heads, pairs.slice(start, _PIECE), snapshot, shard, by_id)

    def _scored(
        self, heads: "Heads", pairs: pa.Table, snapshot: Snapshot, shard: int, by_id: dict[str, Question]
    ) -> Iterator[Answer]:
        found = vectors(snapshot, shard, self.embed.fingerprint(), pairs)
        kept = pairs.take(pa.array(found.rows, pa.int64()))
        scores = heads.scores(found, kept.column("prompt_cluster").to_pylist())
        for comparison_id, score in zip(kept.column("comparison_id").to_pylist(), scores, strict=True):
            if score is not None:
                yield self.judged(by_id[comparison_id], *score)

    def judged(self, question: Question, differences: Floats, heads: FoldHeads) -> Answer:
        """The answer that the members' score differences make."""
        return scored(question, differences, heads.pairs)


@dataclass(frozen=True)
class Heads:
    """The fitted heads of all folds."""

    by_fold: dict[int, FoldHeads]
    folds: int
    seed: int

    def scores(self, found: Vectors, clusters: Sequence[str]) -> list[tuple[Floats, FoldHeads] | None]:
        """For each pair the members' score differences and the heads that gave them; None without heads."""
        folds = [fold_of(cluster, self.folds, self.seed) for cluster in clusters]
        with single_thread():
            return [
                None if (heads := self.by_fold.get(fold)) is None else (heads.members @ row, heads)
                for fold, row in zip(folds, found.features(), strict=True)
            ]


def scored(question: Question, differences: Floats, learned_from: int) -> Answer:
    """The answer that the members' score differences (a less b, in log-odds) make: their mean, and their spread beside it."""
    mean = round(float(np.mean(differences)), 6)
    label = Label.TIE if mean == 0 else Label.A if mean > 0 else Label.B
    spread = round(float(np.std(differences)), 6)
    rationale = canonical_json({"mean": mean, "spread": spread, "learned_from": learned_from})
    return Answer(question, label, round(float(sigmoid(np.array([mean]))[0]), 6), mean, rationale, spread=spread)


def write_heads(heads: Sequence[FoldHeads], folds: int, seed: int) -> bytes:
    """Fitted heads as bytes."""
    rows = [
        {
            "fold": h.fold,
            "members": h.members.tolist(),
            "penalty": h.penalty,
            "pairs": h.pairs,
            "folds": folds,
            "seed": seed,
            "ties": h.ties,
        }
        for h in heads
    ]
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, _HEADS) as writer:
        writer.write_table(pa.Table.from_pylist(rows, schema=_HEADS))
    return sink.getvalue()


def read_heads(artefact: bytes) -> Heads:
    """What `write_heads` wrote."""
    rows = pa.ipc.open_file(artefact).read_all().to_pylist()
    found = {
        r["fold"]: FoldHeads(
            r["fold"], np.array(r["members"], np.float64), r["penalty"], r["pairs"], tuple((s, t) for s, t in r["ties"])
        )
        for r in rows
    }
    return Heads(found, rows[0]["folds"], rows[0]["seed"])
