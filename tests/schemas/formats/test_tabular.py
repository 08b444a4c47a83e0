import datetime
import gzip
import json
import math
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from prefcurate.schemas.formats.base import SourceFile
from prefcurate.schemas.formats.lines import JsonRow
from prefcurate.schemas.formats.mapping import MappingReader
from prefcurate.schemas.formats.mapping_row import Fields
from prefcurate.schemas.formats.tabular import plain
from prefcurate.schemas.records import Pairs, Unreadable, Verdict, render
from prefcurate.transforms.ingest.sources import open_source_file
from tests.schemas.formats.mapping_helper import mapping, read_source, write

FIELDS = Fields.model_validate({"prompt": "q", "response_a": "one", "response_b": "two"})


def rows_of(path: Path, **settings_) -> list[JsonRow]:
    reader = MappingReader(fields=FIELDS, **settings_)
    return list(reader.rows(SourceFile(str(path), path.name), open_source_file))


def values(path: Path, **settings_) -> list:
    return [row.value if row.problem is None else row.problem.reason for row in rows_of(path, **settings_)]


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.jsonl", '{"q": "a"}\n\n{"q": "b\u2028c"}\n'),
        ("x.ndjson", '\ufeff{"q": "a"}\r\n{"q": "b\u2028c"}'),
        ("x.json", '[{"q": "a"},\n {"q": "b\u2028c"}]'),
        ("x.csv", "q\na\nb\u2028c\n"),
        ("x.csv", "\ufeffq\r\na\r\nb\u2028c"),
        ("x.tsv", 'q\n"a"\nb\u2028c\n'),
    ],
)
def test_plain_files(tmp_path, name, text, ending):
    assert values(write(tmp_path / (name + ending), text)) == [{"q": "a"}, {"q": "b\u2028c"}]


def test_where_rows_begin(tmp_path):
    text = 'q,one\n"a\nb\nc",1\n\nx,"2\r\n"\ny,3\n'
    assert [row.line for row in rows_of(write(tmp_path / "x.csv", text))] == [2, 6, 8]


def test_quoted_cells_in_gzip(tmp_path):
    path = write(tmp_path / "x.csv.gz", 'q,one,two\n"He said ""x"",\nthen","",\x00y\n')
    assert values(path) == [{"q": 'He said "x",\nthen', "one": "", "two": "\x00y"}]


def test_ragged_rows_are_named_and_the_rest_is_read(tmp_path):
    found = rows_of(write(tmp_path / "x.csv", "q,one\na,1\nb\nc,2,3\nd,4\n"))
    assert [row.value and row.value["q"] for row in found] == ["a", None, None, "d"]
    assert found[1].problem == Unreadable("ragged row", "1 cells where the header has 2")
    assert found[2].raw == '["c", "2", "3"]'


def test_a_quote_that_never_closes(tmp_path):
    found = rows_of(write(tmp_path / "x.tsv", 'q\tone\na\t1\n"b\t2\nc\t3\n'))
    assert [row.value and row.value["q"] for row in found] == ["a", None, "c"]
    assert "begins on line 3" in found[1].problem.detail
    assert "set quote: ''" in found[1].problem.detail
    assert [row.value["q"] for row in rows_of(tmp_path / "x.tsv", quote="")] == ["a", '"b', "c"]


def test_text_after_a_closing_quote(tmp_path):
    assert values(write(tmp_path / "x.csv", 'q,one\n"a" b,1\nc,2\n')) == ["bad CSV", {"q": "c", "one": "2"}]


def test_delimiter_encoding_and_header(tmp_path):
    assert values(write(tmp_path / "x.csv", "q;one\na;1\n"), delimiter=";") == [{"q": "a", "one": "1"}]
    latin = write(tmp_path / "y.csv", "q,one\ncafé,1\nx,2\n".encode("latin-1"))
    assert values(latin, encoding="latin-1") == [{"q": "café", "one": "1"}, {"q": "x", "one": "2"}]
    found = rows_of(latin)
    assert found[0].problem == Unreadable(
        "bad encoding", "column 'q' holds bytes that are not utf-8; set `encoding:`, e.g. cp1252"
    )
    assert found[1].value == {"q": "x", "one": "2"}
    bare = write(tmp_path / "z.csv", "a,1\n")
    assert values(bare, header=False) == [{"0": "a", "1": "1"}]
    assert values(bare, columns=["q", "one"]) == [{"q": "a", "one": "1"}]


