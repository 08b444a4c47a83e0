"""What the fields of a mapping's rows are called: the setting `fields`."""

from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from prefcurate.schemas.formats.mapping_fields import FieldSpec
from prefcurate.schemas.formats.mapping_labels import LabelSpec, RatingSpec
from prefcurate.schemas.formats.mapping_rules import About
from prefcurate.schemas.formats.mapping_sets import ResponseSpec
from prefcurate.schemas.formats.mapping_spans import SpanSpec
from prefcurate.schemas.formats.sets import WhichPairs

_OF_A_PROMPT = frozenset(
    {"prompt", "system", "documents", "images", "tools", "reference", "checks", "rubric", "row_id"}
)
"""The fields that say something without a response."""


class Fields(About):
    """What the fields of a row are called. Those of `About` hold for every label that does not name its own."""

    added: ClassVar[frozenset[str]] = frozenset(
        {"responses", "pairs", "min_gap", "group_by", "turns", "spans", "images"}
    )

    prompt: FieldSpec | None = None
    """Text or a list of messages. Left out when both responses are whole conversations that begin alike."""
    response_a: FieldSpec | None = None
    response_b: FieldSpec | None = None
    responses: tuple[ResponseSpec, ...] = ()
    """Instead of response_a and response_b: a set of responses, with ratings or ranks (see `mapping_sets.py`)."""
    pairs: WhichPairs = "all"
    """Which two responses of a set are compared."""
    min_gap: float = Field(default=0, ge=0)
    """The smallest difference of two ratings of a set that is a preference."""
    group_by: FieldSpec | None = None
    """Of sets that are spread over rows, one response or more in each: what the rows of a set have in common."""
    turns: FieldSpec | None = None
    """How many turns of the user were judged: conversations are cut after them."""
    label: tuple[LabelSpec, ...] = ()
    strength: FieldSpec | None = None
    p_a: FieldSpec | None = None
    ratings: tuple[RatingSpec, ...] = ()
    spans: tuple[SpanSpec, ...] = ()
    """What somebody marked in a response (see `mapping_spans.py`)."""
    row_id: FieldSpec | None = None
    group_id: FieldSpec | None = None
    model_a: FieldSpec | None = None
    model_b: FieldSpec | None = None
    system: FieldSpec | None = None
    documents: FieldSpec | None = None
    """Text, or a list of texts, that the answer should rest on."""
    images: FieldSpec | None = None
    """Images that the messages only have places for, or that stand before the prompt (see `images.py`)."""
    tools: FieldSpec | None = None
    """JSON: the tools that the model could call."""
    reference: FieldSpec | None = None
    checks: FieldSpec | None = None
    """JSON: executable checks that a good answer passes."""
    rubric: FieldSpec | None = None

    @field_validator("label", "ratings", "spans", "responses", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        return given if isinstance(given, list | tuple) else [given]

    @model_validator(mode="after")
    def _two_or_a_set(self) -> "Fields":
        if self.is_about_prompts:
            return self
        two = self.response_a is not None or self.response_b is not None
        if two == bool(self.responses):
            raise ValueError(
                "name `response_a` and `response_b`, or `responses` for a set of them" + (", not both" if two else "")
            )
        if two and (self.response_a is None or self.response_b is None):
            missing = "response_a" if self.response_a is None else "response_b"
            raise ValueError(f"{missing}: this key is required, since a comparison has two responses")
        unused = [
            name
            for name in ("turns", "label", "ratings", "spans", "strength", "p_a", "model_a", "model_b")
            if getattr(self, name)
        ]
        if self.responses and unused:
            raise ValueError(
                f"`{unused[0]}` is about two responses; of a set each entry of `responses` has `ratings`, `rank` or `order`"
            )
        if self.group_by is not None and not self.responses:
            raise ValueError("`group_by` gathers the rows of a set: name what holds the response under `responses`")
        if self.is_spread and self.pairs != "all":
            raise ValueError(f"pairs: {self.pairs} needs the whole set in one row; here its responses stand in several")
        if self.is_spread and self.prompt is None and self.group_by is None:
            raise ValueError("one response in each row: `prompt` (or `group_by`) must say which rows belong together")
        return self

    @cached_property
    def is_about_prompts(self) -> bool:
        """Whether rows say something of a prompt alone: they have a reference, checks or a rubric, and nothing of a response."""
        materials = (self.reference, self.checks, self.rubric)
        others = [name for name in type(self).model_fields if name not in _OF_A_PROMPT and getattr(self, name)]
        return self.prompt is not None and any(materials) and not set(others) - {"pairs"}

    @cached_property
    def is_spread(self) -> bool:
        """Whether the responses of a set stand in several rows."""
        return self.group_by is not None or (len(self.responses) == 1 and self.responses[0].each is None)

    def entries(self) -> tuple[LabelSpec, ...]:
        """The labels; `strength` and `p_a` beside a single `label` belong to it."""
        beside = {name: getattr(self, name) for name in ("strength", "p_a") if getattr(self, name) is not None}
        if not beside:
            return self.label
        if not self.label and self.p_a is not None:
            return (LabelSpec.model_validate(beside),)
        return tuple(
            entry.model_copy(update={name: spec for name, spec in beside.items() if getattr(entry, name) is None})
            for entry in self.label
        )

    def row_specs(self) -> dict[str, list[FieldSpec]]:
        """The fields whose paths start at the row, by what they are for."""
        found = {name: [spec] for name in type(self).model_fields if isinstance(spec := getattr(self, name), FieldSpec)}
        for entry in self.label:
            found.setdefault("label", []).extend([entry.each] if entry.each else entry.specs())
        for rating in self.ratings:
            found.setdefault("ratings", []).extend(rating.specs())
        for span in self.spans:
            found.setdefault("spans", []).extend([span.each] if span.each else span.specs())
        for response in self.responses:
            found.setdefault("responses", []).extend(response.row_specs())
        return found
