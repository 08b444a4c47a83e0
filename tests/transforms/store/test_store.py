"""Stores: made once, committed in one step, read at a version; and the ledger."""

import json
import shutil
from pathlib import Path

import pytest

from prefcurate.schemas.canonical import CANONICAL_VERSION
from prefcurate.schemas.tables import SCHEMA_VERSION, TABLES
from prefcurate.transforms.store.files import read_bytes, write_bytes
from prefcurate.transforms.store.store import CommitConflict, Store, StoreError, WrongStore
from tests.transforms.store.toys import FACT, VIEW, commit, fact_part, held, new_store, view_part


def test_a_new_store_has_every_table_and_no_row(tmp_path):
    store = new_store(tmp_path)
    assert store.versions() == dict.fromkeys(TABLES, 0)
    assert {name: store.rows(name) for name in TABLES} == dict.fromkeys(TABLES, 0)
    for name, table in TABLES.items():
        empty = store.dataset(name).to_table()
        assert (empty.num_rows, empty.schema) == (0, table.schema.remove_metadata())
    assert json.loads(read_bytes(f"{store.root}/store.json")) == {
        "shards": 2,
        "schema_version": SCHEMA_VERSION,
        "canonical_version": CANONICAL_VERSION,
    }


def test_create_changes_nothing_the_second_time(tmp_path):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    store.create()
    assert held(store) == ["x"] and Store.open(store.root) == store


