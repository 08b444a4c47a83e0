"""What the values of labels, orders and kinds in a source mean: `values: {"1": a, "2": b, "0": tie}`.

YAML keys may be text, numbers, booleans or null (an unquoted `yes` is a boolean in YAML), and data may spell the same
value in as many ways ("1", 1, 1.0, true). Both sides are spelled out from the strictest to the loosest form, and the
strictest form that stands in the table decides.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from prefcurate.schemas.formats.mapping_paths import ABSENT

_NUMBER = re.compile(r"[+-]?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})
_SHORT = 40
_NULL = frozenset({"", "~", "null", "none", "nan", "na", "n/a"})


def is_nothing(value: Any) -> bool:
    """Whether a source left a value out: absent, null, NaN, or blank text."""
    if value is None or value is ABSENT:
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, float | Decimal) and math.isnan(value)


def forms(value: Any) -> Sequence[str]:
    """The spellings of a value, strictest first: two values mean the same when a spelling is shared."""
    if isinstance(value, str):
        return _text_forms(value) if len(value) <= _SHORT else _text_forms.__wrapped__(value)
    if is_nothing(value):
        return ["null"]
    if isinstance(value, bool):
        return [f"bool {value}", f"number {int(value)}"]
    if isinstance(value, int | float | Decimal):
        number = f"number {_plain(str(value))}"
        return [number, *(f"bool {flag}" for flag in (True, False) if value == int(flag))]
    return [f"text {value}"]


# The same few words stand in a million rows.
@lru_cache(maxsize=4096)
def _text_forms(text: str) -> tuple[str, ...]:
    stripped = text.strip()
    found = [f"text {text}", f"text {stripped}"]
    if _NUMBER.fullmatch(stripped):
        found.append(f"number {_plain(stripped)}")
    folded = stripped.casefold()
    if folded in _TRUE | _FALSE:
        found.append(f"bool {folded in _TRUE}")
    if folded in _NULL:
        found.append("null")
    return tuple(dict.fromkeys(found))


def _plain(number: str) -> str:
    value = Decimal(number)
    if not value.is_finite():
        return str(value)
    return format(value.normalize() if value else Decimal(0), "f")


@dataclass(frozen=True)
class Values:
    """A table from values of a source to our words; `given` is the table as it was written, for messages."""

    given: tuple[tuple[Any, str], ...]
    table: Mapping[str, str]

    @classmethod
    def of(cls, given: Mapping[Any, str]) -> "Values":
        """A table as it stands in the YAML.

        Raises:
            ValueError: two keys that no data can tell apart mean different things.
        """
        ranked: dict[str, dict[int, set[str]]] = {}
        for key, word in given.items():
            # Only an unquoted null means a null: a text key "none" is a value like any other.
            for rank, form in enumerate(form for form in forms(key) if key is None or form != "null"):
                ranked.setdefault(form, {}).setdefault(rank, set()).add(word)
        strict = {form: ranks[min(ranks)] for form, ranks in ranked.items()}
        for key in given:
            if len(strict[forms(key)[0]]) > 1:
                raise ValueError(f"values: {key!r} stands twice with different meanings")
        return cls(tuple(given.items()), {form: min(words) for form, words in strict.items() if len(words) == 1})

    def get(self, value: Any) -> str | None:
        """The word for a value, or None when the table does not have it."""
        for form in forms(value):
            if form in self.table:
                return self.table[form]
        return None

    def known(self) -> str:
        """The keys of the table, for messages."""
        return ", ".join(repr(key) for key, _ in self.given)


def own_words(*words: str) -> Values:
    """The table that stands for itself, in small and capital letters, for sources that already use our words."""
    return Values.of({spelling: word for word in words for spelling in (word, word.upper(), word.capitalize())})


_FLAGS = Values.of({True: "set", False: "unset"})


def truth(value: Any) -> bool | None:
    """Whether a flag is set (true, 1, "yes"); None where it is neither set nor unset."""
    if is_nothing(value):
        return False
    word = _FLAGS.get(value)
    return None if word is None else word == "set"
