"""What stands in the rows of a file that nobody has described: its columns, what is in them, and which belong together by name."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prefcurate.schemas.formats import chat
from prefcurate.schemas.formats.conversations import unpacked
from prefcurate.schemas.formats.mapping_values import is_nothing

DEEPEST = 4
"""Objects in objects that are looked into."""
_FLAGS = frozenset({"0", "1", "0.0", "1.0", "true", "false"})
FEW = 12
"""So many different values may be the words of a label."""
MOSTLY = 0.8
"""Of the values of a column that must be of a kind: some rows are broken."""
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True)
class Column:
    """A path at which rows have something, and what: `values` holds it where it is there, `rows` counts all rows."""

    path: str
    values: tuple[Any, ...]
    rows: int

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name: `responseA`, `response_a` and `Response A` are (response, a); what is not preferred is one word."""
        words = " ".join(word.lower() for word in _WORDS.findall(self.path.rsplit(".", 1)[-1]))
        return tuple(re.sub(r"\b(?:non|not|un) (?=preferred|chosen)", "non", words).split())

    @cached_property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return mostly(self.values, lambda value: isinstance(value, str))

    @cached_property
    def is_number(self) -> bool:
        """Whether it holds numbers, also written as text."""
        return mostly(self.values, is_number)

    @cached_property
    def is_flag(self) -> bool:
        """Whether it holds what is set or not."""
        return bool(self.values) and {text.lower() for text in self.distinct} <= _FLAGS

    @cached_property
    def is_messages(self) -> bool:
        """Whether it holds conversations, also as text."""
        return mostly(self.values, lambda value: chat.is_conversation(told := unpacked(value)) or chat.is_message(told))

    @cached_property
    def is_content(self) -> bool:
        """Whether it holds what could be a prompt or a response: conversations, or text that is not the same few words."""
        return self.is_messages or (self.is_text and not self.is_number and self.length > 12 and len(self.distinct) > 1)

    @cached_property
    def length(self) -> float:
        """The mean number of characters of what it holds."""
        return sum(len(str(value)) for value in self.values) / max(1, len(self.values))

    @cached_property
    def distinct(self) -> dict[str, Any]:
        """Its different values by how they read; no more than one over `FEW` unless they are text."""
        return {str(value).strip(): value for value in self.values if not isinstance(value, Mapping | list)}

    @cached_property
    def objects(self) -> bool:
        """Whether it holds lists of objects that are no messages."""
        return not self.is_messages and _lists_of(self.values, lambda item: isinstance(item, Mapping))

    @cached_property
    def texts(self) -> bool:
        """Whether it holds lists of texts."""
        return _lists_of(self.values, lambda item: isinstance(item, str))

    @cached_property
    def numbers(self) -> bool:
        """Whether it holds lists of numbers."""
        return _lists_of(self.values, lambda item: item is None or is_number(item))


def mostly(values: Sequence[Any], kind: Callable[[Any], bool]) -> bool:
    """Whether nearly all values are of a kind."""
    return bool(values) and sum(map(kind, values)) >= MOSTLY * len(values)


def _lists_of(values: Sequence[Any], kind: Callable[[Any], bool]) -> bool:
    return mostly(values, lambda value: isinstance(value, list) and bool(value) and all(map(kind, value)))


def inside(column: Column) -> list[Column]:
    """The columns of the elements of lists."""
    return columns([item for value in column.values if isinstance(value, list) for item in value])


def is_number(value: Any) -> bool:
    """Whether a value is a number, also written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return math.isfinite(float(value))
    except (ValueError, OverflowError):
        return False


def columns(rows: Sequence[Any]) -> list[Column]:
    """The columns of some rows, in the order in which they come."""
    found: dict[str, list[Any]] = {}
    for row in rows:
        for path, value in _walk(row, "", 0):
            found.setdefault(path, []).append(value)
    return [Column(path, tuple(values), len(rows)) for path, values in found.items()]


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if path and not is_nothing(value):
        yield path, value
    if isinstance(value, Mapping) and depth < DEEPEST and not chat.is_message(value):
        for key, item in value.items():
            step = str(key) if not path or re.fullmatch(r"\w+", str(key)) else f'["{key}"]'
            yield from _walk(
                item, f"{path}.{step}" if path and not step.startswith("[") else f"{path}{step}", depth + 1
            )


SIDES = (
    ("a", "b"),
    ("1", "2"),
    ("0", "1"),
    ("one", "two"),
    ("first", "second"),
    ("left", "right"),
    ("x", "y"),
    ("old", "new"),
)
"""How the two sides of a pair are told apart in names."""
PREFERRED = (
    ("chosen", "rejected"),
    ("preferred", "rejected"),
    ("preferred", "dispreferred"),
    ("better", "worse"),
    ("winner", "loser"),
    ("accepted", "rejected"),
    ("win", "lose"),
    ("good", "bad"),
    ("positive", "negative"),
    ("pos", "neg"),
    ("preferred", "nonpreferred"),
    ("chosen", "nonchosen"),
    ("j", "k"),
)
"""The same where the name says which side is better."""


def side_pairs(among: Sequence[Column], sides: Sequence[tuple[str, str]]) -> list[tuple[Column, Column]]:
    """Columns whose names differ in one word, and there by the two words of a side."""
    by_words = {column.words: column for column in reversed(among)}
    found = []
    for column in among:
        for place, word in enumerate(column.words):
            for one, other in sides:
                twin = by_words.get((*column.words[:place], other, *column.words[place + 1 :]))
                if word == one and twin is not None and twin is not column and (column, twin) not in found:
                    found.append((column, twin))
    return found or _nested_pairs(among, sides)


def _nested_pairs(among: Sequence[Column], sides: Sequence[tuple[str, str]]) -> list[tuple[Column, Column]]:
    """The same of a step in the middle of a path: `outputs.a.text` and `outputs.b.text`."""
    by_path = {column.path.lower(): column for column in among}
    found = []
    for column in among:
        steps = column.path.lower().split(".")
        for place, step in enumerate(steps[:-1]):
            twins = (
                by_path.get(".".join((*steps[:place], other, *steps[place + 1 :])))
                for one, other in sides
                if one == step
            )
            found += [(column, twin) for twin in twins if twin is not None]
    return found


def side_words(one: Column, other: Column) -> tuple[str, str] | None:
    """The words in which the names of two columns differ."""
    apart = [pair for pair in zip(one.words, other.words, strict=False) if pair[0] != pair[1]]
    return apart[0] if len(apart) == 1 and len(one.words) == len(other.words) else None


def numbered(among: Sequence[Column]) -> list[list[Column]]:
    """Three columns or more whose names differ in a number or a letter alone, in its order."""
    groups: dict[tuple[str, ...], list[tuple[str, Column]]] = {}
    for column in among:
        for place, word in enumerate(column.words):
            if word.isdigit() or len(word) == 1:
                rest = (*column.words[:place], "#", *column.words[place + 1 :])
                groups.setdefault(rest, []).append((word.rjust(4, "0"), column))
    return [
        [column for _, column in sorted(group, key=lambda one: one[0])] for group in groups.values() if len(group) > 2
    ]
