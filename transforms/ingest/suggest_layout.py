"""How a table is written, guessed from its cells: what separates them, how they are encoded, in which line the columns are named."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prefcurate.schemas.formats.json_values import JsonRow
from prefcurate.schemas.formats.mapping_values import is_nothing

_ENCODING = "cp1252"
"""What spreadsheet programs write where they do not write UTF-8."""
_SEPARATORS = {"csv": (",", ";", "\t", "|"), "tsv": ("\t", ",", ";", "|")}
_ABOVE = 20
"""Lines of titles and remarks above the names of columns, at most."""
_FULL = 0.6
"""Of a table's cells that are filled in the line that names its columns."""


def layout(kind: str, read: Callable[[Mapping[str, Any]], Sequence[JsonRow]]) -> dict[str, Any]:
    """The settings of a reader that a table needs beside its type; none where it is as its type says.

    Args:
        kind: csv, tsv or xlsx.
        read: the first rows with some settings.
    """
    raw: dict[str, Any] = {"header": False}
    told: dict[str, Any] = {}
    if any(row.problem is not None and row.problem.reason == "bad encoding" for row in read(raw)):
        told["encoding"] = _ENCODING
    if kind in _SEPARATORS:
        first, *_ = marks = _SEPARATORS[kind]
        best = max(marks, key=lambda mark: _evenness(read(raw | told | {"delimiter": mark})))
        told |= {"delimiter": best} if best != first else {}
    line = _line_of_names(read(raw | told))
    return told | ({"header": line} if line is not None else {})


def _widths(rows: Sequence[JsonRow]) -> list[int]:
    return [_filled(row) for row in rows if row.problem is None]


def _filled(row: JsonRow) -> int:
    return sum(not is_nothing(value) for value in row.value.values()) if isinstance(row.value, Mapping) else 0


def _evenness(rows: Sequence[JsonRow]) -> tuple[float, int]:
    """How many rows have the same number of cells, which is more than one."""
    sizes = Counter(len(row.value) for row in rows if row.problem is None and len(row.value) > 1)
    if not sizes:
        return (0.0, 0)
    size, count = max(sizes.items(), key=lambda one: (one[1], one[0]))
    return (count / len(rows), size)


def _line_of_names(rows: Sequence[JsonRow]) -> int | None:
    """The line of the first row that is as full as the table, where others stand above it."""
    widths = _widths(rows)
    if not widths:
        return None
    usual = sorted(widths)[len(widths) // 2]
    for place, row in enumerate(rows[:_ABOVE]):
        if row.problem is None and _filled(row) >= max(2, _FULL * usual):
            return row.line if place else None
    return None
