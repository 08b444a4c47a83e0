"""An LLM judge: shown both responses, it says which is better; asked in both orders it shows its position bias.

Pairwise judging with swapped positions follows Zheng et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena"
(arXiv:2306.05685). We differ in that the two orders stay two annotations: whether they agree is weighed by consensus, not here.
"""

import re
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from prefcurate.schemas.canonical import canonical_json, stable_hash
from prefcurate.schemas.records import AnnotatorKind, Label, ParseStatus
from prefcurate.transforms.annotate.annotator import Answer, AskedAnnotator, OrderShown, Question
from prefcurate.transforms.annotate.chat import ChatOptions, Message, Reply
from prefcurate.transforms.annotate.replies import json_objects
from prefcurate.transforms.annotate.templates import fill, template, template_hash
from prefcurate.transforms.store.snapshot import Snapshot

Seen = Literal["first", "second", "tie"]

SCHEMA = canonical_json(
    {
        "type": "object",
        "properties": {
            "rationale": {"type": "string"},
            "verdict": {"type": "string", "enum": ["first", "second", "tie"]},
        },
        "required": ["rationale", "verdict"],
        "additionalProperties": False,
    }
)
_WORDS: dict[str, Seen] = {
    **dict.fromkeys(("first", "a", "1", "response 1", "response a", "first response"), "first"),
    **dict.fromkeys(("second", "b", "2", "response 2", "response b", "second response"), "second"),
    **dict.fromkeys(("tie", "c", "0", "equal", "neither", "both"), "tie"),
}
_BRACKETED = re.compile(r"\[\[\s*(\w+)\s*\]\]")
_ORDERS: dict[str, tuple[OrderShown, ...]] = {"both": ("ab", "ba"), "ab": ("ab",), "ba": ("ba",)}


class LLMJudge(AskedAnnotator, ChatOptions):
    """A chat model that compares the two responses of every comparison (kind ``llm_judge``)."""

    kind: Literal["llm_judge"]
    orders: Literal["both", "ab", "ba"] = "both"
    """Which response is shown first: ``both`` asks twice."""
    samples: int = Field(default=1, ge=1)
    """Answers to each question; more than one needs a temperature above 0."""
    attempts: int = Field(default=2, ge=1)
    """How often a question is asked at most when its answer cannot be read."""
    prompt: Literal["pairwise"] = "pairwise"
    """The template, a file of ``prefcurate/transforms/annotate/prompts``."""

    stored_kind: ClassVar[AnnotatorKind] = "llm_judge"
    algorithm: ClassVar[int] = 1

    @model_validator(mode="after")
    def _samples_differ(self) -> "LLMJudge":
        if self.samples > 1 and self.temperature == 0:
            raise ValueError(f"samples: {self.samples} answers at temperature 0 are one; set a temperature above 0")
        return self

    @property
    def family(self) -> str:
        """The model: its orders, samples and prompts are one family."""
        return self.model

    @property
    def chat(self) -> ChatOptions:
        """Its own settings."""
        return self

    @property
    def max_attempts(self) -> int:
        """As configured."""
        return self.attempts

    def fingerprint(self) -> str:
        """Model, sampling, prompt and schema; orders and samples are part of the questions."""
        return stable_hash("llm_judge", self.algorithm, self.chat_fingerprint(), template_hash(self.prompt), SCHEMA)

    def questions(self, snapshot: Snapshot, shard: int) -> Iterator[Question]:
        """Each comparison in each order and sample; two responses with the same words are not worth a question."""
        columns = ["prompt_id", "comparison_id", "response_a_id", "response_b_id"]
        for batch in snapshot.batches("comparisons", shard, columns):
            for row in batch.to_pylist():
                if row["response_a_id"] == row["response_b_id"]:
                    continue
                for order in _ORDERS[self.orders]:
                    for sample in range(self.samples):
                        yield Question(row["prompt_id"], row["comparison_id"], order, sample=sample)

    def messages(self, question: Question, prompt: str, response_a: str, response_b: str) -> tuple[Message, ...]:
        """The template with the texts in the order shown; the mark is a hash of the texts, which no text can contain."""
        first, second = (response_a, response_b) if question.order_shown == "ab" else (response_b, response_a)
        mark = question.comparison_id[:12]
        return fill(template(self.prompt), mark=mark, prompt=prompt, first=first, second=second)

    def answer_schema(self) -> str:
        """The form of an answer."""
        return SCHEMA

    def read(self, question: Question, reply: Reply) -> Answer:
        """The verdict in the reply, turned to response_a and response_b as stored."""
        status = status_of(reply)
        seen, rationale = (None, None) if status != "ok" else parse_verdict(reply.text)
        if status == "ok" and seen is None:
            status = "unparsed"
        return Answer(
            question,
            label=None if seen is None else stored_label(seen, question.order_shown),
            rationale=rationale,
            raw_output=reply.text or reply.refusal,
            parse_status=status,
            call_id=reply.call_id,
        )


def status_of(reply: Reply) -> ParseStatus:
    """Whether a reply has a text to be read, and if not, why."""
    if reply.refusal or reply.finish_reason == "content_filter":
        return "refused"
    return "ok" if reply.text.strip() else "empty"


def stored_label(seen: Seen, order: OrderShown) -> Label:
    """What was said of the first and second response shown, as a label of response_a and response_b."""
    if seen == "tie":
        return Label.TIE
    return Label.A if (seen == "first") == (order == "ab") else Label.B


def parse_verdict(text: str) -> tuple[Seen | None, str | None]:
    """The verdict and rationale in a judge's text, or None where it gives none or contradicts itself.

    It reads JSON objects with a ``verdict`` anywhere in the text, and the ``[[A]]`` of older judges. Nothing is guessed from prose.
    """
    found = [answer for answer in json_objects(text) if "verdict" in answer]
    verdicts = {_seen(answer["verdict"]) for answer in found}
    if not found:
        verdicts = {_seen(word) for word in _BRACKETED.findall(text)}
    if len(verdicts) != 1:
        return None, None
    rationale = found[-1].get("rationale") if found else _BRACKETED.sub("", text).strip()
    return verdicts.pop(), rationale if isinstance(rationale, str) and rationale else None


def _seen(verdict: object) -> Seen | None:
    return _WORDS.get(str(verdict).strip().strip("[]").lower())
