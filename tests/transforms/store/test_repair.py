"""Damaged files are named, set aside, and come back: facts from the sources, logs and store.json from the parts."""

import json
from pathlib import Path

import pytest

from prefcurate.schemas.errors import SpokenError
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store import repair as repair_module
from prefcurate.transforms.store import trouble, verify
from prefcurate.transforms.store.losses import losses
from prefcurate.transforms.store.repair import repair
from prefcurate.transforms.store.store import DamagedStore, Store
from prefcurate.transforms.store.trouble import explained
from prefcurate.transforms.store.verify import find_damage
from tests.e2e.line import rows
from tests.helpers import ingest, label, pair, source
from tests.transforms.store.toys import FACT, commit, fact_part, held, new_store, view_part

OF_INGEST = ("comparisons", "occurrences", "annotations", "materials", "intakes")


def votes(*answers: str):
    """Rows about four prompts that look alike but for the label: only their place tells them apart."""
    return [pair(f"prompt {n}", "one", "two", label(answer), reference="three") for n in range(4) for answer in answers]


@pytest.fixture
def sources(tmp_path):
    return [source(tmp_path, "zeta", votes("first", "first", "second")), source(tmp_path, "alpha", votes("first"))]


@pytest.fixture
def whole(tmp_path, sources) -> Store:
    """A store that read one source in a first run and the other in a second."""
    ingest(tmp_path / "store", sources[:1])
    return ingest(tmp_path / "store", sources, run_id="later")


def told(store: Store) -> dict[str, list[dict[str, object]]]:
    return {table: rows(store, table).to_pylist() for table in OF_INGEST}


def spoil(path: str, how: str) -> None:
    file = Path(path)
    content = file.read_bytes()
    if how == "missing":
        file.unlink()
    else:
        middle = len(content) // 2
        file.write_bytes(
            content[:middle] + (b"" if how == "truncated" else bytes([content[middle] ^ 1]) + content[middle + 1 :])
        )


@pytest.mark.parametrize(
    ("table", "how"), list(zip(OF_INGEST, ["missing", "truncated", "corrupted"] * 2, strict=False))
)
def test_facts_that_came_from_sources_are_read_again(whole, sources, tmp_path, table, how):
    before = told(whole)
    for _, path in whole.files(table):
        spoil(path, how)
    damage = find_damage(whole.root)
    assert {(found.table, found.kind) for found in damage} == {(table, "part")}
    assert all(how in found.what for found in damage) and sum(found.rows for found in damage) == len(before[table])
    done = repair(whole.root, "mend", damage)
    assert (find_damage(whole.root), rows(whole, table).num_rows) == ([], 0)
    assert len(list(Path(done.aside).rglob("*.parquet"))) == (0 if how == "missing" else len(damage))
    ingest(tmp_path / "store", sources, run_id="after")
    assert told(whole) == before


def test_a_file_that_is_not_there_is_read_again_when_it_is(whole, sources, tmp_path):
    before = told(whole)
    for _, path in whole.files("comparisons"):
        spoil(path, "missing")
    repair(whole.root, "mend", find_damage(whole.root))
    ingest(tmp_path / "store", sources[1:], run_id="without")
    ingest(tmp_path / "store", sources, run_id="with")
    assert told(whole) == before
    assert not losses(whole.ledger(), whole.shards).of_file(str(before["intakes"][0]["intake_id"]))


def test_what_older_parts_still_hold_is_not_lost(tmp_path):
    store = new_store(tmp_path)
    small = [fact_part(store, (p, p)) for p in ("a1", "b2")]
    base = commit(store, small, "one")
    merged = repair_module.merge_parts(store, small, None)
    assert merged is not None
    store.commit(FACT, [merged], base=base, replace=True, transaction="compact", metadata={})
    spoil(merged.path, "truncated")
    done = repair(store.root, "mend", find_damage(store.root))
    assert (done.found, held(store)) == ({FACT: 2}, ["a1", "b2"])


def test_a_repair_that_is_killed_goes_on(tmp_path, monkeypatch):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x")), fact_part(store, ("q", "y"), shard=1)], "one")
    for _, path in store.files(FACT):
        spoil(path, "corrupted")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(repair_module, "_commit", killed)
    with pytest.raises(KeyboardInterrupt):
        repair(store.root, "first", find_damage(store.root))
    monkeypatch.undo()
    assert losses(store.ledger(), 2).after(0) == {(FACT, 0), (FACT, 1)}, "known before anything is taken away"
    repair(store.root, "second", find_damage(store.root))
    assert (find_damage(store.root), held(store)) == ([], [])


def broken_log(folder: Path, how: str) -> None:
    log = folder / "_delta_log"
    newest = max(log.glob("*.json"))
    if how == "torn":
        newest.write_bytes(newest.read_bytes()[:40])
    elif how == "empty":
        newest.write_bytes(b"")
    elif how == "gap":
        newest.with_name("00000000000000000001.json").unlink()
    else:
        log.rename(folder.parent / "gone")