def test_names_of_columns_below_titles(tmp_path):
    titled = write(tmp_path / "x.csv", "# exported in June,\n\nq,one\na,1\n")
    assert values(titled, header=3) == [{"q": "a", "one": "1"}] and rows_of(titled, header=3)[0].line == 4
    with pytest.raises(ValidationError, match="0 is no line"):
        values(titled, header=0)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("q;one\na;b\n", 'Set `delimiter: ";"`'),
        ("q\tone\na\tb\n", 'Set `delimiter: "\\t"`'),
        ("a remark\nq,one\na,1\n", "Set `header:`"),
    ],
)
def test_a_table_that_is_cut_otherwise_is_told_how(text, advice, tmp_path):
    problem = mapping().input_row(rows_of(write(tmp_path / "x.csv", text))[0], columns=True).outcome
    assert advice in problem.detail


def test_a_column_that_stands_twice(tmp_path):
    assert values(write(tmp_path / "x.csv", "q,q\na,1\n")) == ["bad header"]
    assert values(write(tmp_path / "y.csv", ",,q\n1,2,a\n")) == [{"": "2", "q": "a"}]


def test_empty_files(tmp_path):
    for name in ("x.csv", "x.jsonl", "x.tsv.gz"):
        assert values(write(tmp_path / name, "")) == []
    assert values(write(tmp_path / "h.csv", "q,one\n")) == []


def test_long_cells(tmp_path):
    long = "x" * 300_000
    assert values(write(tmp_path / "x.csv", f"q,one\n{long},1\n")) == [{"q": long, "one": "1"}]


def test_a_file_that_is_broken_off_gives_no_shortened_row(tmp_path):
    rows = [{"q": f"row {i} {i * 7919 % 10007}", "one": str(i * 104729)} for i in range(300)]
    text = "q,one\n" + "".join(f"{row['q']},{row['one']}\n" for row in rows)
    whole = gzip.compress(text.encode())
    read = set()
    for kept in range(30, len(whole) - 8, 97):
        *before, last = rows_of(_bytes(tmp_path / "x.csv.gz", whole[:kept]))
        assert [row.value for row in before] == rows[: len(before)]
        assert (last.line, last.problem.reason) == (len(before) + 2 if before else last.line, "file broken off")
        read.add(len(before))
    assert len(read) > 5 and max(read) > 200


def test_a_file_that_is_broken_off_inside_quotes(tmp_path):
    whole = gzip.compress(b'q,one\na,1\n"b\n' + bytes(range(48, 123)) * 40 + b'",2\n', mtime=0)
    (first, last) = rows_of(_bytes(tmp_path / "x.csv.gz", whole[:-9]))
    assert first.value == {"q": "a", "one": "1"}
    assert (last.line, last.value, last.problem.reason) == (3, None, "file broken off")


def _bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_nan_in_json_lines_is_null(tmp_path):
    assert values(write(tmp_path / "x.jsonl", '{"q": NaN, "one": 2}\n{"q": -Infinity}\n{"q": 1}\n')) == [
        {"q": None, "one": 2}, "bad JSON", {"q": 1},
    ]  # fmt: skip


TABLE = pa.table(
    {
        "q": [[{"role": "user", "content": "Hi"}], [{"role": "user", "content": "Ho"}]],
        "out": [{"one": "x", "two": "y"}, {"one": "z", "two": None}],
        "v": pa.array([1.0, math.nan]),
        "by": pa.array([7, None], pa.int64()),
    }
)
NESTED = """
- name: nested
  format: mapping
  path: {path}
  fields: {{prompt: q, response_a: out.one, response_b: out.two, label: {{path: v, values: {{1: a, 2: b}}}}, annotator: by}}
"""


def test_parquet_with_nested_columns(tmp_path):
    pq.write_table(TABLE, tmp_path / "x.parquet")
    one, two = read_source(NESTED.format(path="x.parquet"), tmp_path)
    (found,) = one.outcome.pairs
    assert (render(found.prompt), render(found.first), render(found.second)) == ("Hi", "x", "y")
    assert [(x.verdict, x.annotator) for x in found.labels] == [(Verdict.FIRST, "7")]
    assert two.outcome == Unreadable("field missing", "response_b (out.two) is null")
    assert [row.line for row in (one, two)] == [1, 2]


