"""What an annotator is: it names the questions that it would answer, and answers those that nobody answered yet.

An annotator is its own settings: a frozen pydantic model, one entry of the list `annotators` of the YAML, told apart by
`kind`. To add one: a class of one of the three sorts below in a module of its own, and its name in the union of
`prefcurate.transforms.annotate.options`. The stage finds what is missing, cuts it into units, writes what comes back after
each small batch, and takes up what a dead run left; an annotator knows nothing of that.

- `LocalAnnotator`: computes answers on this machine, for nothing (reference similarity, instruction checks).
- `FittedAnnotator`: a local one that learns first (reward heads): every shard gives compact examples, one worker fits
  them, the result is a file of the store, each shard is then scored with it.
- `AskedAnnotator`: asks a chat endpoint and may cost money (LLM judges).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.records import AnnotatorKind, Label, ParseStatus
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.chat import ChatOptions, Message, Reply, Request
from prefcurate.transforms.embed.options import EmbedOptions
from prefcurate.transforms.ingest.options import GoldOptions
from prefcurate.transforms.options import Options
from prefcurate.transforms.store.snapshot import Snapshot

OrderShown = Literal["ab", "ba", "unknown"]


@dataclass(frozen=True, slots=True)
class Question:
    """One condition under which one comparison is put to an annotator. Small: questions are made for whole shards.

    `order_shown` is ``ab`` when response_a is shown first, and ``unknown`` for those that are shown no order.
    """

    prompt_id: str
    comparison_id: str
    order_shown: OrderShown = "unknown"
    attribute: str = "overall"
    context: str = "none"
    principle: str | None = None
    rubric_id: str | None = None
    sample: int = 0
    attempt: int = 0

    def annotation_id(self, fingerprint: str) -> str:
        """The id of the answer: it hashes the question, never the answer."""
        return stable_hash(
            "annotation",
            self.comparison_id,
            fingerprint,
            self.order_shown,
            self.attribute,
            self.context,
            self.principle,
            self.rubric_id,
            self.sample,
            self.attempt,
        )

    def again(self) -> "Question":
        """The same question as a further attempt, after an answer that could not be read."""
        return replace(self, attempt=self.attempt + 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """An annotator's opinion on a question; always about response_a and response_b as stored.

    A `label` of None says that there is an answer without a verdict: `parse_status` tells why. `strength` is positive towards a,
    in the annotator's own units (for a reward head the mean difference of scores), and `spread` how far the members of an ensemble
    are apart in it. `p_tie` is told by those that tell ties apart; P(b) is then 1 - p_a - p_tie.
    """

    question: Question
    label: Label | None
    p_a: float | None = None
    strength: float | None = None
    rationale: str | None = None
    raw_output: str | None = None
    parse_status: ParseStatus = "ok"
    call_id: str | None = None
    spread: float | None = None
    p_tie: float | None = None


class Annotator(Options, ABC):
    """One annotator of ours. Subclasses set `kind` to a ``Literal`` and the class variables, and add their settings."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    kind: str

    stored_kind: ClassVar[AnnotatorKind]
    """The column `kind` of its annotations."""
    filled_in: ClassVar[tuple[str, ...]] = ("embed", "gold")
    """Settings that stand at the top of the configuration and come from there (see `bound`), where it has them."""
    algorithm: ClassVar[int] = 1
    """Raised by hand when the same settings would answer otherwise; part of the fingerprint."""

    @model_validator(mode="before")
    @classmethod
    def _one_for_all(cls, values: Any) -> Any:
        for key in cls.filled_in:
            if isinstance(values, dict) and key in values and key in cls.model_fields:
                raise ValueError(
                    f"{key}: it stands at the top of the configuration and holds for all annotators; remove it here"
                )
        return values

    @property
    def annotator(self) -> str:
        """Its name in the tables."""
        return f"{self.kind}:{self.name}"

    def bound(self, embed: EmbedOptions, gold: GoldOptions) -> Self:
        """The same annotator with what it needs to know of the rest of the configuration; most need nothing."""
        return self

    @property
    def family(self) -> str:
        """Members of one family count once in consensus: samples, orders and members of one model."""
        return self.annotator

    @abstractmethod
    def fingerprint(self) -> str:
        """Of everything that can change one answer: settings, prompts, models, `algorithm`. Never endpoint, price,
        budget, concurrency."""

    @abstractmethod
    def questions(self, snapshot: Snapshot, shard: int) -> Iterator[Question]:
        """Every question (attempt 0) that it would answer about a shard, sorted by prompt_id and comparison_id.

        It reads ids and whatever tells whether there is something to answer, never the texts of a whole shard at once.
        """


