"""A full vacuum of every table sweeps what crashes left, and nothing that a person or a later run needs."""

from pathlib import Path

import pytest

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.files import write_bytes
from tests.helpers import label, make_store, pair
from tests.transforms.publish.stores import decide_all, publish

BESIDE = ("_artefacts/head.bin", "queues/person.json", "report/index.html", "_pending/annotate/calls/shard=0/x.parquet",
          "_reservations/annotate/run/unit/x.json", "_runs/run.json")  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a release, every other thing that stages leave, and one part that a dead run never committed."""
    store = make_store(tmp_path_factory.mktemp("vacuum"), [pair("Why?", "so", "or so", label("first"))], shards=1)
    decide_all(store)
    publish(store)
    for path in BESIDE:
        write_bytes(f"{store.root}/{path}", b"needed")
    write_bytes(f"{store.address('annotations')}/shard=0/dead.parquet", b"never committed")
    return store


def swept(store, table):
    """The files that a full vacuum of a table would delete, as paths in the store."""
    found = store.delta(table).vacuum(full=True, retention_hours=0, enforce_retention_duration=False, dry_run=True)
    folder = Path(store.address(table))
    return [str((folder / path).relative_to(store.root)) for path in found]


def test_a_full_vacuum_deletes_only_what_a_crash_left(store):
    assert list(Path(store.root).glob("releases/*/manifest.json")), "there is a release that could be lost"
    assert {table: swept(store, table) for table in TABLES} == {
        table: ["annotations/shard=0/dead.parquet"] if table == "annotations" else [] for table in TABLES
    }


def test_what_lies_in_a_tables_folder_would_go(tmp_path):
    """The reason for the folder of `releases`, and the proof that the vacuum above could have found something."""
    store = make_store(tmp_path, [], shards=1)
    write_bytes(f"{store.address('releases')}/0123456789abcdef/train-00000-of-00001.parquet", b"x")
    assert swept(store, "releases") == ["_releases/0123456789abcdef/train-00000-of-00001.parquet"]


def test_no_table_shares_its_folder(store):
    folders = {Path(store.address(table)).name for table in TABLES}
    assert len(folders) == len(TABLES)
    others = {path.name for path in Path(store.root).iterdir() if path.is_dir()} - folders
    assert others == {
        "releases",
        "_artefacts",
        "_begun",
        "queues",
        "report",
        "_pending",
        "_reservations",
        "_runs",
        "_tmp",
    }