def test_a_store_where_none_can_be_is_said_in_one_line(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(
        WrongStore, match="no store can be made at .*taken: .*; set `store:` to a folder that you may write"
    ) as caught:
        Store(str(tmp_path / "taken"), 2).create()
    assert "\n" not in str(caught.value)


def test_create_refuses_another_number_of_shards(tmp_path):
    store = new_store(tmp_path)
    with pytest.raises(StoreError) as raised:
        Store(store.root, 4).create()
    assert str(raised.value) == (
        f"the store {store.root} has 2 shards, the configuration says shards: 4; set shards: 2, or run "
        f"`prefcurate reshard {store.root} --shards 4` first"
    )


def test_create_refuses_a_newer_schema(tmp_path):
    store = new_store(tmp_path)
    write_bytes(f"{store.root}/store.json", json.dumps({"shards": 2, "schema_version": SCHEMA_VERSION + 1}).encode())
    with pytest.raises(StoreError, match="was written by a newer prefcurate; upgrade prefcurate"):
        store.create()


def test_a_store_that_was_left_half_made_is_finished(tmp_path):
    store = new_store(tmp_path)
    Path(store.root, "store.json").unlink()
    store.create()
    assert Store.open(store.root) == store


def test_open_says_where_there_is_none(tmp_path):
    with pytest.raises(StoreError) as raised:
        Store.open(str(tmp_path))
    assert str(raised.value) == f"there is no store at {tmp_path} (no store.json); `prefcurate run CONFIG` makes one"


def test_facts_grow(tmp_path):
    store = new_store(tmp_path)
    assert commit(store, [fact_part(store, ("p", "x")), fact_part(store, ("q", "y"), shard=1)], "one") == 1
    assert commit(store, [fact_part(store, ("r", "z"))], "two") == 2
    assert held(store) == ["x", "y", "z"] and store.rows(FACT) == 3
    assert store.dataset(FACT, shard=1).to_table()["value"].to_pylist() == ["y"]
    assert [shard for shard, _ in store.files(FACT)] == [0, 0, 1]


def test_views_are_replaced(tmp_path):
    store = new_store(tmp_path)
    kept = view_part(store, "c")
    commit(store, [view_part(store, "a", "b"), kept], "one", table=VIEW)
    commit(store, [kept, view_part(store, "d", shard=1)], "two", table=VIEW)
    assert held(store, table=VIEW) == ["c", "d"]
    commit(store, [], "three", table=VIEW)
    assert held(store, table=VIEW) == []


def test_a_version_keeps_reading_after_later_commits(tmp_path):
    store = new_store(tmp_path)
    first = commit(store, [view_part(store, "a")], "one", table=VIEW)
    dataset = store.dataset(VIEW, first)
    commit(store, [view_part(store, "b")], "two", table=VIEW)
    assert dataset.to_table()["comparison_id"].to_pylist() == ["a"]
    assert (held(store, first, VIEW), held(store, table=VIEW)) == (["a"], ["b"])
    assert (store.rows(VIEW, 0), store.rows(VIEW, first)) == (0, 1)


def elsewhere(store, value):
    """A commit that this process does not know of: made in a copy of the store, and laid into its place."""
    copy = Store(f"{store.root}-elsewhere", store.shards)
    shutil.copytree(store.root, copy.root)
    commit(copy, [fact_part(copy, ("p", value))], value)
    shutil.rmtree(store.root)
    shutil.copytree(copy.root, store.root)


def test_what_another_process_commits_is_seen(tmp_path):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    assert (held(store), store.version(FACT)) == (["x"], 1)
    elsewhere(store, "y")
    assert (held(store), store.version(FACT)) == (["x", "y"], 2)


def test_a_log_that_another_process_made_anew_is_read_anew(tmp_path):
    store, other = new_store(tmp_path / "a"), new_store(tmp_path / "b")
    commit(other, [fact_part(other, ("p", "other"))], "two")
    commit(store, [fact_part(store, ("p", "x"))], "one")
    assert (held(store), store.version(FACT)) == (["x"], 1)
    # As many versions as before, of another content.
    shutil.rmtree(store.address(FACT))
    shutil.copytree(other.address(FACT), store.address(FACT))
    assert (held(store), store.version(FACT)) == (["other"], 1)


def test_a_newest_version_that_is_known_is_not_read_again(tmp_path, monkeypatch):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    before = held(store)
    monkeypatch.setattr(Store, "delta", lambda *_: pytest.fail("opened again"))
    assert (held(store), store.version(FACT), store.rows(FACT)) == (before, 1, 1)


def test_a_commit_that_changes_nothing_makes_no_version(tmp_path):
    store = new_store(tmp_path)
    part, view = fact_part(store, ("p", "x")), view_part(store, "a")
    assert [commit(store, [part], run) for run in ("one", "two")] == [1, 1]
    assert [commit(store, [view], run, table=VIEW) for run in ("one", "two")] == [1, 1]
    assert commit(store, [], "three") == 1


@pytest.mark.parametrize("table", [FACT, VIEW])
def test_of_two_runs_one_loses_cleanly(tmp_path, table):
    store = new_store(tmp_path)
    ours, theirs = (
        [fact_part(store, (p, p)) for p in ("ours", "theirs")]
        if table == FACT
        else [view_part(store, p) for p in ("ours", "theirs")]
    )
    commit(store, [theirs], "theirs", base=0, table=table)
    with pytest.raises(CommitConflict) as raised:
        commit(store, [ours], "ours", base=0, table=table)
    assert str(raised.value) == (
        f"another run changed the table {table} of {store.root} after version 0; nothing of this run's stage was committed "
        "there. Run again: what was finished is taken up, nothing is asked twice."
    )
    assert held(store, table=table) == ["theirs"] and store.delta(table).version() == 1


def test_a_view_that_another_run_replaced_is_a_conflict_even_when_ours_is_what_was_there_before(tmp_path):
    store = new_store(tmp_path)
    ours = view_part(store, "ours")
    base = commit(store, [ours], "before", table=VIEW)
    commit(store, [view_part(store, "theirs")], "theirs", table=VIEW)
    with pytest.raises(CommitConflict):
        commit(store, [ours], "ours", base=base, table=VIEW)
    assert held(store, table=VIEW) == ["theirs"]


def test_a_transaction_that_is_retried_does_nothing(tmp_path):
    store = new_store(tmp_path)
    part = fact_part(store, ("p", "x"))
    assert commit(store, [part], "one", base=0) == 1
    # The engine runs the step again, with what may by now be other parts.
    assert commit(store, [part], "one", base=0) == 1
    assert commit(store, [fact_part(store, ("q", "y"))], "one", base=0) == 1
    commit(store, [fact_part(store, ("r", "z"))], "two")
    assert commit(store, [part], "one", base=0) == 1, "the version that it made"
    assert held(store) == ["x", "z"]


def test_commit_metadata_is_kept(tmp_path):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    assert store.delta(FACT).history(1)[0]["run"] == "one"


def record(store, run, stage="embed", settings="s", inputs=(), outputs=(FACT,), **detail):
    return store.record(stage, run, settings, dict(inputs), store.versions(outputs), detail)


def test_the_ledger_tells_every_run_oldest_first(tmp_path):
    store = new_store(tmp_path)
    assert store.ledger() == [] and store.latest("embed") is None
    one = record(store, "r1", intakes=["a"])
    two = record(store, "r2", stage="screen", inputs={"embed": one.state})
    three = record(store, "r3", settings="other")
    assert store.ledger() == [one, two, three]
    assert [entry.sequence for entry in store.ledger()] == [1, 2, 3]
    assert (one.versions, one.detail, two.inputs) == ({FACT: 0}, {"intakes": ["a"]}, {"embed": one.state})
    assert store.latest("embed") == three and store.latest("embed", "s") == one and store.latest("route") is None


def test_a_state_moves_only_when_something_changed(tmp_path):
    store = new_store(tmp_path)
    one = record(store, "r1", done=["a"])
    # The same again is no entry.
    assert record(store, "r2", done=["a"]) == one and len(store.ledger()) == 1
    # Other settings or inputs that changed nothing are told, and move no later stage.
    two = record(store, "r3", settings="t", done=["a"])
    three = record(store, "r4", settings="t", inputs={"ingest": "i"}, done=["a"])
    assert len(store.ledger()) == 3 and one.state == two.state == three.state
    # Another detail does, and so does another version of a table.
    four = record(store, "r5", settings="t", inputs={"ingest": "i"}, done=["b"])
    assert four.state != three.state
    commit(store, [fact_part(store, ("p", "x"))], "r6")
    five = record(store, "r6", settings="t", inputs={"ingest": "i"}, done=["b"])
    assert five.state not in {one.state, four.state} and five.versions == {FACT: 1}


def test_going_back_is_a_change_too(tmp_path):
    store = new_store(tmp_path)
    states = [record(store, f"r{i}", done=[done]).state for i, done in enumerate("aba")]
    assert len(set(states)) == 3


def test_states_are_the_same_in_equal_stores(tmp_path):
    one, two = (new_store(tmp_path / name) for name in ("one", "two"))
    assert record(one, "r1", done=["a"]).state == record(two, "other run", done=["a"]).state


def test_a_run_whose_view_was_replaced_meanwhile_does_not_count_as_finished(tmp_path):
    """As when a machine sleeps between its commit and its ledger entry, and another run takes over."""
    store = new_store(tmp_path)
    mine = commit(store, [view_part(store, "mine")], "one", table=VIEW)
    commit(store, [view_part(store, "another's")], "two", table=VIEW)
    with pytest.raises(CommitConflict, match=f"another run changed the table {VIEW} .* after version {mine}"):
        store.record("screen", "one", "s", {}, {VIEW: mine}, {})
    assert store.ledger() == []


def test_an_entry_names_the_versions_that_its_run_made(tmp_path):
    store = new_store(tmp_path)
    mine = commit(store, [fact_part(store, ("p", "x"))], "one")
    commit(store, [fact_part(store, ("q", "y"))], "two")
    assert store.record("embed", "one", "s", {}, {FACT: mine}, {}).versions == {FACT: mine}
