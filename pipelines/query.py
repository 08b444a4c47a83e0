"""`prefcurate query STORE SQL`: DuckDB with every table of a store as a view of the rows that count."""

import csv
import io
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import duckdb
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from prefcurate.pipelines.plain import line
from prefcurate.schemas.errors import SpokenError
from prefcurate.schemas.tables import PREFERENCES, TABLES
from prefcurate.transforms.publish.releases import current_id, open_release
from prefcurate.transforms.publish.story import standing
from prefcurate.transforms.report.findings import Findings, load_findings
from prefcurate.transforms.report.side_by_side import sources_table
from prefcurate.transforms.store.store import Store, StoreError

_WIDTH = 10_000
_CELL = 60
_BATCH = 1024


class QueryError(SpokenError):
    """A query that DuckDB does not understand or cannot answer."""


def connect(store: Store) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with every table of a store, as its last run saw it; `preferences`, the current release; and, once the
    stage report has run, `sources`, its figures of each source's labels.

    Every table is also there as ``all_<table>``, with rows of sources and fingerprints that are configured no longer.
    """
    connection = standing(store).connect(list(TABLES))
    published = current_id(store.root) is not None
    connection.register(
        "preferences", open_release(store.root).dataset() if published else PREFERENCES.remove_metadata().empty_table()
    )
    with suppress(StoreError):  # no report yet, or another version's
        connection.register("sources", _sources(load_findings(store)))
    return connection


def _sources(found: Findings) -> pa.Table:
    return sources_table(found.voices, found.rated)


def query_store(store: Store, sql: str) -> pa.RecordBatchReader:
    """The answer to a query, as a stream.

    Raises:
        QueryError: the query is wrong; the message says where.
    """
    connection = connect(store)
    try:
        relation = connection.sql(sql)
    except duckdb.Error as error:
        tables = ", ".join([*TABLES, "preferences"])
        raise QueryError(f"DuckDB: {error}\ntables: {tables}, and sources once the stage report has run") from error
    if relation is None:
        return pa.RecordBatchReader.from_batches(pa.schema([]), [])
    return relation.to_arrow_reader(_BATCH)


def printed(rows: pa.RecordBatchReader, form: str) -> Iterator[str]:
    """Rows as lines of text: ``table`` (for people, long texts clipped), ``csv``, or ``json`` (an array, a row a line)."""
    if not rows.schema.names:
        return
    if form == "csv":
        yield from _csv(rows)
    elif form == "json":
        yield from _json(rows)
    else:
        yield _table(rows)


def _csv(rows: pa.RecordBatchReader) -> Iterator[str]:
    yield _csv_line(rows.schema.names)
    for row in _rows(rows):
        yield _csv_line([_scalar(value) for value in row.values()])


def _csv_line(values: list[Any]) -> str:
    out = io.StringIO()
    # Only characters of the line terminator make the writer quote a field.
    csv.writer(out, lineterminator="\r\n").writerow(values)
    return out.getvalue().removesuffix("\r\n")


def _json(rows: pa.RecordBatchReader) -> Iterator[str]:
    names = rows.schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise QueryError(f"two columns are called {twice[0]}, and JSON keeps one; name one of them (… AS other)")
    before = "["
    for row in _rows(rows):
        yield f"{before}{json.dumps(_finite(row), ensure_ascii=False, default=str, allow_nan=False)}"
        before = ","
    yield "[]" if before == "[" else "]"


def _finite(value: Any) -> Any:
    """JSON has no word for what is no number, or infinite."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(rows: pa.RecordBatchReader) -> str:
    table = Table(show_edge=False)
    for field in rows.schema:
        numeric = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        table.add_column(Text(line(field.name, _CELL)), justify="right" if numeric else "left", overflow="fold")
    for row in _rows(rows):
        table.add_row(*(Text(line(str(_scalar(value)), _CELL)) for value in row.values()))
    out = io.StringIO()
    width = Console().width if Console().is_terminal else _WIDTH
    Console(file=out, width=width).print(table)
    return out.getvalue().rstrip("\n")


def _rows(rows: pa.RecordBatchReader) -> Iterator[dict[str, Any]]:
    for batch in rows:
        yield from batch.to_pylist()


def _scalar(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value
