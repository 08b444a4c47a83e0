"""Workbooks: stored values under the names of their columns, and every broken cell accounted for."""

import datetime
import io
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.styles.numbers import FORMAT_DATE_DATETIME, FORMAT_DATE_XLSX14

from prefcurate.schemas.errors import MissingExtra
from prefcurate.schemas.formats import spreadsheet
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.spreadsheet import Sheet, sheet_rows
from prefcurate.schemas.records import Verdict
from tests.schemas.formats.mapping_helper import read_source
from tests.schemas.formats.reading import labels_of, outcomes


def book(*rows: list[Any], title: str = "Votes", more: dict[str, list[list[Any]]] | None = None) -> Workbook:
    made = Workbook()
    sheet = made.active
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for name, others in (more or {}).items():
        other = made.create_sheet(name)
        for row in others:
            other.append(row)
    return made


def saved(made: Workbook) -> bytes:
    stream = io.BytesIO()
    made.save(stream)
    return stream.getvalue()


def edited(data: bytes, part: str, old: str, new: str) -> bytes:
    """The workbook with a part's XML changed by hand."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as made:
        for name in given.namelist():
            content = given.read(name).decode()
            if name.endswith(part):
                assert re.search(old, content), content
                content = re.sub(old, new, content, count=1)
            made.writestr(name, content)
    return stream.getvalue()


def read(data: bytes, **sheet: Any) -> list[JsonRow]:
    return list(sheet_rows(io.BytesIO(data), Sheet(**sheet)))


def values(data: bytes, **sheet: Any) -> list[Any]:
    return [(row.line, row.value if row.problem is None else row.problem.reason) for row in read(data, **sheet)]


def test_values_come_as_json_has_them():
    made = book(["q", "n", "f", "yes", "day", "at", "of"])
    made.active.append(
        [
            "Why?\nSay.",
            3,
            2.5,
            True,
            datetime.date(2024, 3, 1),
            datetime.datetime(2024, 3, 1, 9, 30),
            datetime.time(9, 5),
        ]
    )
    made.active.append([" x ", None, 1e20, False, datetime.datetime(2024, 3, 1), datetime.datetime(2024, 3, 1), None])
    made.active["E2"].number_format = made.active["E3"].number_format = FORMAT_DATE_XLSX14
    made.active["F3"].number_format = FORMAT_DATE_DATETIME
    day = "2024-03-01"
    assert values(saved(made)) == [
        (2, {"q": "Why?\nSay.", "n": 3, "f": 2.5, "yes": True, "day": day, "at": f"{day}T09:30:00", "of": "09:05:00"}),
        (3, {"q": " x ", "n": None, "f": 1e20, "yes": False, "day": day, "at": f"{day}T00:00:00", "of": None}),
    ]


def test_empty_rows_are_no_rows_and_lines_are_the_sheets_own():
    made = book([], ["q", "one"], [], ["a", "b"], ["", " "], [None, "c"])
    assert values(saved(made)) == [(4, {"q": "a", "one": "b"}), (6, {"q": None, "one": "c"})]


def test_names_of_columns_below_a_title():
    data = saved(book(["Round 3"], [], ["q", "one"], ["a", 1]))
    assert values(data, header=3) == [(4, {"q": "a", "one": 1})]


def test_what_stands_beside_the_table_is_called_by_its_column():
    assert values(saved(book(["q", None, "one"], ["a", "note", "b", None, "far"]))) == [
        (2, {"q": "a", "B": "note", "one": "b", "E": "far"})
    ]


def test_a_formula_gives_the_value_that_is_stored_and_is_never_calculated():
    data = saved(book(["q", "n"], ["a", "=1+1"], ["b", '=HYPERLINK("http://evil")'], ["c", 7]))
    stored = edited(data, "sheet1.xml", r"<f>1\+1</f><v ?/?>(</v>)?", "<f>1+1</f><v>99</v>")
    rows = read(stored)
    assert rows[0].value == {"q": "a", "n": 99} and rows[2].value == {"q": "c", "n": 7}
    assert rows[1].problem.reason == "bad cell"
    assert rows[1].problem.detail.startswith(
        "cell B3 is a formula whose value the file does not hold; open the file in"
    )


@pytest.mark.parametrize(
    ("old", "new", "detail"),
    [
        (r"<v>5</v>", "<v>nan</v>", "cannot be read"),
        (r"<v>5</v>", "<v>1e999</v>", "number inf"),
        (r"<v>5</v>", "<v>five</v>", "cannot be read"),
        (r't="n"><v>5</v>', 't="e"><v>#REF!</v>', "holds the error #REF!"),
        (r't="n"><v>5</v>', 't="s"><v>999</v>', "cannot be read"),
        (r't="n"><v>5</v>', 't="inlineStr"><is><t>_xD800_</t></is>', "lone surrogate"),
        (r'<c r="B3"', '<c r="A3"', "stands twice"),
    ],
)
def test_a_broken_cell_loses_its_row_alone(old, new, detail):
    data = saved(book(["q", "n"], ["a", 4], ["b", 5], ["c", 6]))
    rows = read(edited(data, "sheet1.xml", old, new))
    assert [row.line for row in rows] == [2, 3, 4]
    assert [row.problem is None for row in rows] == [True, False, True]
    assert rows[1].problem.reason == "bad cell" and detail in rows[1].problem.detail and "3" in rows[1].problem.detail


def test_rows_out_of_order_and_far_down_are_all_read():
    data = saved(book(["q"], ["a"], ["b"], ["c"]))
    far = edited(data, "sheet1.xml", '<row r="4"', '<row r="999999999999"')
    assert [row.value["q"] for row in read(far.replace(b"", b""))] == ["a", "b", "c"]
    back = edited(data, "sheet1.xml", '<row r="4"([^>]*)><c r="A4"', r'<row r="2"\1><c r="A2"')
    assert [row.value["q"] for row in read(back)] == ["a", "b", "c"]


def test_a_wrong_size_of_the_sheet_hides_nothing():
    data = edited(
        saved(book(["q", "n"], ["a", 1], ["b", 2])), "sheet1.xml", '<dimension ref="[^"]*"', '<dimension ref="A1"'
    )
    assert len(read(data)) == 2 and read(data)[1].value == {"q": "b", "n": 2}


def test_which_sheet():
    made = book(["q"], ["a"], title="Notes", more={"Votes 2024": [["q"], ["b"]], "x": [["q"], ["c"]]})
    data = saved(made)
    assert values(data) == [(2, {"q": "a"})]
    assert values(data, which="Votes 2024") == values(data, which=2) == [(2, {"q": "b"})]
    made["Notes"].sheet_state = "hidden"
    assert values(saved(made)) == [(2, {"q": "b"})]
    (row,) = read(data, which="votes 2023")
    assert row.problem.detail == "the workbook has no sheet 'votes 2023'; did you mean 'Votes 2024'?"
    (row,) = read(data, which=9)
    assert row.problem.detail == "the workbook has no sheet 9; it has 'Notes', 'Votes 2024', 'x'"


def test_names_of_columns():
    assert values(saved(book(["q", "q"], ["a", "b"]))) == [(1, "bad header")]
    assert values(saved(book(["a", "b"])), header=False) == [(1, {"0": "a", "1": "b"})]
    assert values(saved(book(["a", "b"])), columns=("q", "one"), header=False) == [(1, {"q": "a", "one": "b"})]


@pytest.mark.parametrize(
    "data", [b"", b"not a zip", b"PK\x03\x04", saved(book(["q"], ["a"]))[:-30], saved(book(["q"]))[:900]]
)
def test_what_is_no_workbook_is_one_row(data):
    (row,) = read(data)
    assert row.problem.reason == "bad workbook"


def test_a_zip_that_is_no_workbook_and_a_sheet_that_breaks():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("x.txt", "hello")
    assert [row.problem.reason for row in read(stream.getvalue())] == ["bad workbook"]
    data = edited(saved(book(["q"], ["a"], ["b"], ["c"])), "sheet1.xml", '<row r="4"', '<row <<r="4"')
    assert [reason for _, reason in values(data)] == [{"q": "a"}, {"q": "b"}, "bad workbook"]
    assert "after row 3" in read(data)[-1].problem.detail


def test_entities_and_bombs_do_not_blow_up(monkeypatch):
    bomb = (
        "<!DOCTYPE lolz [<!ENTITY a '"
        + "x" * 1000
        + "'>"
        + "".join(f"<!ENTITY {'b' * i} '{'&' + ('b' * (i - 1) or 'a') + ';'}{'&a;' * 9}'>" for i in range(1, 9))
        + "]>"
    )
    data = edited(saved(book(["q"], ["a"])), "sheet1.xml", "<worksheet", bomb + "<worksheet")
    assert all(row.problem is None or row.problem.reason == "bad workbook" for row in read(data))
    monkeypatch.setattr(spreadsheet, "MAX_PART_BYTES", 1 << 16)
    big = edited(saved(book(["q"], ["a"])), "sheet1.xml", "<sheetData", " " * 5_000_000 + "<sheetData")
    assert [row.problem.detail.partition(" unpacks")[0] for row in read(big)] == ["xl/worksheets/sheet1.xml"]


def test_without_the_extra_planning_says_so(monkeypatch, tmp_path):
    (tmp_path / "v.xlsx").write_bytes(saved(book(["q"])))
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(MissingExtra, match=r"pip install 'prefcurate\[xlsx\]'"):
        read_source("[{name: v, path: v.xlsx, fields: {prompt: q, response_a: a, response_b: b}}]", tmp_path)


def test_a_workbook_as_a_source(tmp_path: Path):
    rows = [[f"Why {i}?", "Because.", "No idea.", "AB"[i % 2], f"w{i % 3}"] for i in range(30)]
    rows[4][3] = "=1/0"
    data = saved(book(["Question", "Answer A", "Answer B", "Better", "Worker"], *rows))
    (tmp_path / "v.xlsx").write_bytes(data)
    found = read_source(
        """
        - name: v
          path: v.xlsx
          fields:
            prompt: Question
            response_a: Answer A
            response_b: Answer B
            label: {path: Better, values: {A: a, B: b}}
            annotator: Worker
            kind: {constant: person}
        """,
        tmp_path,
    )
    assert outcomes(found) == {"Pairs": 29, "bad cell": 1}
    labels = labels_of(found)
    assert sum(label.verdict is Verdict.FIRST for label in labels) == 14
    assert {label.annotator for label in labels} == {"w0", "w1", "w2"}
