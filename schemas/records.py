"""Record classes for code that works row by row: what readers give and what ingest turns into tables.

A reader speaks of a pair as its source does: a first and a second response. Ingest alone turns that into
response_a and response_b (see `prefcurate.transforms.ingest.orient`).
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

PartType = Literal["text", "image", "audio", "video", "tool_call", "tool_result", "tools", "document"]
AnnotatorKind = Literal["person", "llm_judge", "reward_model", "program"]
ParseStatus = Literal["ok", "unparsed", "refused", "empty"]


class Label(StrEnum):
    """A stored label; always about response_a and response_b as stored."""

    A = "a"
    B = "b"
    TIE = "tie"
    BOTH_BAD = "both_bad"
    BOTH_GOOD = "both_good"
    UNRATABLE = "unratable"


class Verdict(StrEnum):
    """A label as a source says it: about the first and the second response of its row."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"
    BOTH_BAD = "both_bad"
    BOTH_GOOD = "both_good"
    UNRATABLE = "unratable"


class Order(StrEnum):
    """Which response of the row was shown first, where the source tells."""

    FIRST_SHOWN_FIRST = "12"
    SECOND_SHOWN_FIRST = "21"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Part:
    """One typed part of a message. Text and documents have `text`; media `uri` and `sha256`; tools `json`."""

    type: PartType
    text: str | None = None
    uri: str | None = None
    sha256: str | None = None
    json: str | None = None

    def as_json(self) -> dict[str, str]:
        """The fields that are set, for hashing."""
        fields = {"type": self.type, "text": self.text, "uri": self.uri, "sha256": self.sha256, "json": self.json}
        return {key: value for key, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: a role (system, user, assistant, tool) and its typed parts."""

    role: str
    content: tuple[Part, ...]

    @classmethod
    def of_text(cls, role: str, text: str) -> "Message":
        """A message of one text part."""
        return cls(role, (Part("text", text),))

    def as_json(self) -> dict[str, Any]:
        """For hashing."""
        return {"role": self.role, "content": [part.as_json() for part in self.content]}

    def as_row(self) -> dict[str, Any]:
        """For an Arrow column of type `prefcurate.schemas.tables.MESSAGES`."""
        parts = [
            {"type": p.type, "text": p.text, "uri": p.uri, "sha256": p.sha256, "json": p.json} for p in self.content
        ]
        return {"role": self.role, "content": parts}


@dataclass(frozen=True, slots=True)
class GivenLabel:
    """One opinion on a pair that came with the data, in the orientation of its source.

    `judgement` names the act it was derived from inside its row (one ranking of nine gives 36 labels of one act).
    `strength` is in the source's own units (signed towards the first, or just its size); `p_first` a probability when
    the source gives one. `asked_by` and `inclusion_p` come back with opinions that a route had asked for. `answered_at` is a moment in
    UTC as ISO 8601, `seconds` how long the answer took.
    """

    annotator: str
    kind: AnnotatorKind
    verdict: Verdict | None
    order: Order = Order.UNKNOWN
    p_first: float | None = None
    strength: float | None = None
    attribute: str = "overall"
    context: str = "none"
    principle: str | None = None
    sample: int = 0
    rationale: str | None = None
    raw_output: str | None = None
    parse_status: ParseStatus = "ok"
    judgement: str | None = None
    family: str | None = None
    asked_by: str | None = None
    inclusion_p: float | None = None
    answered_at: str | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class GivenRating:
    """A score of one response by one annotator: `of` says which response of the pair."""

    of: Literal["first", "second"]
    annotator: str
    kind: AnnotatorKind
    attribute: str
    value: float
    scale_min: float | None = None
    scale_max: float | None = None
    sample: int = 0
    rationale: str | None = None


@dataclass(frozen=True, slots=True)
class GivenSpan:
    """A marked stretch of one response: character offsets into its canonical text, with the text copied as a check."""

    of: Literal["first", "second"]
    annotator: str
    kind: AnnotatorKind
    attribute: str
    label: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class GivenMaterial:
    """What a source gives about a prompt besides responses: a reference answer, executable checks, a rubric (JSON)."""

    kind: Literal["reference", "checks", "rubric"]
    text: str


@dataclass(frozen=True, slots=True)
class GivenPair:
    """A prompt and two responses as one input row gives them, with everything said about them in that row."""

    prompt: tuple[Message, ...]
    first: tuple[Message, ...]
    second: tuple[Message, ...]
    labels: tuple[GivenLabel, ...] = ()
    ratings: tuple[GivenRating, ...] = ()
    spans: tuple[GivenSpan, ...] = ()
    materials: tuple[GivenMaterial, ...] = ()
    model_first: str | None = None
    model_second: str | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class Pairs:
    """Outcome of an input row that gave comparisons (one row may fan out into many)."""

    pairs: tuple[GivenPair, ...]


@dataclass(frozen=True, slots=True)
class Auxiliary:
    """Outcome of an input row that gives no comparison: it is joined into others (an answer file, a question list).

    With `prompt` it says something about that prompt alone: its `materials` are stored for whatever comparisons it has.
    """

    prompt: tuple[Message, ...] = ()
    materials: tuple[GivenMaterial, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Outcome of an input row that cannot be used: a short fixed reason, and what was seen in words."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class InputRow:
    """One row of a source file and what became of it.

    `identity` is what the row says, as JSON-able data, including what the reader took from the file's name: two rows
    are identical when it is. `row_id` is the source's own id for the row, where it has one. `raw` is kept in
    quarantine when the row is unreadable.
    """

    line: int
    identity: Any
    outcome: Pairs | Auxiliary | Unreadable
    row_id: str | None = None
    raw: str = field(default="", repr=False)
    beside: Any = field(default=None, repr=False, compare=False)
    """What was joined into the row from other files, by name; no part of what it says."""


def render(messages: tuple[Message, ...]) -> str:
    """Messages as plain text: a single message's text alone, several with their roles. For reading and for models."""
    rendered = [(message.role, "\n".join(_render_part(part) for part in message.content)) for message in messages]
    if len(rendered) == 1:
        return rendered[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in rendered)


def _render_part(part: Part) -> str:
    if part.type in ("text", "document"):
        return part.text or ""
    return f"[{part.type} {part.json or part.uri or part.text or ''}]"
