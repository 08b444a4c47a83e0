"""Stores of other versions: older ones open and gain columns, newer ones and other ids are refused with the remedy."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from prefcurate.schemas.tables import SCHEMA_VERSION, TABLES
from prefcurate.transforms.annotate.pending import rows_of
from prefcurate.transforms.store import about as about_module
from prefcurate.transforms.store.merge import merge_parts
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import DamagedStore, Store, StoreError, WrongStore
from tests.transforms.store.toys import FACT, commit, fact_part, new_store

NEW = pa.field("since_then", pa.list_(pa.struct([("a", pa.string())])))


def older(root: str, **values: int) -> None:
    """Makes store.json say what an older (or other) prefcurate would have written."""
    path = Path(root, "store.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.fixture
def grown(monkeypatch):
    """This prefcurate, with one column more in the table of the toys."""

    def grow():
        table = TABLES[FACT]
        monkeypatch.setitem(TABLES, FACT, replace(table, schema=table.schema.append(NEW)))
        for module in (about_module, "prefcurate.transforms.store.store"):
            name = module if isinstance(module, str) else module.__name__
            monkeypatch.setattr(f"{name}.SCHEMA_VERSION", SCHEMA_VERSION + 1)

    return grow


@pytest.fixture
def old_store(tmp_path, grown):
    """A store with a committed and a pending part that lack a column which came later."""
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    pending = fact_part(store, ("q", "y"), pending="describe")
    grown()
    return store, pending


def test_additive_columns_need_no_rewrite(old_store):
    store, _ = old_store
    parts = store.files(FACT)
    store.create()
    assert store.files(FACT) == parts
    assert json.loads(Path(store.root, "store.json").read_text())["schema_version"] == SCHEMA_VERSION + 1
    assert [field.name for field in store.delta(FACT).schema().fields][-1] == NEW.name
    version = store.versions()
    store.create()
    assert store.versions() == version


def test_older_parts_say_nothing_in_a_new_column_through_every_door(old_store):
    store, pending = old_store
    store.create()
    newer = fact_part(store, ("r", "z"))
    commit(store, [newer], "two")
    assert store.dataset(FACT).to_table()[NEW.name].to_pylist() == [None, None]
    snapshot = Snapshot(store, tuple(store.versions().items()), (), ("f",))
    assert snapshot.table(FACT)["value"].to_pylist() == ["x", "z"]
    assert snapshot.table(FACT, 0, ["value", NEW.name])[NEW.name].to_pylist() == [None, None]
    assert snapshot.table(FACT).schema.names == TABLES[FACT].schema.names
    merged = merge_parts(store, [pending], store.delta(FACT).version())
    assert merged is not None and merged.rows == 1
    assert rows_of([pending, merged], ["value", NEW.name]).to_pylist() == [{"value": "y", NEW.name: None}] * 2


def test_a_newer_store_is_neither_written_nor_read(tmp_path):
    store = new_store(tmp_path)
    older(store.root, schema_version=SCHEMA_VERSION + 1)
    for act in (store.create, lambda: Store.open(store.root)):
        with pytest.raises(StoreError, match="was written by a newer prefcurate; upgrade prefcurate"):
            act()


def test_ids_of_another_meaning_are_refused_with_the_remedy_and_can_be_read(tmp_path, monkeypatch):
    store = new_store(tmp_path)
    monkeypatch.setattr(about_module, "CANONICAL_VERSION", 2)
    with pytest.raises(
        WrongStore, match=r"canonical form 1, this prefcurate makes form 2.*Name a new folder under `store:`"
    ):
        store.create()
    assert Store.open(store.root) == store


def test_a_store_from_before_the_form_was_written_down_has_the_first(tmp_path, monkeypatch):
    store = new_store(tmp_path)
    Path(store.root, "store.json").write_text('{"shards": 2, "schema_version": 1}')
    assert Store.open(store.root) == store
    store.create()
    monkeypatch.setattr(about_module, "CANONICAL_VERSION", 2)
    with pytest.raises(WrongStore, match="canonical form 1"):
        store.create()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"shards": "many"}', "\x00\x01"])
def test_a_damaged_store_json_is_named_with_the_remedy(tmp_path, content):
    store = new_store(tmp_path)
    Path(store.root, "store.json").write_text(content)
    for act in (store.create, lambda: Store.open(store.root)):
        with pytest.raises(DamagedStore, match=r"store.json is damaged.*`prefcurate repair"):
            act()


def test_a_lost_store_json_or_log_is_never_made_anew_in_silence(tmp_path):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    log = Path(store.address(FACT), "_delta_log")
    log.rename(tmp_path / "log")
    with pytest.raises(DamagedStore, match=rf"the table {FACT} has no log"):
        store.create()
    (tmp_path / "log").rename(log)
    Path(store.root, "store.json").unlink()
    for act in (store.create, lambda: Store.open(store.root)):
        with pytest.raises(DamagedStore, match="holds tables and no store.json"):
            act()


def test_an_empty_commit_is_no_commit(tmp_path):
    """Delta reads a commit of no bytes, as a power cut leaves it, as one that changed nothing."""
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    max(Path(store.address(FACT), "_delta_log").glob("*.json")).write_bytes(b"")
    for act in (store.create, lambda: Store.open(store.root)):
        with pytest.raises(DamagedStore, match=rf"the log of the table {FACT} is damaged"):
            act()
