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
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar

from pydantic import field_validator

from prefcurate.schemas.formats import chat
from prefcurate.schemas.formats.base import Opener, ReadUnit
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker, plain_text
from prefcurate.schemas.formats.mapping_labels import Asker, LabelSpec, RatingSpec
from prefcurate.schemas.formats.mapping_paths import Path, Scope, row_scope
from prefcurate.schemas.formats.mapping_rules import About
from prefcurate.schemas.formats.mapping_values import is_nothing
from prefcurate.schemas.formats.rows import RowError, raw_of
from prefcurate.schemas.formats.tabular import TabularReader
from prefcurate.schemas.records import GivenMaterial, GivenPair, InputRow, Message, Pairs, Part, Unreadable


class Fields(About):
    """What the fields of a row are called. Those of `About` hold for every label that does not name its own."""

    prompt: FieldSpec | None = None
    """Text or a list of messages. Left out when both responses are whole conversations that begin alike."""
    response_a: FieldSpec
    response_b: FieldSpec
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

    @field_validator("label", "ratings", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        return given if isinstance(given, list | tuple) else [given]

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

    def row_paths(self) -> dict[str, list[Path]]:
        """The paths that start at the row, by what they are for."""
        found = {
            name: spec.paths() for name in type(self).model_fields if isinstance(spec := getattr(self, name), FieldSpec)
        }
        for entry in self.label:
            found.setdefault("label", []).extend(entry.each.paths() if entry.each else entry.paths())
        for rating in self.ratings:
            found.setdefault("ratings", []).extend(path for spec in rating.specs() for path in spec.paths())
        return found


class MappingReader(TabularReader):
    """Rows of any JSONL, JSON, CSV, TSV, Parquet or Arrow file, described by `fields`."""

    format: ClassVar[str] = "mapping"
    fields: Fields

    def read(self, unit: ReadUnit, open_file: Opener) -> Iterator[InputRow]:
        """Every row of the file."""
        columns = self.has_columns(unit.file)
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
        used = {path.first() for paths in fields.row_paths().values() for path in paths}
        self._look = Looker(frozenset(name for name in used if name is not None))
        self._labels = fields.entries()
        self._asker = Asker(self._look, fields, self._labels, fields.ratings)

    def input_row(self, row: JsonRow, columns: bool) -> InputRow:
        """One parsed row as an input row."""
        if row.problem is not None:
            return InputRow(row.line, ["unreadable", row.raw], row.problem, raw=row.raw)
        row_id = None
        try:
            scope = row_scope(row.value, columns)
            row_id = self._look.text(self.fields.row_id, scope)
            return InputRow(row.line, row.value, Pairs((self.pair(scope),)), row_id, row.raw)
        except RowError as error:
            raw = row.raw or raw_of(row.value)
            return InputRow(row.line, row.value, Unreadable(error.reason, error.detail), row_id, raw)

    def looked_up(self, value: Any) -> Iterator[tuple[str, Path, Scope]]:
        """Every path that is looked up in a row: what for, and where it starts. For `check`."""
        row = row_scope(value)
        for what, paths in self.fields.row_paths().items():
            yield from ((what, path, row) for path in paths)
        for entry in self._labels:
            if entry.each is not None:
                for scope in self._asker.scopes(entry, row):
                    yield from ((f"label, each {entry.each}", path, scope) for path in entry.paths())

    def names(self) -> frozenset[str]:
        """The top-level keys of a row that are read."""
        return self._look.used

    def tells_kind(self) -> bool:
        """Whether every label says what kind of annotator gave it."""
        return all(entry.kind or self.fields.kind for entry in self._labels)

    def pair(self, row: Scope) -> GivenPair:
        """The pair of a row.

        Raises:
            RowError: it cannot be read.
        """
        if not isinstance(row.row, Mapping | list):
            raise RowError("not an object", f"the row is {str(row.row)[:80]!r}")
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

    def _is_asked(self, row: Scope, spec: RatingSpec) -> bool:
        """Whether a row should have a rating."""
        return True

    def _conversations(self, row: Scope) -> tuple[chat.Messages, chat.Messages, chat.Messages]:
        fields, look = self.fields, self._look
        a = look.required(fields.response_a, row, "response_a")
        b = look.required(fields.response_b, row, "response_b")
        asked = None if fields.prompt is None else look.required(fields.prompt, row, "prompt")
        prompt, first, second = conversations(asked, a, b)
        prompt = with_context(
            prompt, look.text(fields.system, row), self._documents(row), self._json(fields.tools, row)
        )
        return prompt, first, second

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


def conversations(prompt: Any, a: Any, b: Any) -> tuple[chat.Messages, chat.Messages, chat.Messages]:
    """Prompt and responses as messages, split at the last message that both responses share.

    Each is text, one message, a list of messages, or (all three) lists of turns that alternate. A response that begins
    with a user's or system's turn is a whole conversation; it then holds the prompt.

    Raises:
        RowError: there is no prompt, the two conversations ask different things, or a value is of another kind.
    """
    if _are_turns(prompt) and _are_turns(a) and _are_turns(b) and len(prompt) == len(a) == len(b):
        return chat.split_at_last_common(_interleave(prompt, a), _interleave(prompt, b))
    asked = () if prompt is None else _messages(prompt, "user", "prompt")
    first, second = _messages(a, "assistant", "response_a"), _messages(b, "assistant", "response_b")
    whole = [conversation[0].role in ("user", "system") for conversation in (first, second)]
    if any(whole) and not all(whole):
        raise RowError("prompts differ", "one response is a whole conversation and the other is not")
    if not all(whole):
        if not any((p.text or "").strip() or p.json or p.uri for message in asked for p in message.content):
            raise RowError("no prompt", "the prompt is empty" if asked else "no field gives the prompt")
        if len(first) == len(second) == 1:
            return asked, first, second
        first, second = asked + first, asked + second
    return chat.split_at_last_common(first, second)


def _are_turns(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(turn, str) for turn in value)


def _interleave(asked: list[str], answered: list[str]) -> chat.Messages:
    turns = zip(asked, answered, strict=True)
    return tuple(message for one, other in turns for message in (*chat.user(one), *chat.assistant(other)))


def _messages(value: Any, role: str, what: str) -> chat.Messages:
    if chat.is_conversation(value):
        return chat.messages_of(value, what)
    if chat.is_message(value):
        return chat.messages_of([value], what)
    return (Message.of_text(role, text_of(value, what)),)


def text_of(value: Any, what: str) -> str:
    """A value that should be text; numbers are taken as they are written.

    Raises:
        RowError: it is a list or an object.
    """
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        return str(value[0])
    if isinstance(value, Mapping | list | tuple):
        shape = "an object" if isinstance(value, Mapping) else "a list"
        keys = f" with {', '.join(map(repr, list(value)[:6]))}" if isinstance(value, Mapping) else f" of {len(value)}"
        raise RowError("wrong type", f"{what} should be text or messages and is {shape}{keys}; name a path inside it")
    return plain_text(value)


def with_context(prompt: chat.Messages, system: str | None, documents: list[str], tools: str | None) -> chat.Messages:
    """The prompt with a system message, documents before the last user's words, and tools."""
    if documents:
        last = max((i for i, message in enumerate(prompt) if message.role == "user"), default=0)
        parts = tuple(Part("document", text) for text in documents)
        given = Message(prompt[last].role, parts + prompt[last].content)
        prompt = (*prompt[:last], given, *prompt[last + 1 :])
    head = (*((Part("text", system),) if system else ()), *((Part("tools", json=tools),) if tools else ()))
    return (Message("system", head), *prompt) if head else prompt
