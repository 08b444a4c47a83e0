"""From the rows of a mapping to pairs with everything that a row says about them."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from prefcurate.schemas.canonical import stable_hash
from prefcurate.schemas.formats import chat
from prefcurate.schemas.formats.conversations import (
    conversations,
    first_turns,
    prompt_of,
    text_of,
    unpacked,
    with_context,
)
from prefcurate.schemas.formats.images import images_of, with_images
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker
from prefcurate.schemas.formats.mapping_labels import Asker, RatingSpec, scopes_of
from prefcurate.schemas.formats.mapping_paths import Path, Scope, row_scope
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.mapping_sets import SetAsker
from prefcurate.schemas.formats.mapping_spans import SpanAsker
from prefcurate.schemas.formats.mapping_values import is_nothing
from prefcurate.schemas.formats.rows import TOO_DEEP, RowError, json_in, raw_of
from prefcurate.schemas.formats.sets import RowSet, SetResponse, chosen_pairs, compared, with_ratings
from prefcurate.schemas.records import Auxiliary, GivenMaterial, GivenPair, GivenSpan, InputRow, Pairs, Unreadable


class PairBuilder:
    """Makes pairs out of rows as `fields` say."""

    def __init__(self, fields: Fields, used_beside: frozenset[str] = frozenset()) -> None:
        self.fields = fields
        used = {path.first() for specs in fields.row_specs().values() for spec in specs for path in spec.paths()}
        beside = (path for response in fields.responses for spec in response.own_specs() for path in spec.paths())
        used |= {path.first() for path in beside if path.from_row}
        self._look = Looker(frozenset(name for name in used if name is not None) | used_beside)
        self._labels = fields.entries()
        self._asker = Asker(self._look, fields, self._labels, fields.ratings)
        self._sets = SetAsker(self._look, fields, fields.responses)
        self._spans = SpanAsker(self._look, fields, fields.spans)

    def input_row(self, row: JsonRow, columns: bool) -> InputRow:
        """One parsed row as an input row."""
        if self.fields.is_about_prompts:
            return self.outcome_row(row, columns, self._about_prompt)
        return self.outcome_row(row, columns, lambda scope: Pairs(self.pairs(scope)))

    def outcome_row(self, row: JsonRow, columns: bool, outcome: Callable[[Scope], Pairs | Auxiliary]) -> InputRow:
        """One parsed row with what `outcome` makes of it; what raises `RowError` is unreadable."""
        if row.problem is not None:
            return InputRow(row.line, ["unreadable", row.raw], row.problem, raw=row.raw)
        row_id = None
        try:
            scope = row_scope(row.whole, columns)
            if not isinstance(row.value, Mapping | list):
                raise RowError("not an object", f"the row is {str(row.value)[:80]!r}")
            row_id = self._look.text(self.fields.row_id, scope)
            return InputRow(row.line, row.value, outcome(scope), row_id, row.raw, row.beside)
        except RowError as error:
            raw = row.raw or raw_of(row.value)
            return InputRow(row.line, row.value, Unreadable(error.reason, error.detail), row_id, raw, row.beside)
        except RecursionError:
            return InputRow(row.line, ["unreadable", row.raw], TOO_DEEP, row_id, row.raw)

    def looked_up(self, value: Any) -> Iterator[tuple[str, Path, Scope]]:
        """Every path that is looked up in a row: what for, and where it starts. For `check`."""
        row = row_scope(value)
        for what, specs in self.fields.row_specs().items():
            yield from ((what, path, row) for spec in specs for path in spec.looked_up(row))
        yield from self._sets.looked_up(row)
        for entry in self._labels:
            if entry.each is not None:
                for scope in scopes_of(self._look, entry.each, row):
                    for spec in entry.specs():
                        yield from ((f"label, each {entry.each}", path, scope) for path in spec.looked_up(scope))

    def names(self) -> frozenset[str]:
        """The top-level keys of a row that are read."""
        return self._look.used

    def tells_kind(self) -> bool:
        """Whether every label says what kind of annotator gave it."""
        return all(entry.kind or self.fields.kind for entry in self._labels)

    def named_by_labels(self) -> list[str]:
        """The fields that tell both a label and who gave it, which is nearly always a name that was meant as one."""
        told = ((entry.path, entry.annotator) for entry in self._labels)
        return [who.path for path, who in told if path and who and who.path and who.path == path.path != "."]

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

    def _about_prompt(self, row: Scope) -> Auxiliary:
        assert self.fields.prompt is not None
        prompt = prompt_of(self._pictured(row, self._look.required(self.fields.prompt, row, "prompt"), True))
        materials = tuple(self._materials(row))
        if not materials:
            raise RowError("empty field", "the row has neither reference, checks nor rubric, and no response either")
        return Auxiliary(self._in_context(row, prompt), materials)

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
            spans=self._marked(row),
            materials=tuple(self._materials(row)),
            model_first=self._look.text(self.fields.model_a, row),
            model_second=self._look.text(self.fields.model_b, row),
            group_id=self._look.text(self.fields.group_id, row),
        )

    def _marked(self, row: Scope) -> tuple[GivenSpan, ...]:
        if not self.fields.spans:
            return ()
        given = {"a": self._look.value(self.fields.response_a, row), "b": self._look.value(self.fields.response_b, row)}
        return tuple(self._spans.spans(row, given))

    def set_of(self, row: Scope) -> RowSet:
        """The responses of a row with their prompt.

        Raises:
            RowError: a field is missing, of a wrong type, or a typing error.
        """
        fields, look = self.fields, self._look
        asked = None if fields.prompt is None else look.required(fields.prompt, row, "prompt")
        asked = self._pictured(row, asked, True)
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
        if fields.images is not None:
            asked, a, b = self._pictured(row, asked, True), self._pictured(row, a, False), self._pictured(row, b, False)
        if fields.turns is not None:
            asked, a, b = self._cut(row, asked, a, b)
        prompt, first, second = conversations(asked, a, b)
        return self._in_context(row, prompt), first, second

    def _pictured(self, row: Scope, content: Any, is_prompt: bool) -> Any:
        """Text or messages with the images that the row has beside them."""
        if self.fields.images is None or content is None:
            return content
        images = images_of(self._look.value(self.fields.images, row), str(self.fields.images))
        return with_images(unpacked(content), images, is_prompt=is_prompt)

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
            value = json_in(value, str(spec))
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