def test_parquet_in_gzip_and_arrow(tmp_path):
    pq.write_table(TABLE, tmp_path / "x.parquet")
    _bytes(tmp_path / "y.parquet.gz", gzip.compress((tmp_path / "x.parquet").read_bytes()))
    with pa.ipc.new_file(tmp_path / "x.arrow", TABLE.schema) as writer:
        writer.write_table(TABLE)
    with pa.ipc.new_stream(tmp_path / "s.arrow", TABLE.schema) as writer:
        writer.write_table(TABLE)
    expected = values(tmp_path / "x.parquet")
    assert expected[1]["v"] is None
    for name in ("y.parquet.gz", "x.arrow", "s.arrow"):
        assert values(tmp_path / name) == expected


def test_many_batches(tmp_path):
    pq.write_table(pa.table({"q": list(range(1000))}), tmp_path / "x.parquet", row_group_size=300)
    assert [row.value["q"] for row in rows_of(tmp_path / "x.parquet")] == list(range(1000))


@pytest.mark.parametrize(("name", "reason"), [("x.parquet", "bad Parquet"), ("x.arrow", "bad Arrow")])
def test_what_is_no_parquet(tmp_path, name, reason):
    assert values(write(tmp_path / name, "not a table")) == [reason]


def test_a_name_in_a_table_that_is_wrong_is_an_error_for_optional_fields_too(tmp_path):
    write(tmp_path / "x.csv", "q,one,two,vote\na,b,c,1\n")
    source = (
        "[{name: x, format: mapping, path: x.csv, fields: {prompt: q, response_a: one, response_b: two, label: votex}}]"
    )
    (row,) = read_source(source, tmp_path)
    assert row.outcome == Unreadable("field missing", "field 'votex' is not in the row; did you mean 'vote'?")


def test_type_says_what_a_name_does_not(tmp_path):
    path = write(tmp_path / "rows.txt", "q\na\n")
    reader = MappingReader(fields=FIELDS)
    with pytest.raises(ValueError, match="set `type:`"):
        reader.plan([SourceFile(str(path), path.name)])
    with pytest.raises(ValueError, match="save it as .xlsx or CSV"):
        reader.plan([SourceFile("x.xls", "x.xls")])
    assert values(path, type="csv") == [{"q": "a"}]


@pytest.mark.parametrize("wrong", [{"delimiter": "ab"}, {"delimiter": ""}, {"encoding": "klingon"}, {"type": "xml"}])
def test_wrong_settings(wrong):
    with pytest.raises(ValidationError):
        MappingReader(fields=FIELDS, **wrong)


def test_values_of_arrow_as_json():
    value = {"a": Decimal("2"), "b": Decimal("2.5"), "c": datetime.date(2026, 1, 2), "d": b"\xff", "e": (1, math.nan)}
    assert plain(value) == {"a": 2, "b": 2.5, "c": "2026-01-02", "d": "/w==", "e": [1, None]}


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=3, max_size=3), max_size=6))
@settings(max_examples=60, deadline=None)
def test_every_row_of_a_csv_comes_back(tmp_path_factory, cells):
    import csv

    path = tmp_path_factory.mktemp("csv") / "x.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["q", "one", "two"], *cells])
    assert values(path) == [dict(zip(("q", "one", "two"), row, strict=True)) for row in cells]


def test_identity_does_not_depend_on_file_or_place(tmp_path):
    write(tmp_path / "a.csv", "q,one,two\na,b,c\nd,e,f\n")
    write(tmp_path / "b.csv", "q,one,two\nd,e,f\na,b,c\n")
    source = "[{name: x, format: mapping, path: '*.csv', fields: {prompt: q, response_a: one, response_b: two}}]"
    first, second, third, fourth = read_source(source, tmp_path)
    assert (first.identity, second.identity) == (fourth.identity, third.identity)
    assert all(isinstance(row.outcome, Pairs) for row in (first, second, third, fourth))


