"""Field paths of the `mapping` reader: `a.b[0]`, `votes[-1]`, `["odd.key"]`, `$.from.the.row`; and what lies there.

What the file's name says lies at `@file.name`, and with a pattern at `@file.…` (see `file_names.py`).

Under `each`, `@index` and `@key` are the element's own number or key, `$` is the row, and `$.scores[@index]` is what stands in another
list of the row at the element's place.

A path is looked up, never evaluated. A key that the row has letter by letter (`response.1`, `Answer A`) is taken as
it stands before any dot in it is understood as a step.
"""

import difflib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from prefcurate.schemas.formats.rows import RowError, held


class _Here(Enum):
    HERE = "@index"


HERE: Final = _Here.HERE
"""The step `[@index]`: the number or key of the element at which `each` stands."""
Step = str | int | _Here

_STEP = re.compile(r"""\[(-?\d+)\]|(\[@(?:index|key)\])|\[("(?:[^"\\]|\\.)*")\]|\['([^']*)'\]|\.?([^.\[\]]+)""")
_OWN_NAMES = frozenset({".", "@key", "@index"})
NEAR = 0.75
"""How alike (difflib ratio) a key must be to be offered as what was meant."""


class _Absent(Enum):
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands where a row should have been joined: no path leads into it, and it says why."""

    why: str


ABSENT: Final = _Absent.ABSENT
"""Nothing lies at the path; a null that is written down is None instead."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where paths start: the row, and with `each` one element of a list in it, with its number or its key.

    `columns` is true for tables, whose columns are known: there a name that is not among them is always a mistake.
    """

    row: Any
    element: Any
    key: str | int | None = None
    columns: bool = False

    def within(self, key: str | int, element: Any) -> "Scope":
        """The scope of one element."""
        return Scope(self.row, element, key, self.columns)

    @property
    def root(self) -> "Scope":
        """The scope of the row itself."""
        return Scope(self.row, self.row, None, self.columns)


def row_scope(row: Any, columns: bool = False) -> Scope:
    """The scope in which a row's own paths start."""
    return Scope(row, row, None, columns)


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. `text` is how it was written."""

    text: str
    steps: tuple[Step, ...]
    from_row: bool = False

    def steps_at(self, scope: Scope) -> tuple[str | int, ...]:
        """The steps from a scope; outside of `each` an `[@index]` leads nowhere."""
        key = "" if scope.key is None else scope.key
        return tuple(key if step is HERE else step for step in self.steps)

    def find(self, scope: Scope) -> Any:
        """What lies at the path, or `ABSENT`."""
        start = scope.row if self.from_row else scope.element
        # Nearly every row is a plain dict: asked first, since asking for any mapping is slow.
        if type(start) is dict and self.text in start and self.text not in _OWN_NAMES:
            return start[self.text]
        if self.text == ".":
            return start
        if self.text in ("@key", "@index"):
            return ABSENT if scope.key is None else scope.key
        if isinstance(start, Mapping) and self.text in start:
            return start[self.text]
        return _walk(start, self.steps_at(scope))

    def first(self) -> str | None:
        """The first key of the path, where it is one."""
        return self.steps[0] if self.steps and isinstance(self.steps[0], str) else None


def parse_path(text: str) -> Path:
    """A path out of how a person writes it.

    Raises:
        ValueError: it is not a path; the message shows where.
    """
    if not text.strip():
        raise ValueError("a field path is empty; name a field of the rows")
    if text in (".", "$", "@key", "@index"):
        return Path("." if text == "$" else text, (), text == "$")
    # What the file's name says is the same for all elements of its rows.
    from_row = text.startswith(("$.", "@file."))
    rest = text.removeprefix("$.")
    steps: list[Step] = []
    position = 0
    while position < len(rest):
        match = _STEP.match(rest, position)
        if match is None:
            raise ValueError(f'{text!r} is no field path: at {rest[position:]!r}; write a.b[0] or ["odd.key"]')
        steps.append(_step(*match.groups()))
        position = match.end()
    return Path(rest, tuple(steps), from_row)


def _step(index: str | None, here: str | None, quoted: str | None, single: str | None, plain: str | None) -> Step:
    if index is not None:
        return int(index)
    if here is not None:
        return HERE
    found: str = json.loads(quoted) if quoted is not None else str(plain if single is None else single)
    return found


def _walk(value: Any, steps: tuple[str | int, ...]) -> Any:
    for step in steps:
        if type(value) is str:
            value = held(value)
        if isinstance(step, int):
            if not isinstance(value, list | tuple) or not -len(value) <= step < len(value):
                return ABSENT
            value = value[step]
        elif isinstance(value, Mapping) and step in value:
            value = value[step]
        else:
            return ABSENT
    return value


def missing_message(path: Path, scope: Scope, used: Iterable[str] = ()) -> str:
    """Says that a path leads nowhere, where it stops, and what name may have been meant."""
    start, where = (scope.row if path.from_row else scope.element), ""
    for step in path.steps_at(scope):
        found = _walk(start, (step,))
        if found is ABSENT:
            return _missing_step(path, step, start, where, used, scope.columns)
        start, where = found, f"{where}.{step}" if where else str(step)
    return f"field {path.text!r} is not in the row"


def _missing_step(path: Path, step: str | int, value: Any, where: str, used: Iterable[str], is_table: bool) -> str:
    message = f"field {path.text!r} is not in the row"
    if isinstance(value, Missing):
        return f"{message}: {value.why}"
    if where:
        message += f" ({where!r} is {_shape(value)})"
    if not isinstance(value, Mapping) or isinstance(step, int):
        return message
    names = [str(key) for key in value]
    hint = otherwise_named(names) if is_table and not where else ""
    near = None if len(names) == 1 and hint else near_key(step, value, used)
    if near is not None:
        return f"{message}; did you mean {near!r}?"
    listed = ", ".join(repr(name) for name in names[:12]) + (", …" if len(names) > 12 else "")
    return f"{message}; it has {listed}{hint}" if names else f"{message}; it is empty"


_SEPARATORS = ";\t|,"
_LETTERS = re.compile(r"[A-Z]{1,2}")


def otherwise_named(columns: Sequence[str]) -> str:
    """What to do with a table whose names of columns look like none: cut by another character, or below a title; else empty."""
    if len(columns) == 1 and (mark := next((mark for mark in _SEPARATORS if mark in columns[0]), None)) is not None:
        return f"; are the cells separated by {mark!r}? Set `delimiter: {json.dumps(mark)}`"
    unnamed = sum(_LETTERS.fullmatch(name) is not None for name in columns)
    if len(columns) == 1 or unnamed > len(columns) / 2 > 1:
        return "; do the names of the columns stand further down? Set `header:` to their line, such as `header: 3`"
    return ""


def near_key(name: str | int, value: Any, used: Iterable[str] = ()) -> str | None:
    """A key of `value` that looks like a misspelt `name`, leaving out those that other fields of the mapping use."""
    if not isinstance(value, Mapping) or isinstance(name, int):
        return None
    taken = set(used)
    by_fold = {str(key).casefold(): str(key) for key in value if str(key) not in taken}
    if name.casefold() in by_fold:
        return by_fold[name.casefold()]
    near = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=NEAR)
    return by_fold[near[0]] if near else None


_NUMBERED = re.compile(r"(?:[ _.-][^ _.-]|[ _.-]?\d+)$")


def is_misspelt(name: str, value: Any, used: Iterable[str]) -> bool:
    """Whether a key looks like a misspelt `name`; `vote_2` is no misspelling of `vote_1`, nor `vote_count` of `vote`."""
    near = near_key(name, value, used)
    if near is None:
        return False
    one, other = sorted((name.casefold(), near.casefold()), key=len)
    numbered = one != other and _NUMBERED.search(one) and _NUMBERED.sub("", one) == _NUMBERED.sub("", other)
    longer = other.startswith(one) and other[len(one) : len(one) + 1] in tuple(" _.-")
    return not numbered and not longer


def _shape(value: Any) -> str:
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return "null" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"


def look_up(path: Path, scope: Scope, used: Iterable[str] = ()) -> Any:
    """What lies at an optional path, or `ABSENT`; a name that can only be a typing error is an error.

    Raises:
        RowError: a table has no such column, or the row has a key that looks like a misspelling of it.
    """
    value = path.find(scope)
    if value is not ABSENT:
        return value
    first = path.first()
    start = scope.row if path.from_row else scope.element
    at_row = start is scope.row
    if path.steps and not at_row and not isinstance(start, Mapping | list | tuple):
        raise RowError(
            "wrong type", f"field {path.text!r}: the element is {_shape(start)}; write `.` for the element itself"
        )
    unknown = first is not None and isinstance(start, Mapping) and first not in start
    if unknown and ((scope.columns and at_row) or is_misspelt(str(first), start, used)):
        raise RowError("field missing", missing_message(path, scope, used))
    return ABSENT
