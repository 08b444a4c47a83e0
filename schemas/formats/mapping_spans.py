"""Stretches that somebody marked in a response, as a mapping describes them.

spans: {of: a, each: errors, start: begin, end: end, label: type}      offsets of characters; the end is the first one behind
spans: {of: b, each: highlights, text: quote, label: {constant: good}} the words themselves, which must stand there once
"""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import model_validator

from prefcurate.schemas.canonical import canonical_text
from prefcurate.schemas.formats.mapping_fields import FieldSpec, Looker
from prefcurate.schemas.formats.mapping_labels import Asker, Entry, scopes_of
from prefcurate.schemas.formats.mapping_paths import Scope
from prefcurate.schemas.formats.mapping_rules import About
from prefcurate.schemas.formats.rows import RowError
from prefcurate.schemas.formats.spans import canonical_span
from prefcurate.schemas.records import GivenSpan


class SpanSpec(About):
    """Spans of one response: with `each` one for each element of a list, else one in the row."""

    of: Literal["a", "b"]
    each: FieldSpec | None = None
    start: FieldSpec | None = None
    end: FieldSpec | None = None
    text: FieldSpec | None = None
    label: FieldSpec

    @model_validator(mode="after")
    def _offsets_or_words(self) -> "SpanSpec":
        offsets = self.start is not None and self.end is not None
        if offsets == (self.text is not None) or (self.start is None) != (self.end is None):
            raise ValueError(
                "a span is `start` and `end` (offsets of characters), or `text` (the words that are marked)"
            )
        return self


class SpanAsker:
    """Reads the spans of a row; `default` is what the fields beside say about annotator and kind."""

    def __init__(self, look: Looker, default: About, spans: tuple[SpanSpec, ...]) -> None:
        self._look = look
        self._asker = Asker(look, default, (), ())
        self._spans = [Entry.of(spec, default) for spec in spans]

    def spans(self, row: Scope, responses: dict[str, Any]) -> Iterator[GivenSpan]:
        """The spans of a row.

        Args:
            row: where paths start.
            responses: what the row gives for `a` and `b`.

        Raises:
            RowError: a span lies outside its response, or its words are not there once.
        """
        for entry in self._spans:
            text = responses[entry.spec.of]
            for scope in scopes_of(self._look, entry.spec.each, row):
                if not isinstance(text, str):
                    raise RowError("wrong type", f"spans need response_{entry.spec.of} to be text")
                yield from self._span(entry, scope, text)

    def _span(self, entry: Entry, scope: Scope, text: str) -> Iterator[GivenSpan]:
        place = self._place(entry.spec, scope, text)
        moved = None if place is None else canonical_span(text, *place)
        if moved is None:
            return
        about = self._asker.about(entry, scope)
        yield GivenSpan(
            of="first" if entry.spec.of == "a" else "second",
            annotator=about.annotator,
            kind=about.kind,
            attribute=about.attribute,
            label=self._look.text(entry.spec.label, scope) or "marked",
            start=moved[0],
            end=moved[1],
            text=canonical_text(text)[moved[0] : moved[1]],
        )

    def _place(self, spec: SpanSpec, scope: Scope, text: str) -> tuple[int, int] | None:
        """Where a span lies in the text as it is given; None where the row has none."""
        if spec.text is not None:
            words = self._look.text(spec.text, scope)
            if words is not None and text.count(words) != 1:
                raise RowError(
                    "span outside the text", f"{words[:80]!r} stands {text.count(words)} times in response_{spec.of}"
                )
            return None if words is None else (text.index(words), text.index(words) + len(words))
        start, end = self._look.number(spec.start, scope), self._look.number(spec.end, scope)
        if start is None or end is None:
            return None
        if start != int(start) or end != int(end) or not 0 <= start < end <= len(text):
            raise RowError("span outside the text", f"{start:g} to {end:g} in a response of {len(text)} characters")
        return int(start), int(end)
