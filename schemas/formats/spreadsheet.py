"""Rows of an XLSX workbook, one at a time: stored values alone, nothing is calculated, no link is followed.

The sheet's own numbers of rows are the lines. openpyxl's parser of a sheet is used without its padding, which drops rows that are out of order
and fills gaps of any size.
"""

import datetime
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

from prefcurate.schemas.errors import MissingExtra
from prefcurate.schemas.formats.cells import is_broken
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping_paths import near_key
from prefcurate.schemas.formats.rows import raw_of
from prefcurate.schemas.records import Unreadable

MAX_PART_BYTES, MAX_PART_RATIO = 64 * 2**20, 200
"""A part of a workbook that is larger than this, and than so many times what is stored of it, is taken for a trap."""
_TIME = re.compile(r"[hs]", re.I)
_UNTOLD = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


@dataclass(frozen=True, slots=True)
class Sheet:
    """How a sheet is read: by its name or its number from 1, the first visible one when None; and where names of columns come from."""

    which: str | int | None = None
    header: bool | int = True
    columns: tuple[str, ...] | None = None


def needs_openpyxl() -> Any:
    """The library that reads workbooks.

    Raises:
        MissingExtra: the extra `xlsx` is not installed.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtra("reading .xlsx needs openpyxl: pip install 'prefcurate[xlsx]'") from error
    return openpyxl


def sheet_rows(stream: IO[bytes], sheet: Sheet) -> Iterator[JsonRow]:
    """Every row of a sheet that has a cell with something in it.

    Args:
        stream: the workbook; it must be able to jump.
        sheet: which, and how.
    """
    line = 0
    try:
        with ExitStack() as stack:
            # About styles and extensions that no value depends on.
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            problem = _too_large(stream)
            if problem is not None:
                yield JsonRow(1, None, "", problem)
                return
            book = needs_openpyxl().load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            stack.callback(book.close)
            found = _sheet_of(book, sheet.which)
            if isinstance(found, Unreadable):
                yield JsonRow(1, None, "", found)
                return
            named = _Named(sheet)
            for line, cells in _cells(found, stack):  # noqa: B007 told when the file breaks
                row = named.row(line, cells)
                if row is not None:
                    yield row
                if named.is_hopeless:
                    return
    except MissingExtra:
        raise
    except Exception as error:  # noqa: BLE001 openpyxl raises whatever a broken workbook makes it stumble over
        detail = f"{type(error).__name__}: {str(error)[:200]}; what stands after row {line} could not be read"
        yield JsonRow(line + 1, None, "", Unreadable("bad workbook", detail))


def _too_large(stream: IO[bytes]) -> Unreadable | None:
    try:
        with zipfile.ZipFile(stream) as parts:
            for part in parts.infolist():
                if part.file_size > max(MAX_PART_BYTES, MAX_PART_RATIO * part.compress_size):
                    return Unreadable(
                        "bad workbook", f"{part.filename} unpacks to {part.file_size:,} bytes (zip bomb?)"
                    )
    except zipfile.BadZipFile:
        return Unreadable("bad workbook", "it is no whole .xlsx file; was it cut off, or is it an older .xls?")
    stream.seek(0)
    return None


def _sheet_of(book: Any, which: str | int | None) -> Any:
    sheets = book.worksheets
    names = {sheet.title: sheet for sheet in sheets}
    listed = ", ".join(map(repr, names)) or "none"
    if which is None:
        return next((sheet for sheet in sheets if sheet.sheet_state == "visible"), None) or (
            sheets[0] if sheets else Unreadable("no such sheet", "the workbook has no sheet of cells")
        )
    if isinstance(which, int) and 1 <= which <= len(sheets):
        return sheets[which - 1]
    if str(which) in names:
        return names[str(which)]
    near = near_key(str(which), names)
    hint = f"did you mean {near!r}?" if near else f"it has {listed}"
    return Unreadable("no such sheet", f"the workbook has no sheet {which!r}; {hint}")


@dataclass(frozen=True, slots=True)
class _Cell:
    """What a cell holds: its value as JSON has it, or what is wrong with it."""

    value: Any
    problem: str | None = None


def _cells(sheet: Any, stack: ExitStack) -> Iterator[tuple[int, dict[int, _Cell]]]:
    """The number of each row and its cells by the number of their column, from 1; of a cell that stands twice the first is broken."""
    parser, iterparse, row_tag = _parser(sheet, stack)
    rows = None
    for event, element in iterparse(parser.source, events=("start", "end")):
        if event == "start":
            rows = element if element.tag.endswith("}sheetData") else rows
        elif element.tag == row_tag:
            number, cells = parser.parse_row(element)
            read: dict[int, _Cell] = {}
            for cell in cells:
                column = cell["column"]
                read[column] = _Cell(None, "stands twice") if column in read else _read(sheet, cell)
            yield number, read
            if rows is not None:
                rows.clear()


def _parser(sheet: Any, stack: ExitStack) -> tuple[Any, Callable[..., Any], str]:
    from openpyxl.worksheet._reader import FORMULA_TAG, ROW_TAG, WorkSheetParser
    from openpyxl.xml.functions import iterparse

    class Parser(WorkSheetParser):
        """One that tells formulas without a stored value, and that no cell makes stumble."""

        def parse_cell(self, element: Any) -> dict[str, Any]:
            try:
                cell: dict[str, Any] = super().parse_cell(element)
            except (ValueError, TypeError, LookupError, OverflowError, AttributeError) as error:
                column = self.col_counter
                return {"row": self.row_counter, "column": column, "value": str(error)[:80], "data_type": "broken"}
            if cell["value"] is None and element.find(FORMULA_TAG) is not None:
                cell["data_type"] = "f"
            return cell

    book = sheet.parent
    source = stack.enter_context(sheet._get_source())
    made = Parser(
        source,
        sheet._shared_strings,
        data_only=True,
        epoch=book.epoch,
        date_formats=book._date_formats,
        timedelta_formats=book._timedelta_formats,
    )
    return made, iterparse, ROW_TAG


def _read(sheet: Any, cell: dict[str, Any]) -> _Cell:
    value = cell["value"]
    match cell["data_type"]:
        case "f":
            return _Cell(
                None,
                "is a formula whose value the file does not hold; open the file in a spreadsheet program and save it there",
            )
        case "e":
            return _Cell(None, f"holds the error {value}")
        case "broken":
            return _Cell(None, f"cannot be read: {value}")
    if isinstance(value, str):
        text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
        return _Cell(None, "holds a lone surrogate, which is half of a character") if is_broken(text) else _Cell(text)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return _Cell(None, f"holds the number {value}")
    if isinstance(value, datetime.datetime):
        from openpyxl.cell.read_only import ReadOnlyCell

        told = _UNTOLD.sub("", str(ReadOnlyCell(sheet, **cell).number_format or ""))
        midnight = value.time() == datetime.time()
        return _Cell((value.date() if midnight and not _TIME.search(told) else value).isoformat())
    if isinstance(value, datetime.date | datetime.time):
        return _Cell(value.isoformat())
    return _Cell(value if value is None or isinstance(value, bool | int | float) else str(value))


class _Named:
    """Gives a sheet's cells the names of their columns, which its first row that is not empty holds."""

    def __init__(self, sheet: Sheet) -> None:
        self._names = dict(enumerate(sheet.columns, start=1)) if sheet.columns is not None else None
        self._numbered = sheet.columns is None and not sheet.header
        self._begin = 1 if isinstance(sheet.header, bool) or sheet.columns is not None else sheet.header
        self.is_hopeless = False

    def row(self, line: int, cells: dict[int, _Cell]) -> JsonRow | None:
        """A row under its names; None for an empty row, and for the names themselves."""
        full = {number: cell for number, cell in cells.items() if cell.problem or not _is_blank(cell.value)}
        if not full or line < self._begin:
            return None
        wrong = next(((number, cell.problem) for number, cell in full.items() if cell.problem), None)
        if wrong is not None:
            problem = Unreadable("bad cell", f"cell {_letter(wrong[0])}{line} {wrong[1]}")
            self.is_hopeless = self._names is None and not self._numbered
            return JsonRow(line, None, raw_of([cell.value for cell in full.values()]), problem)
        if self._names is None and not self._numbered:
            return self._header(line, full)
        return JsonRow(line, self._under_names(cells), "")

    def _header(self, line: int, full: dict[int, _Cell]) -> JsonRow | None:
        self._names = {number: str(cell.value).strip() for number, cell in full.items()}
        names = list(self._names.values())
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is None:
            return None
        self.is_hopeless = True
        detail = f"the column {twice!r} stands twice, so that no row can be read; rename one"
        return JsonRow(line, None, raw_of(names), Unreadable("bad header", detail))

    def _under_names(self, cells: dict[int, _Cell]) -> dict[str, Any]:
        names = self._names or {}
        row: dict[str, Any] = dict.fromkeys(names.values())
        for number, cell in cells.items():
            name = str(number - 1) if self._numbered else names.get(number)
            # What stands beside the table, under no name, is called by its column's letter.
            if name is not None or not _is_blank(cell.value):
                row[name or _letter(number)] = cell.value
        return row


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _letter(number: int) -> str:
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
