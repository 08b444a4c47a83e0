"""Reference similarity: the response that is nearer to a reference answer, by characters and, where there are vectors, by meaning.

chrF is the F-score of character n-grams (Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation", with its
n = 6 and beta = 2): it needs no tokeniser and works in every language. Precision and recall are each averaged over the n-gram
orders, and of the two means the F-score is taken, as there and in sacreBLEU (chrF2, whitespace left out).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import Field

from prefcurate.schemas.canonical import canonical_json, stable_hash
from prefcurate.schemas.records import AnnotatorKind, Label
from prefcurate.transforms.annotate.annotator import Answer, LocalAnnotator, Question
from prefcurate.transforms.annotate.bradley_terry import sigmoid
from prefcurate.transforms.annotate.texts import materials, texts
from prefcurate.transforms.annotate.vectors import comparisons_with_vectors, vectors
from prefcurate.transforms.embed.embedder import embedder_of
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.store.snapshot import Snapshot

CHRF_ORDER = 6
CHRF_BETA = 2.0


def chrf(response: str, reference: str, order: int = CHRF_ORDER, beta: float = CHRF_BETA) -> float:
    """chrF of a response against a reference, from 0 to 1; orders for which either text is too short are left out."""
    texts_ = ("".join(response.split()), "".join(reference.split()))
    precisions, recalls = [], []
    for n in range(1, order + 1):
        said, wanted = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in texts_)
        if said and wanted:
            shared = (said & wanted).total()
            precisions.append(shared / said.total())
            recalls.append(shared / wanted.total())
    if not sum(precisions):
        return 0.0
    precision, recall = (sum(of) / len(of) for of in (precisions, recalls))
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def nearest(response: str, references: Sequence[str]) -> float:
    """chrF against the reference that the response is nearest to."""
    return max(chrf(response, reference) for reference in references)


def cosines(
    embed: EmbedOptions,
    snapshot: Snapshot,
    shard: int,
    questions: Sequence[Question],
    references: Mapping[str, Sequence[str]],
) -> dict[str, tuple[float, float]]:
    """By comparison id the cosine of either response's vector with the nearest reference's; none where vectors are missing.

    The stage embed gave the responses' vectors; references are few and are embedded here.
    """
    pairs = comparisons_with_vectors(snapshot, shard, embed.fingerprint(), questions)
    found = vectors(snapshot, shard, embed.fingerprint(), pairs)
    prompts = pairs.column("prompt_id").take(pa.array(found.rows)).to_pylist()
    needed = list(dict.fromkeys(text for prompt in dict.fromkeys(prompts) for text in references.get(prompt, ())))
    if not needed:
        return {}
    encoded = dict(zip(needed, embedder_of(embed).encode(needed), strict=True))
    result = {}
    for row, prompt in enumerate(prompts):
        if prompt in references:
            known = np.stack([encoded[text] for text in references[prompt]]).astype(np.float64)
            near_a, near_b = (
                float(np.max(known @ v[row].astype(np.float64))) for v in (found.response_a, found.response_b)
            )
            # A model in half precision may overflow: what is no number is nearer to nothing.
            if np.isfinite([near_a, near_b]).all():
                result[pairs.column("comparison_id")[int(found.rows[row])].as_py()] = (near_a, near_b)
    return result


class Similarity(LocalAnnotator):
    """Prefers the response that is nearer to a reference answer that came with the data (kind ``similarity``)."""

    kind: Literal["similarity"]
    by: Literal["characters", "meaning", "both"] = "both"
    """chrF, the cosine of embeddings, or the mean of the two."""
    margin: float = Field(default=0.02, ge=0, lt=1)
    """Differences of similarity up to this are ties."""
    sharpness: float = Field(default=10.0, gt=0)
    """How fast P(a) grows with the difference: ``p_a = 1 / (1 + exp(-sharpness * difference))``; consensus calibrates."""
    embed: EmbedOptions = EmbedOptions()
    """Whose vectors; the configuration fills it in from its own `embed`."""

    stored_kind: ClassVar[AnnotatorKind] = "program"
    algorithm: ClassVar[int] = 2

    def fingerprint(self) -> str:
        """Of the settings and the version of the measure."""
        model = None if self.by == "characters" else self.embed.fingerprint()
        return stable_hash("annotator", self.kind, self.algorithm, self.by, self.margin, self.sharpness, model)

    def bound(self, embed: EmbedOptions, gold: GoldOptions) -> Self:
        """The same annotator on the vectors of the configured model."""
        return self.model_copy(update={"embed": embed})

    def questions(self, snapshot: Snapshot, shard: int) -> Iterator[Question]:
        """Every comparison of a prompt that has a reference answer."""
        with snapshot.connect(["comparisons", "materials"], shard) as connection:
            query = (
                "SELECT prompt_id, comparison_id FROM comparisons SEMI JOIN "
                "(SELECT prompt_id FROM materials WHERE kind = 'reference' AND text <> '') USING (prompt_id) "
                "ORDER BY prompt_id, comparison_id"
            )
            rows = connection.sql(query).fetchall()
        return (Question(prompt_id, comparison_id) for prompt_id, comparison_id in rows)

    def answer(
        self, snapshot: Snapshot, shard: int, questions: Sequence[Question], artefact: bytes | None
    ) -> Iterable[Answer]:
        """Measures both responses of each pair against the prompt's references."""
        references = materials(snapshot, shard, "reference", questions)
        meaning = {} if self.by == "characters" else cosines(self.embed, snapshot, shard, questions, references)
        for pair in texts(snapshot, shard, questions):
            known = references.get(pair.question.prompt_id)
            found: list[tuple[str, float, float]] = []
            if known and self.by != "meaning":
                found.append(("chrf", nearest(pair.response_a, known), nearest(pair.response_b, known)))
            if pair.question.comparison_id in meaning:
                found.append(("cosine", *meaning[pair.question.comparison_id]))
            if found:
                yield self.judged(pair.question, found)

    def judged(self, question: Question, similarities: Sequence[tuple[str, float, float]]) -> Answer:
        """The answer that similarities (name, of a, of b) make: their mean decides."""
        difference = round(sum(a - b for _, a, b in similarities) / len(similarities), 6)
        label = Label.TIE if abs(difference) <= self.margin else Label.A if difference > 0 else Label.B
        p_a = round(float(sigmoid(np.array([self.sharpness * difference]))[0]), 6)
        rationale = canonical_json({name: {"a": round(a, 6), "b": round(b, 6)} for name, a, b in similarities})
        return Answer(question, label, p_a, difference, rationale)
