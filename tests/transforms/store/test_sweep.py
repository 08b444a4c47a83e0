"""`vacuum` removes what crashes and old versions left; who opened a table before finishes on the version that it opened."""

import os
import time
from pathlib import Path

import pytest

from prefcurate.pipelines.vacuum import duration, render, vacuum
from prefcurate.schemas.errors import WrongSetting
from prefcurate.transforms.store.files import write_bytes
from prefcurate.transforms.store.lease import Lease, StoreBusy
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.vacuum import Swept, sweep_temporary
from tests.transforms.store.toys import FACT, VIEW, commit, fact_part, held, new_store, view_part

DAY = 86400.0


def swept(store, days: float = 7, dry_run: bool = False) -> list[str]:
    return sorted(Path(s.path).relative_to(store.root).as_posix() for s in vacuum(store, days * DAY, dry_run, print))


def aged(store, path: str, days: float = 9) -> str:
    """A file that was left some days ago."""
    if not path.startswith("/"):
        path = f"{store.root}/{path}"
    if not Path(path).exists():
        write_bytes(path, b"left")
    os.utime(path, (time.time() - days * DAY,) * 2)
    return Path(path).relative_to(store.root).as_posix()


def test_a_reader_finishes_on_its_version_through_commits_and_a_vacuum(tmp_path):
    store = new_store(tmp_path)
    commit(store, [view_part(store, "a", "b")], "one", table=VIEW)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    pinned = Snapshot(store, tuple(sorted(store.versions().items())), (), ("f",))
    reading = pinned.batches(VIEW, rows=1)
    first = next(reading).to_pylist()
    with pinned.connect([VIEW, FACT]) as connection:
        commit(store, [view_part(store, "c")], "two", table=VIEW)
        commit(store, [fact_part(store, ("q", "y"))], "two")
        commit(store, [fact_part(store, ("p", "x"), ("q", "y"))], "merged into one part", replace=True)
        assert swept(store) == []
        assert [row["comparison_id"] for row in first + [r for b in reading for r in b.to_pylist()]] == ["a", "b"]
        assert connection.sql(f"SELECT value FROM all_{FACT}").fetchall() == [("x",)]
        assert connection.sql(f"SELECT comparison_id FROM {VIEW} ORDER BY 1").fetchall() == [("a",), ("b",)]
    assert pinned.table(VIEW)["comparison_id"].to_pylist() == ["a", "b"]
    assert (held(store, table=VIEW), held(store)) == (["c"], ["x", "y"])


def test_versions_go_when_they_were_replaced_long_enough_ago(tmp_path):
    store = new_store(tmp_path)
    old = view_part(store, "a")
    commit(store, [old], "one", table=VIEW)
    commit(store, [view_part(store, "b")], "two", table=VIEW)
    versions = store.versions()
    aged(store, old.path)
    assert swept(store) == [], "the file is old, its replacement is not"
    assert swept(store, days=0, dry_run=True) == swept(store, days=0) == [str(Path(old.path).relative_to(store.root))]
    assert held(store, table=VIEW) == ["b"]
    assert store.versions() == versions, "a vacuum is no version"


def test_what_crashes_left_goes_and_what_a_run_could_need_stays(tmp_path):
    store = new_store(tmp_path)
    kept = fact_part(store, ("p", "x"))
    commit(store, [kept], "one")
    aged(store, kept.path)
    gone = [
        aged(store, fact_part(store, ("p", "never committed")).path),
        aged(store, "_tmp/tmpabc/part.parquet"),
        aged(store, "queues/.person.json.1.ab.tmp"),
        aged(store, "_pending/embed/embeddings/shard=0/x.parquet"),
        aged(store, "_pending/ingest/run1/intake.parquet"),
        aged(store, "releases/0123456789abcdef/train-00000-of-00001.parquet"),
    ]
    stays = [
        fact_part(store, ("p", "fresh")).path,
        aged(store, "_pending/annotate/annotations/shard=0/paid.parquet"),
        aged(store, "_pending/annotate/calls/shard=0/paid.parquet"),
        aged(store, "_pending/describe/calls/shard=0/paid.parquet"),
        aged(store, "_pending/describe/attributes/shard=0/paid.parquet"),
        aged(store, "_pending/screen/gold/shard=0/fresh.parquet", days=1),
        aged(store, "_reservations/annotate/run/unit/x.json"),
        aged(store, "_artefacts/head.bin"),
        aged(store, "_runs/run.json"),
        aged(store, "releases/fedcba9876543210/manifest.json"),
        aged(store, "releases/fedcba9876543210/train-00000-of-00001.parquet"),
        aged(store, "releases/current"),
        aged(store, "report/index.html"),
    ]
    assert swept(store) == sorted(gone)
    assert not [path for path in gone if (Path(store.root) / path).exists()]
    assert [path for path in stays if not (Path(store.root) / path).exists()] == []
    assert held(store) == ["x"]
    assert swept(store) == []


def test_while_a_run_is_at_work_nothing_is_swept(tmp_path):
    store = new_store(tmp_path)
    path = aged(store, "_tmp/tmpabc/part.parquet")
    with Lease(store.root, "living", "run") as lease:
        lease.take()
        with pytest.raises(StoreBusy, match="run living"):
            swept(store)
    assert (Path(store.root) / path).exists()


def test_after_a_crash_a_run_clears_temporary_files_of_any_age(tmp_path):
    store = new_store(tmp_path)
    for path in ("_tmp/tmpabc/part.parquet", "report/.index.html.7.ab.tmp", "report/index.html"):
        write_bytes(f"{store.root}/{path}", b"x")
    assert len(sweep_temporary(store)) == 2
    assert not Path(store.root, "_tmp").exists()
    assert [path.name for path in Path(store.root, "report").iterdir()] == ["index.html"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("7d", 7 * DAY), ("12h", 43200), ("30m", 1800), ("2w", 14 * DAY), ("0", 0), (" 5s", 5)]
)
def test_durations(text, seconds):
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5h", "7 days"])
def test_what_is_no_duration_is_said(text):
    with pytest.raises(WrongSetting, match="a number and a unit, as 7d"):
        duration(text)


def test_what_was_removed_is_told_by_reason():
    found = [Swept("b", "y", 500_000), Swept("a", "x", 1_000_000), Swept("b", "z", 1_500_000)]
    assert list(render(found, dry_run=True)) == [
        "a: 1 files, 1.0 MB would be removed",
        "b: 2 files, 2.0 MB would be removed",
    ]
    assert list(render([], dry_run=False)) == ["nothing to remove"]
