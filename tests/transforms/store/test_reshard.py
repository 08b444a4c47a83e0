"""More shards: every row in the shard of its id, one switch, whatever is stopped when."""

import json
from pathlib import Path

import pytest

from prefcurate.schemas.canonical import shard_of
from prefcurate.schemas.errors import WrongSetting
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.publish.story import standing
from prefcurate.transforms.store import reshard as reshard_module
from prefcurate.transforms.store.reshard import reshard, target
from prefcurate.transforms.store.store import CommitConflict, Store, StoreError
from prefcurate.transforms.store.verify import find_damage
from tests.e2e.line import rows
from tests.helpers import ingest, label, pair, source
from tests.transforms.store.toys import FACT, commit, fact_part, facts

OF_INGEST = ("comparisons", "occurrences", "annotations", "intakes")


@pytest.fixture
def store(tmp_path) -> Store:
    pairs = [pair(f"prompt {n}", "one", "two", label("first")) for n in range(24)]
    return ingest(tmp_path / "store", [source(tmp_path, "votes", pairs)])


def told(store: Store) -> dict[str, list[dict[str, object]]]:
    return {table: rows(store, table).to_pylist() for table in OF_INGEST}


def cut(store: Store, shards: int) -> Store:
    found = target(store.root, shards)
    assert found is not None
    reshard(found, shards)
    return Store.open(store.root)


def test_a_store_is_what_one_with_so_many_shards_from_the_start_is(store, tmp_path):
    fresh = ingest(
        tmp_path / "fresh",
        [source(tmp_path, "votes", [pair(f"prompt {n}", "one", "two", label("first")) for n in range(24)])],
        shards=8,
    )
    before = told(store)
    new = cut(store, 8)
    assert new.shards == 8 and told(new) == before == told(fresh)
    for table in OF_INGEST:
        assert sorted(Path(path).name for _, path in new.files(table)) == sorted(
            Path(p).name for _, p in fresh.files(table)
        )
        for shard in range(8):
            ids = new.dataset(table, shard=shard).to_table(columns=["prompt_id"])["prompt_id"].to_pylist()
            assert {shard_of(i, 8) if i else 0 for i in ids} <= {shard}
    assert find_damage(new.root) == [] and not Path(new.root, "_resharding").exists()
    new.create()
    assert target(new.root, 8) is None


def test_rows_in_quarantine_follow_their_file(store):
    name = "f" * 32
    quarantined = {"prompt_id": "", "intake_id": name, "number": 0, "source": "votes", "reason": "x"}
    part = reshard_module.write_part(
        store.root, "quarantine", 1, [reshard_module.pa.Table.from_pylist([quarantined], TABLES["quarantine"].schema)]
    )
    commit(store, [part], "x", table="quarantine")
    assert [shard for shard, _ in cut(store, 8).files("quarantine")] == [shard_of(name, 8)]


@pytest.mark.parametrize("stop", range(0, 40, 3))
def test_stopped_at_any_moment_it_goes_on(store, monkeypatch, stop):
    before, steps = told(store), iter(range(stop))
    for name in ("write_part", "write_bytes", "write_about"):
        monkeypatch.setattr(reshard_module, name, _stopping(getattr(reshard_module, name), steps))
    monkeypatch.setattr(Store, "commit", _stopping(Store.commit, steps))
    try:
        reshard(target(store.root, 4), 4)
    except KeyboardInterrupt:
        said = json.loads(Path(store.root, "store.json").read_text())
        if "resharding" in said:
            with pytest.raises(StoreError, match="is being switched from 2 to 4 shards"):
                Store.open(store.root)
        else:
            assert told(Store.open(store.root)) == before
    monkeypatch.undo()
    found = target(store.root, 4)
    if found is not None:
        reshard(found, 4)
    assert told(Store.open(store.root)) == before and Store.open(store.root).shards == 4


def _stopping(function, steps):
    def stopped(*args, **kwargs):
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return function(*args, **kwargs)

    return stopped


def test_answers_of_dead_runs_are_committed_first(store):
    pending = reshard_module.write_part(
        store.root, "calls", 1, [_call("c1", "f" * 32)], pending="annotate", footer={"run": "dead", "unit": "u"}
    )
    sketch = Path(store.root, "_pending", "screen", "sketches", "shard=1", "x.parquet")
    sketch.parent.mkdir(parents=True)
    sketch.write_bytes(b"made again")
    new = cut(store, 4)
    assert new.dataset("calls", shard=3).to_table()["call_id"].to_pylist() == ["c1"]
    assert not Path(pending.path).exists() and not sketch.exists()


def _call(call_id: str, prompt_id: str):
    row = {"prompt_id": prompt_id, "call_id": call_id, "price_usd": 0.5, "annotator": "judge", "status": "ok"}
    return reshard_module.pa.Table.from_pylist([row], TABLES["calls"].schema)


def test_who_opened_it_before_finishes_on_what_it_opened(store):
    snapshot = standing(store)
    seen = [snapshot.table("comparisons", shard)["comparison_id"].to_pylist() for shard in range(2)]
    cut(store, 8)
    assert [snapshot.table("comparisons", shard)["comparison_id"].to_pylist() for shard in range(2)] == seen
    with pytest.raises(StoreError, match="was resharded meanwhile; run the same command again"):
        standing(store)


def test_a_run_that_was_at_work_loses_cleanly(store):
    base = store.delta(FACT).version()
    commit(store, [fact_part(store, ("0" * 32, "x"), ("7" * 32, "y"))], "before")
    late = fact_part(store, ("0" * 31 + "1", "z"))
    new = cut(store, 4)
    with pytest.raises(CommitConflict):
        commit(store, [late], "late", base=base + 1)
    assert new.dataset(FACT, shard=1).to_table()["value"].to_pylist() == ["y"]
    assert facts(("p", "v")).num_rows == 1


@pytest.mark.parametrize("shards", [1, 3, 6, 2**17])
def test_other_numbers_are_refused(store, shards):
    with pytest.raises(WrongSetting, match=r"it can be doubled once or several times \(4, 8"):
        target(store.root, shards)
