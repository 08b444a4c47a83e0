"""Stores that earlier versions wrote open in this one: they are read, run unchanged, and grow."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from prefcurate.pipelines.query import query_store
from prefcurate.pipelines.show import show
from prefcurate.pipelines.status import status
from prefcurate.schemas.tables import SCHEMA_VERSION, TABLES
from prefcurate.transforms.publish.story import standing
from prefcurate.transforms.store.store import Store
from prefcurate.transforms.store.verify import find_damage
from tests.e2e.line import prefcurate
from tests.golden.make_store import HERE, MORE, ROWS, kept, source, unpack

NAMES = sorted(path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz"))
NEW = pa.field("since_then", pa.list_(pa.struct([("a", pa.string())])))


@pytest.fixture(params=NAMES)
def golden(request, tmp_path) -> Path:
    return unpack(request.param, tmp_path)


def rows(store: Store, sql: str) -> list[dict[str, object]]:
    return query_store(store, sql).read_all().to_pylist()


def test_it_is_read(golden):
    store = Store.open(str(golden / "store"))
    assert find_damage(store.root) == []
    assert rows(store, "SELECT count(*) AS n FROM occurrences") == [{"n": ROWS}]
    pair = rows(store, "SELECT comparison_id FROM preferences ORDER BY 1")[0]["comparison_id"]
    assert "Where it is published" in show(store, str(pair))
    assert {told.name: told.rows for told in status(store).tables}["comparisons"] == store.rows("comparisons")


def test_it_runs_unchanged_and_grows(golden):
    before = Store.open(str(golden / "store")).versions()
    path = golden / "config.yaml"
    prefcurate("run", str(path), "--direct_num_workers=1")
    assert kept(golden) == json.loads((HERE / f"{golden.name}.json").read_text(encoding="utf-8"))
    assert Store.open(str(golden / "store")).versions()["comparisons"] >= before["comparisons"]
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    settings["sources"].append(source("more"))
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    prefcurate("run", str(path), "--direct_num_workers=1")
    store = Store.open(str(golden / "store"))
    assert rows(store, "SELECT count(*) AS n FROM occurrences") == [{"n": ROWS + MORE}]
    assert rows(store, "SELECT sum(used + merged) AS n FROM accounts") == [{"n": ROWS + MORE}]
    assert find_damage(store.root) == []


def test_a_version_that_adds_a_column_to_every_table_opens_it(golden, monkeypatch):
    for name, table in TABLES.items():
        monkeypatch.setitem(TABLES, name, replace(table, schema=table.schema.append(NEW)))
    for module in ("about", "store"):
        monkeypatch.setattr(f"prefcurate.transforms.store.{module}.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    store = Store.open(str(golden / "store"))
    parts = {name: store.files(name) for name in TABLES}
    store.create()
    snapshot = standing(store)
    for name in TABLES:
        assert store.files(name) == parts[name]
        assert NEW.name in {field.name for field in store.delta(name).schema().fields}
        assert store.dataset(name).to_table()[NEW.name].null_count == store.rows(name)
        assert snapshot.table(name)[NEW.name].null_count == len(snapshot.table(name))
    assert rows(store, f"SELECT count({NEW.name}) AS n FROM comparisons") == [{"n": 0}]  # noqa: S608
