"""The `mapping` reader: any file of rows, described in the configuration by what each field is called.

    fields:
      prompt: question                                a path (a.b[0]), a template "{instruction}\\n{input}", {constant: …}
      response_a: answer1
      response_b: answer2
      label: {path: vote, values: {"1": a, "2": b, "0": tie}}
      annotator: worker_id
      kind: {constant: person}
      order: {constant: ab}

Labels are about the row's own response_a and response_b; ingest alone turns them into stored orientation. A row without
a label (absent, null, blank) is a pair without one; a label that `values` does not know makes the row unreadable, and
says so, rather than a tie.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar

from pydantic import Field, field_validator, model_validator

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.formats import chat
from prefcurate.schemas.formats.base import Opener, ReadUnit
from prefcurate.schemas.formats.conversations import conversations, first_turns, text_of, with_context
from prefcurate.schemas.formats.gather import gathered
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker
from prefcurate.schemas.formats.mapping_labels import Asker, LabelSpec, RatingSpec
from prefcurate.schemas.formats.mapping_paths import Path, Scope, row_scope
from prefcurate.schemas.formats.mapping_rules import About
from prefcurate.schemas.formats.mapping_sets import ResponseSpec, SetAsker
from prefcurate.schemas.formats.mapping_values import is_nothing
from prefcurate.schemas.formats.rows import RowError, raw_of
from prefcurate.schemas.formats.sets import RowSet, SetResponse, WhichPairs, chosen_pairs, compared, with_ratings
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.schemas.records import Auxiliary, GivenMaterial, GivenPair, InputRow, Pairs, Unreadable


class Fields(About):
    """What the fields of a row are called. Those of `About` hold for every label that does not name its own."""

    added: ClassVar[frozenset[str]] = frozenset({"responses", "pairs", "min_gap", "group_by", "turns"})

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
    row_id: FieldSpec | None = None
    group_id: FieldSpec | None = None
    model_a: FieldSpec | None = None
    model_b: FieldSpec | None = None
    system: FieldSpec | None = None
    documents: FieldSpec | None = None
    """Text, or a list of texts, that the answer should rest on."""
    tools: FieldSpec | None = None
    """JSON: the tools that the model could call."""
    reference: FieldSpec | None = None
    checks: FieldSpec | None = None
    """JSON: executable checks that a good answer passes."""
    rubric: FieldSpec | None = None

    @field_validator("label", "ratings", "responses", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        return given if isinstance(given, list | tuple) else [given]

    @model_validator(mode="after")
    def _two_or_a_set(self) -> "Fields":
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
            for name in ("turns", "label", "ratings", "strength", "p_a", "model_a", "model_b")
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

    @property
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
        for response in self.responses:
            found.setdefault("responses", []).extend(response.row_specs())
        return found


class MappingReader(TabularReader):
    """Rows of any JSONL, JSON, CSV, TSV, Parquet or Arrow file, described by `fields`."""

    format: ClassVar[str] = "mapping"
    fields: Fields

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the file."""
        columns = self.has_columns(unit.file)
        if self.fields.is_spread:
            yield from gathered(self.builder, lambda: self.rows(unit.file, open_file), columns)
            return
        for row in self.rows(unit.file, open_file):
            yield self.input_row(row, columns)

    def input_row(self, row: JsonRow, columns: bool = False) -> InputRow:
        """One parsed row as an input row; `columns` says that all rows have the same keys."""
        return self.builder.input_row(row, columns)

    @cached_property
    def builder(self) -> "PairBuilder":
        """What makes pairs out of rows."""
        return PairBuilder(self.fields)


