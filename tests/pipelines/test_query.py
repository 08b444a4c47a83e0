"""`prefcurate query`: the three ways to print, and what strangers wrote in the cells."""

import csv
import io
import json

import pyarrow as pa
import pytest

from prefcurate.pipelines.query import QueryError, printed, query_store
from prefcurate.schemas.tables import TABLES
from tests.helpers import label, make_store, pair

ROWS = pa.table({"n": [1, None], "text": ['two\nlines, "quoted"', "\x1b[31mred"], "list": [["a"], []]})


def lines(form: str) -> str:
    return "\n".join(printed(ROWS.to_reader(), form))


def test_csv_survives_a_round_trip():
    assert list(csv.reader(io.StringIO(lines("csv"), newline=""))) == [
        ["n", "text", "list"],
        ["1", 'two\nlines, "quoted"', '["a"]'],
        ["", "\x1b[31mred", "[]"],
    ]


def test_json_has_null_for_what_is_no_number_and_keeps_every_column_or_says_so():
    odd = pa.table({"x": [float("nan"), 1.0], "list": [[float("inf")], [2.0]]})
    told = "\n".join(printed(odd.to_reader(), "json"))
    assert json.loads(told, parse_constant=pytest.fail) == [{"x": None, "list": [None]}, {"x": 1.0, "list": [2.0]}]
    twice = pa.table([[1], [2]], names=["x", "x"])
    with pytest.raises(QueryError, match="two columns are called x"):
        list(printed(twice.to_reader(), "json"))


def test_json_is_an_array_with_a_row_a_line():
    assert json.loads(lines("json")) == ROWS.to_pylist()
    assert json.loads("\n".join(printed(ROWS.slice(0, 0).to_reader(), "json"))) == []


def test_a_table_cannot_move_the_cursor():
    shown = lines("table")
    assert "\x1b" not in shown and "\\x1b[31mred" in shown


def test_every_table_is_a_view_and_preferences_is_empty_before_the_first_release(tmp_path):
    store = make_store(tmp_path, [pair("p", "x", "y", label("first"))])
    for name in (*TABLES, "preferences"):
        query_store(store, f"SELECT * FROM {name}").read_all()
    assert query_store(store, "SELECT label FROM annotations").read_all().num_rows == 1
    assert query_store(store, "SELECT * FROM preferences").read_all().num_rows == 0


def test_a_wrong_query_names_the_tables(tmp_path):
    store = make_store(tmp_path, [pair("p", "x", "y")])
    with pytest.raises(QueryError, match="nothing(.|\n)*tables: comparisons, occurrences"):
        query_store(store, "SELECT * FROM nothing")