class LocalAnnotator(Annotator):
    """Computes its answers itself, at no cost; the same facts give the same answers."""

    @abstractmethod
    def answer(
        self, snapshot: Snapshot, shard: int, questions: Sequence[Question], artefact: bytes | None
    ) -> Iterable[Answer]:
        """Answers questions about one shard (some thousands at most, sorted as `questions` gave them).

        Questions that turn out to have no answer are left out; they are named again by the next run.

        Args:
            snapshot: what the stage reads.
            shard: the shard of all the questions.
            questions: those that are missing.
            artefact: what `FittedAnnotator.fit` gave; None for all others.
        """


class FittedAnnotator(LocalAnnotator):
    """Learns from the whole store before it answers. Nothing that it learns from may be derived from its own answers."""

    @abstractmethod
    def examples(self, snapshot: Snapshot, shard: int) -> pa.Table:
        """What a shard gives to learn from, compactly (ids, vectors, integers), in key order; the same columns everywhere."""

    @abstractmethod
    def fit(self, examples: pa.Table, seed: int) -> bytes | None:
        """Fits on one worker with one thread: the same examples give the same bytes.

        Args:
            examples: the tables of all shards one after the other, in the order of the shards.
            seed: of the configuration.

        Returns:
            What `answer` needs, or None when there is too little to learn from: then it answers nothing this time.
        """


class AskedAnnotator(Annotator):
    """Asks a chat endpoint, one request a question; the stage sends, retries, pays and keeps accounts."""

    @property
    @abstractmethod
    def chat(self) -> ChatOptions:
        """Where and how it asks, and what that may cost."""

    @property
    @abstractmethod
    def max_attempts(self) -> int:
        """How often a question is asked at most when its answers cannot be read."""

    def answer_schema(self) -> str | None:
        """A JSON schema (as JSON) of its answers, where the endpoint can be held to one."""
        return None

    @abstractmethod
    def messages(self, question: Question, prompt: str, response_a: str, response_b: str) -> tuple[Message, ...]:
        """What is sent for a question, from the rendered texts of its comparison."""

    def request(self, question: Question, prompt: str, response_a: str, response_b: str) -> Request:
        """The request for a question; its key is the id of the annotation that a readable reply becomes."""
        return Request(
            key=question.annotation_id(self.fingerprint()),
            messages=self.messages(question, prompt, response_a, response_b),
            schema=self.answer_schema(),
            prompt_id=question.prompt_id,
            comparison_id=question.comparison_id,
            sample=question.sample,
        )

    @abstractmethod
    def read(self, question: Question, reply: Reply) -> Answer:
        """The answer that a reply gives; one that cannot be read has a `parse_status` that says so. Never raises."""


def check_distinct(annotators: Iterable[Annotator]) -> None:
    """Two names for one annotator would be asked and paid twice and count twice.

    Raises:
        ValueError: names both.
    """
    seen: dict[str, str] = {}
    for annotator in annotators:
        other = seen.setdefault(annotator.fingerprint(), annotator.name)
        if other != annotator.name:
            raise ValueError(
                f"annotators {other!r} and {annotator.name!r} are the same annotator under two names: remove one, or where their "
                "endpoints serve different models under one name, set `revision` (of reward heads `generation`)"
            )


def annotation_rows(annotator: Annotator, answers: Iterable[Answer]) -> pa.Table:
    """Answers as rows of the table `annotations`: each is an act of its own."""
    fingerprint = annotator.fingerprint()
    rows = [
        {
            "prompt_id": answer.question.prompt_id,
            "annotation_id": (key := answer.question.annotation_id(fingerprint)),
            "comparison_id": answer.question.comparison_id,
            "annotator": annotator.annotator,
            "kind": annotator.stored_kind,
            "family": annotator.family,
            "fingerprint": fingerprint,
            "label": None if answer.label is None else str(answer.label),
            "p_a": answer.p_a,
            "strength": answer.strength,
            "order_shown": answer.question.order_shown,
            "sample": answer.question.sample,
            "attempt": answer.question.attempt,
            "attribute": answer.question.attribute,
            "context": answer.question.context,
            "principle": answer.question.principle,
            "rubric_id": answer.question.rubric_id,
            "judgement_id": key,
            "rationale": answer.rationale,
            "raw_output": answer.raw_output,
            "parse_status": answer.parse_status,
            "call_id": answer.call_id,
            "asked_by": "configuration",
            "inclusion_p": 1.0,
            "spread": answer.spread,
            "p_tie": answer.p_tie,
        }
        for answer in answers
    ]
    return pa.Table.from_pylist(rows, schema=TABLES["annotations"].schema)