class PairBuilder:
    """Makes pairs out of rows as `fields` say."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        used = {path.first() for specs in fields.row_specs().values() for spec in specs for path in spec.paths()}
        self._look = Looker(frozenset(name for name in used if name is not None))
        self._labels = fields.entries()
        self._asker = Asker(self._look, fields, self._labels, fields.ratings)
        self._sets = SetAsker(self._look, fields, fields.responses)

    def input_row(self, row: JsonRow, columns: bool) -> InputRow:
        """One parsed row as an input row."""
        return self.outcome_row(row, columns, lambda scope: Pairs(self.pairs(scope)))

    def outcome_row(self, row: JsonRow, columns: bool, outcome: Callable[[Scope], Pairs | Auxiliary]) -> InputRow:
        """One parsed row with what `outcome` makes of it; what raises `RowError` is unreadable."""
        if row.problem is not None:
            return InputRow(row.line, ["unreadable", row.raw], row.problem, raw=row.raw)
        row_id = None
        try:
            scope = row_scope(row.value, columns)
            if not isinstance(row.value, Mapping | list):
                raise RowError("not an object", f"the row is {str(row.value)[:80]!r}")
            row_id = self._look.text(self.fields.row_id, scope)
            return InputRow(row.line, row.value, outcome(scope), row_id, row.raw)
        except RowError as error:
            raw = row.raw or raw_of(row.value)
            return InputRow(row.line, row.value, Unreadable(error.reason, error.detail), row_id, raw)

    def looked_up(self, value: Any) -> Iterator[tuple[str, Path, Scope]]:
        """Every path that is looked up in a row: what for, and where it starts. For `check`."""
        row = row_scope(value)
        for what, specs in self.fields.row_specs().items():
            yield from ((what, path, row) for spec in specs for path in spec.looked_up(row))
        yield from self._sets.looked_up(row)
        for entry in self._labels:
            if entry.each is not None:
                for scope in self._asker.scopes(entry, row):
                    for spec in entry.specs():
                        yield from ((f"label, each {entry.each}", path, scope) for path in spec.looked_up(scope))

    def names(self) -> frozenset[str]:
        """The top-level keys of a row that are read."""
        return self._look.used

    def tells_kind(self) -> bool:
        """Whether every label says what kind of annotator gave it."""
        return all(entry.kind or self.fields.kind for entry in self._labels)

    def pairs(self, row: Scope) -> tuple[GivenPair, ...]:
        """The pairs of a row.

        Raises:
            RowError: it cannot be read, or its set has fewer than two responses.
        """
        if not self.fields.responses:
            return (self._pair(row),)
        found = self.set_of(row)
        if len(found.responses) < 2:
            count = "no response" if not found.responses else "one response"
            why = self.missing_response(row)
            raise RowError("one response", f"the row has {count}; a comparison needs two" + (f"; {why}" if why else ""))
        ends = chosen_pairs(found.responses, self.fields.pairs)
        pairs = [self.pair_of(found, found.responses[first], found.responses[second]) for first, second in ends]
        return tuple(with_ratings(pairs, ends, [response.scores for response in found.responses]))

    def missing_response(self, row: Scope) -> str:
        """What a row lacks whose set has too few responses; empty when its fields are there and hold nothing."""
        return self._sets.missing(row)

    def _pair(self, row: Scope) -> GivenPair:
        prompt, first, second = self._conversations(row)
        opinions = self._asker.opinions(row, partial(self._is_asked, row))
        return GivenPair(
            prompt=prompt,
            first=first,
            second=second,
            labels=opinions.labels,
            ratings=opinions.ratings,
            materials=tuple(self._materials(row)),
            model_first=self._look.text(self.fields.model_a, row),
            model_second=self._look.text(self.fields.model_b, row),
            group_id=self._look.text(self.fields.group_id, row),
        )

    def set_of(self, row: Scope) -> RowSet:
        """The responses of a row with their prompt.

        Raises:
            RowError: a field is missing, of a wrong type, or a typing error.
        """
        fields, look = self.fields, self._look
        asked = None if fields.prompt is None else look.required(fields.prompt, row, "prompt")
        return RowSet(
            asked=asked,
            context=partial(self._in_context, row),
            responses=self._sets.responses(row),
            materials=tuple(self._materials(row)),
            group_id=look.text(fields.group_id, row),
            key=stable_hash(
                "set", asked if fields.group_by is None else look.required(fields.group_by, row, "group_by")
            ),
        )

    def pair_of(self, of: RowSet, first: SetResponse, second: SetResponse) -> GivenPair:
        """Two responses of a set with the opinions that their scores give.

        Raises:
            RowError: the two do not answer the same.
        """
        prompt, one, other = conversations(of.asked, first.content, second.content)
        return GivenPair(
            prompt=of.context(prompt),
            first=one,
            second=other,
            labels=tuple(compared(first.scores, second.scores, self.fields.min_gap)),
            materials=of.materials,
            model_first=first.model,
            model_second=second.model,
            group_id=of.group_id or of.key,
        )

    def _is_asked(self, row: Scope, spec: RatingSpec) -> bool:
        """Whether a row should have a rating."""
        return True

    def _conversations(self, row: Scope) -> tuple[chat.Messages, chat.Messages, chat.Messages]:
        fields, look = self.fields, self._look
        assert fields.response_a is not None and fields.response_b is not None
        a = look.required(fields.response_a, row, "response_a")
        b = look.required(fields.response_b, row, "response_b")
        asked = None if fields.prompt is None else look.required(fields.prompt, row, "prompt")
        if fields.turns is not None:
            asked, a, b = self._cut(row, asked, a, b)
        prompt, first, second = conversations(asked, a, b)
        return self._in_context(row, prompt), first, second

    def _cut(self, row: Scope, *contents: Any) -> Iterator[Any]:
        turns = self._look.number(self.fields.turns, row)
        return (content if turns is None else first_turns(content, int(turns)) for content in contents)

    def _in_context(self, row: Scope, prompt: chat.Messages) -> chat.Messages:
        """The prompt with what else the row says that the responses answer: system words, documents, tools."""
        system, tools = self._look.text(self.fields.system, row), self._json(self.fields.tools, row)
        return with_context(prompt, system, self._documents(row), tools)

    def _documents(self, row: Scope) -> list[str]:
        value = self._look.value(self.fields.documents, row)
        if is_nothing(value):
            return []
        items = value if isinstance(value, list) else [value]
        return [
            item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)
            for item in items
            if not is_nothing(item)
        ]

    def _json(self, spec: FieldSpec | None, row: Scope) -> str | None:
        value = self._look.value(spec, row)
        if is_nothing(value):
            return None
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError) as error:
                raise RowError("bad JSON", f"{str(spec)!r} should hold JSON: {error}") from error
        return json.dumps(value, sort_keys=True, ensure_ascii=False)

    def _materials(self, row: Scope) -> Iterator[GivenMaterial]:
        reference = self._look.value(self.fields.reference, row)
        if not is_nothing(reference):
            yield GivenMaterial("reference", text_of(reference, "reference"))
        checks = self._json(self.fields.checks, row)
        if checks is not None:
            yield GivenMaterial("checks", checks)
        rubric = self._look.value(self.fields.rubric, row)
        if not is_nothing(rubric):
            yield GivenMaterial("rubric", rubric if isinstance(rubric, str) else json.dumps(rubric, sort_keys=True))