@pytest.mark.parametrize("how", ["torn", "empty", "gap", "missing"])
def test_a_damaged_log_is_made_again_from_the_parts(tmp_path, how):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("a1", "x"))], "one")
    commit(store, [fact_part(store, ("f" * 32, "y"), shard=1)], "two")
    commit(store, [view_part(store, "v")], "one", table="clusters")
    commit(store, [view_part(store, "w")], "two", table="clusters")
    for table in (FACT, "clusters"):
        broken_log(Path(store.address(table)), how)
        Path(store.root, "gone").exists() and Path(store.root, "gone").rename(tmp_path / f"gone-{table}")
    damage = find_damage(store.root)
    assert {(found.table, found.kind) for found in damage} == {(FACT, "log"), ("clusters", "log")}
    done = repair(store.root, "mend", damage)
    assert (held(store), held(store, table="clusters")) == (["x", "y"], [])
    assert {table for table, _ in done.lost} == {FACT, "clusters"}
    assert find_damage(store.root) == []


def test_commits_that_vanished_are_noticed(tmp_path):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("a1", "x"))], "one")
    store.record("describe", "run", "s", {}, store.versions([FACT]), {})
    max(Path(store.address(FACT), "_delta_log").glob("*.json")).unlink()
    assert [(found.table, found.kind) for found in find_damage(store.root)] == [(FACT, "log")]
    repair(store.root, "mend", find_damage(store.root))
    assert (held(store), find_damage(store.root)) == (["x"], [])


@pytest.mark.parametrize("shards", [1, 4])
def test_store_json_is_written_again_from_the_parts(tmp_path, sources, shards):
    store = ingest(tmp_path / "store", sources, shards)
    about = Path(store.root, "store.json")
    said = about.read_text()
    about.write_text("{")
    repair(store.root, "mend", find_damage(store.root))
    assert json.loads(about.read_text()) == json.loads(said)


def test_store_json_is_written_again_also_where_a_part_of_the_comparisons_is_damaged(tmp_path, sources):
    store = ingest(tmp_path / "store", sources, 4)
    about = Path(store.root, "store.json")
    said = about.read_text()
    about.unlink()
    (_, broken), *others = store.files("comparisons")
    assert others
    Path(broken).write_bytes(Path(broken).read_bytes()[:200])
    repair(store.root, "mend", find_damage(store.root))
    assert json.loads(about.read_text()) == json.loads(said)


def test_pending_answers_that_are_damaged_go_aside(tmp_path):
    store = new_store(tmp_path)
    part = fact_part(store, ("p", "x"), pending="describe")
    spoil(part.path, "truncated")
    assert [found.kind for found in find_damage(store.root)] == ["spare"]
    done = repair(store.root, "mend", find_damage(store.root))
    assert (done.lost, Path(part.path).exists(), find_damage(store.root)) == (frozenset(), False, [])


def test_damage_that_is_met_is_named_with_the_remedy(tmp_path):
    store = new_store(tmp_path)
    part = fact_part(store, ("p", "x"))
    commit(store, [part], "one")
    spoil(part.path, "truncated")
    with pytest.raises(DamagedStore) as caught, explained(store.root):
        store.dataset(FACT).to_table()
    assert part.path in str(caught.value) and "prefcurate repair" in str(caught.value)
    assert f"{FACT}, shard 0" in str(caught.value) and "1 rows" in str(caught.value)


def test_an_error_of_a_whole_store_stays_what_it_is(tmp_path):
    store = new_store(tmp_path)
    with pytest.raises(ZeroDivisionError), explained(store.root):
        _ = 1 / 0
    assert set(TABLES) >= {FACT}


@pytest.fixture
def large(tmp_path, monkeypatch) -> tuple[Store, str, str]:
    """A store that counts as large, with two corrupted parts, of which only the sizes are right."""
    monkeypatch.setattr(trouble, "READ_WHOLE_BYTES", 0)
    store = new_store(tmp_path)
    paths = [fact_part(store, ("p", answer)).path for answer in ("x", "y")]
    for path in paths:
        spoil(path, "corrupted")
    return store, *paths


def test_of_a_large_store_the_files_that_an_error_names_are_read_first(large):
    store, named, other = large
    with pytest.raises(DamagedStore) as caught, explained(store.root):
        raise OSError(f"Could not open '{named}'")
    assert named in str(caught.value) and other not in str(caught.value)


def test_a_large_store_is_read_whole_when_an_error_sounds_like_a_broken_file(large):
    store, *paths = large
    with pytest.raises(DamagedStore) as caught, explained(store.root):
        raise OSError("ZSTD decompression failed: Data corruption detected")
    assert all(path in str(caught.value) for path in paths)


def test_a_large_store_is_not_read_for_an_error_of_another_kind(large, monkeypatch):
    monkeypatch.setattr(verify, "opened", None)
    with pytest.raises(ZeroDivisionError), explained(large[0].root):
        _ = 1 / 0


def test_of_a_large_store_sizes_are_always_looked_at(large):
    store, path, _ = large
    spoil(path, "truncated")
    commit(store, [part := fact_part(store, ("q", "z"))], "one")
    spoil(part.path, "truncated")
    with pytest.raises(DamagedStore, match=f"{part.path} is truncated"), explained(store.root):
        _ = 1 / 0


def test_an_error_that_knows_its_reason_is_told_without_a_search(large, monkeypatch):
    class Failed(SpokenError):
        pass

    class Killed(Failed):
        pass

    monkeypatch.setattr(trouble, "find_damage", None)
    with pytest.raises(Killed), explained(large[0].root, also=(Failed,), but=(Killed,)):
        raise Killed("the worker is gone")