def test_a_header_in_another_encoding_is_named_once(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("q,é\n1,2\n".encode("cp1252"))
    (row,) = rows_of(path)
    assert row.problem is not None and row.problem.reason == "bad encoding"
    assert row.problem.detail == "the names of the columns are not utf-8; set `encoding:`, e.g. cp1252"


DOCUMENT = {"meta": {"n": 2}, "data": {"items": [{"q": "a"}, {"q": "b"}, 3], "other": []}}


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_rows_at_a_path_of_a_document(tmp_path, ending):
    path = write(tmp_path / f"d.json{ending}", json.dumps(DOCUMENT, indent=1))
    assert values(path, rows="data.items") == [{"q": "a"}, {"q": "b"}, 3]
    assert [row.line for row in rows_of(path, rows="data.items")] == [1, 2, 3]
    assert values(path, rows="data.other") == []


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("data.itms", "`rows: data.itms` is not in the document ('data' is an object); did you mean 'items'?"),
        ("rows", "`rows: rows` is not in the document; it has 'meta', 'data'"),
        ("data", "`rows: data` is an object where a list of rows should be"),
        ("data.items[0].q", "`rows: data.items[0].q` is str where a list of rows should be"),
    ],
)
def test_where_no_rows_lie_the_nearest_name_is_said(tmp_path, at, said):
    (row,) = rows_of(write(tmp_path / "d.json", json.dumps(DOCUMENT)), rows=at)
    assert row.problem == Unreadable("no rows", said)


def test_documents_that_cannot_be_read(tmp_path):
    for text, reason in (
        (b"", None), (b'{"data": [', "bad JSON"), (b'{"data": ["\xff"]}', "not UTF-8"), (b'{"data": [1e999]}', "bad JSON"),
        (b"[" * 100_000, "bad JSON"),
    ):  # fmt: skip
        assert values(write(tmp_path / "d.json", text), rows="data") == ([] if reason is None else [reason])
    assert values(write(tmp_path / "d.json", '\ufeff{"data": [{"q": NaN}]}'), rows="data") == [{"q": None}]


def test_rows_is_about_documents_alone(tmp_path):
    with pytest.raises(ValueError, match="`rows` is a path inside of one JSON document, and this is csv"):
        MappingReader(fields=FIELDS, rows="data").plan([SourceFile("x.csv", "x.csv")])
    with pytest.raises(ValidationError, match="is no field path"):
        MappingReader(fields=FIELDS, rows="data[")


def test_settings_that_came_later_leave_fingerprints_as_they_were():
    reader = MappingReader(fields=FIELDS)
    assert not {"sheet", "rows_at"} & reader.model_dump().keys()
    assert (
        len(
            {
                reader.fingerprint(),
                *(MappingReader(fields=FIELDS, **more).fingerprint() for more in ({"sheet": 1}, {"rows": "x"})),
            }
        )
        == 3
    )


def test_an_object_of_rows_by_their_ids(tmp_path):
    path = write(tmp_path / "x.json", '{"n1": {"q": "a"}, "n2": {"q": "b", "_key": "own"}}')
    assert values(path, rows=".") == [{"_key": "n1", "q": "a"}, {"_key": "own", "q": "b"}]
    (row,) = rows_of(write(tmp_path / "y.json", '{"n1": {"q": "a"}, "n2": 3}'), rows=".")
    assert row.problem.reason == "no rows"
    (row,) = rows_of(write(tmp_path / "z.json", '{"n1": {"q": "a"}, "n1": {"q": "b"}}'), rows=".")
    assert row.problem is not None
    twice = rows_of(write(tmp_path / "w.json", '{"n1": {"q": "a", "q": "b"}, "n2": {"q": "c"}}'), rows=".")
    assert [row.problem and row.problem.reason for row in twice] == ["duplicate key", None]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
def test_a_table_is_read_by_its_byte_order_mark(encoding, tmp_path):
    path = tmp_path / "x.tsv"
    path.write_bytes("q\tä\n1\t☃\n".encode(encoding))
    assert values(path) == [{"q": "1", "ä": "☃"}]
    path.write_bytes("q\ta\n1\t2\n".encode("utf-16") + b"\x00\xd8\x0a\x00")
    assert values(path)[0] == {"q": "1", "a": "2"}
