"""One field of the `mapping` reader: a path, a template, a constant, or a piece cut out of a longer text.

prompt: question                                   a path
prompt: "{instruction}\\n{input}"                   a template; {{ and }} are braces
annotator: {constant: gpt-4}                       the same in every row
prompt: {path: turns, json: true}                  text that holds JSON
prompt: {first: [instruction, input]}              the first of several paths at which something stands
prompt: {path: history, transcript: true}          "Human: … Assistant: …" as messages
response_a: {path: text, after: "### Answer:\\n", before: "\\n###"}
kind: {path: rater, values: {human: person, bot: llm_judge}}
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar

from pydantic import ConfigDict, Field, model_validator

from prefcurate.schemas.formats.base import Lasting
from prefcurate.schemas.formats.chat import turns_of
from prefcurate.schemas.formats.mapping_paths import ABSENT, Path, Scope, look_up, missing_message, parse_path
from prefcurate.schemas.formats.mapping_template import Template, parse_template
from prefcurate.schemas.formats.mapping_values import Values, forms, is_nothing
from prefcurate.schemas.formats.rows import RowError, json_in

_COMMA = re.compile(r"[+-]?\d+,\d{1,2}")
"""A decimal number as half of the world writes it; with three digits behind the comma it may be thousands."""

Settings = Lasting
"""The base of the settings of a reader."""


class FieldSpec(Settings):
    """Where a field's value comes from. Written as text it is a path, or with braces a template."""

    added: ClassVar[frozenset[str]] = frozenset({"first", "transcript"})

    path: str | None = None
    template: str | None = None
    constant: Any = None
    first: tuple[str, ...] | None = None
    """Paths of which the first counts at which something stands: what rows of several kinds call the same thing."""
    transcript: bool = False
    """The value is a whole conversation in one text."""
    json_text: bool = Field(default=False, alias="json")
    """The value is text that holds JSON, e.g. a list of messages in a CSV cell."""
    after: str | None = None
    """Only what stands behind the first place of this text."""
    before: str | None = None
    """Only what stands before the next place of this text."""
    values: dict[Any, Any] | None = None
    """What the values of the source mean; a value that is not here makes the row unreadable."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"template" if "{" in given or "}" in given else "path": given}
        if isinstance(given, int) and not isinstance(given, bool):
            return {"path": f"[{given}]"}
        return given

    @model_validator(mode="after")
    def _one_origin(self) -> "FieldSpec":
        named = [name for name in ("path", "template", "constant", "first") if getattr(self, name) is not None]
        if len(named) != 1:
            found = " and ".join(named) or "none of them"
            raise ValueError(f"a field is one of path, template, constant and first; here is {found}")
        if self.first is not None and len(self.first) < 2:
            raise ValueError("`first` is a list of two or more paths")
        _ = self.parsed, self.alternatives, self.table
        return self

    @cached_property
    def parsed(self) -> Path | Template | None:
        """The path or the template."""
        if self.path is not None:
            return parse_path(self.path)
        return parse_template(self.template) if self.template is not None else None

    @cached_property
    def alternatives(self) -> tuple[Path, ...]:
        """The paths of `first`."""
        return tuple(map(parse_path, self.first or ()))

    @cached_property
    def is_plain(self) -> bool:
        """Whether a value is what it is, neither cut out of something nor looked up in a table."""
        marks = (self.after, self.before, self.values)
        return not self.json_text and not self.transcript and all(mark is None for mark in marks)

    @cached_property
    def table(self) -> Values | None:
        """The meaning of the values, where there is a table of them."""
        return None if self.values is None else Values.of(self.values)

    def paths(self) -> list[Path]:
        """The paths that it reads."""
        if isinstance(self.parsed, Template):
            return self.parsed.paths()
        return list(self.alternatives) if self.parsed is None else [self.parsed]

    def looked_up(self, scope: Scope) -> list[Path]:
        """The paths that count in a row: of `first` the one at which something stands, else its first."""
        if not self.alternatives:
            return self.paths()
        return [next((path for path in self.alternatives if path.find(scope) is not ABSENT), self.alternatives[0])]

    def __str__(self) -> str:
        return str(self.path or self.template or " or ".join(self.first or ()) or f"constant {self.constant!r}")


@dataclass(frozen=True)
class Looker:
    """Looks fields up in a row. `used` are the top-level keys that the mapping uses anywhere: none is a misspelling."""

    used: frozenset[str]

    def value(self, spec: FieldSpec | None, scope: Scope) -> Any:
        """The value of an optional field; `ABSENT` where it is not there.

        Raises:
            RowError: the name is a typing error, or the value has no meaning in the field's table.
        """
        if spec is None:
            return ABSENT
        if isinstance(spec.parsed, Template):
            value: Any = spec.parsed.render(lambda path: self._piece(path, scope)) or ABSENT
        elif spec.parsed is not None:
            value = look_up(spec.parsed, scope, self.used)
        else:
            value = self._first(spec, scope) if spec.first else spec.constant
        return value if spec.is_plain else self._made(spec, value)

    def _first(self, spec: FieldSpec, scope: Scope) -> Any:
        found = (path.find(scope) for path in spec.alternatives)
        return next((value for value in found if not is_nothing(value)), ABSENT)

    def _made(self, spec: FieldSpec, value: Any) -> Any:
        value = self._meaning(spec, self._cut(spec, self._parsed(spec, value)))
        if spec.transcript and isinstance(value, str):
            return turns_of(value)
        return value

    def required(self, spec: FieldSpec, scope: Scope, what: str) -> Any:
        """The value of a field that every row must have.

        Raises:
            RowError: it is absent or null.
        """
        value = self.value(spec, scope)
        if value is ABSENT:
            detail = "; ".join(
                missing_message(path, scope, self.used) for path in spec.paths() if path.find(scope) is ABSENT
            )
            raise RowError("field missing", detail or f"{what} ({spec}) is empty")
        if value is None:
            raise RowError("field missing", f"{what} ({spec}) is null")
        return value

    def text(self, spec: FieldSpec | None, scope: Scope) -> str | None:
        """An optional field as a name or a number in words (17.0 is "17"); None where there is nothing."""
        if spec is None:
            return None
        value = self.value(spec, scope)
        if type(value) is str:
            return value.strip() or None
        if is_nothing(value):
            return None
        if isinstance(value, float | Decimal) and value == int(value):
            value = int(value)
        if isinstance(value, Mapping | list | tuple):
            raise RowError("wrong type", f"{str(spec)!r} should be a name or a number and is {type(value).__name__}")
        return plain_text(value).strip()

    def number(self, spec: FieldSpec | None, scope: Scope) -> float | None:
        """An optional field as a number; None where there is nothing, or a word for it (N/A, none).

        Raises:
            RowError: it is something else.
        """
        if spec is None:
            return None
        return number_in(self.value(spec, scope), str(spec))

    def _piece(self, path: Path, scope: Scope) -> str:
        value = look_up(path, scope, self.used)
        if value is ABSENT or value is None or (isinstance(value, float) and is_nothing(value)):
            return ""
        if isinstance(value, Mapping | list | tuple):
            raise RowError("wrong type", f"{path.text!r} in a template should be text and is {type(value).__name__}")
        return plain_text(value) if plain_text(value).strip() else ""

    def _parsed(self, spec: FieldSpec, value: Any) -> Any:
        # What a file of another kind has as a list already is what the text would say.
        return (
            json_in(value, str(spec)) if spec.json_text and isinstance(value, str) and not is_nothing(value) else value
        )

    def _cut(self, spec: FieldSpec, value: Any) -> Any:
        if (spec.after is None and spec.before is None) or not isinstance(value, str):
            return value
        for mark, side in ((spec.after, "after"), (spec.before, "before")):
            if mark is not None:
                head, found, tail = value.partition(mark)
                if not found:
                    raise RowError("mark missing", f"{str(spec)!r}: the text of `{side}`, {mark[:60]!r}, is not there")
                value = tail if side == "after" else head
        return value

    def _meaning(self, spec: FieldSpec, value: Any) -> Any:
        if spec.table is None:
            return value
        word = spec.table.get(value)
        if word is None and not is_nothing(value):
            raise RowError("unknown value", f"{str(spec)!r} is {value!r}; known values: {spec.table.known()}")
        return ABSENT if word is None else word


def plain_text(value: Any) -> str:
    """A scalar as text: true and false as in JSON, everything else as Python writes it."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def number_in(value: Any, name: str) -> float | None:
    """A value as a number; None where it is nothing, or a word for it (N/A, none, nan).

    Raises:
        RowError: it is something else, or infinite; `name` says which value it is.
    """
    if is_nothing(value) or (isinstance(value, str) and forms(value)[-1] == "null"):
        return None
    if isinstance(value, str) and _COMMA.fullmatch(value.strip()):
        value = value.replace(",", ".")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise RowError("wrong type", f"{name!r} should be a number and is {str(value)[:80]!r}") from error
    if number in (float("inf"), float("-inf")):
        raise RowError("wrong type", f"{name!r} is infinite")
    return number
