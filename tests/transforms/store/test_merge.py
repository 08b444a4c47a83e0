"""Several parts of a shard become one: sorted, each key once; the first committed stands."""

import pyarrow.parquet as pq

from prefcurate.transforms.store.merge import merge_parts
from prefcurate.transforms.store.parts import write_part
from tests.transforms.store.toys import FACT, VIEW, commit, fact_part, facts, held, new_store, view_part


def rows(part) -> list[tuple[str, str]]:
    return [(row["prompt_id"], row["value"]) for row in pq.read_table(part.path).to_pylist()]


def test_parts_become_one_sorted_part_in_its_final_place(tmp_path):
    store = new_store(tmp_path)
    merged = merge_parts(
        store, [fact_part(store, ("r", "3"), ("p", "1"), pending="s"), fact_part(store, ("q", "2"), pending="s")], 0
    )
    assert rows(merged) == [("p", "1"), ("q", "2"), ("r", "3")]
    assert not merged.pending and merged.path.startswith(f"{store.root}/{FACT}/shard=0/")
    assert (merged.table, merged.shard, merged.rows) == (FACT, 0, 3)


def test_the_order_of_parts_changes_no_byte(tmp_path):
    store = new_store(tmp_path)
    parts = [fact_part(store, (p, v), pending="s") for p, v in (("p", "1"), ("q", "2"), ("p", "3"), ("r", "4"))]
    merged = merge_parts(store, parts, 0)
    assert merge_parts(store, parts[::-1], 0) == merge_parts(store, parts + parts, 0) == merged
    assert merged.rows == 3


def test_of_one_key_in_two_parts_the_first_part_stands(tmp_path):
    store = new_store(tmp_path)
    parts = sorted(fact_part(store, ("p", value), pending="s") for value in ("one", "other"))
    (first,) = rows(parts[0])
    assert rows(merge_parts(store, parts, 0)) == [first]


def test_what_is_committed_stands(tmp_path):
    store = new_store(tmp_path)
    base = commit(store, [fact_part(store, ("p", "committed"))], "one")
    merged = merge_parts(store, [fact_part(store, ("p", "later"), ("q", "new"))], base)
    assert rows(merged) == [("q", "new")]
    commit(store, [merged], "two")
    assert held(store) == ["committed", "new"]


def test_nothing_new_is_no_part(tmp_path):
    store = new_store(tmp_path)
    base = commit(store, [fact_part(store, ("p", "committed"))], "one")
    assert merge_parts(store, [fact_part(store, ("p", "later"), pending="s")], base) is None


def test_the_same_key_under_another_fingerprint_is_another_fact(tmp_path):
    store = new_store(tmp_path)
    base = commit(store, [fact_part(store, ("p", "old"))], "one")
    other = write_part(store.root, FACT, 0, [facts(("p", "new"), fingerprint="g")])
    assert rows(merge_parts(store, [other], base)) == [("p", "new")]


def test_only_the_same_shard_and_the_pinned_version_are_looked_at(tmp_path):
    store = new_store(tmp_path)
    base = commit(store, [fact_part(store, ("p", "there"), shard=1)], "one")
    commit(store, [fact_part(store, ("q", "after the pin"))], "two")
    part = fact_part(store, ("p", "x"), ("q", "y"))
    assert rows(merge_parts(store, [part], base)) == [("p", "x"), ("q", "y")]


def test_a_single_final_part_is_taken_as_it_is(tmp_path):
    store = new_store(tmp_path)
    part, view = fact_part(store, ("p", "x")), view_part(store, "a")
    assert merge_parts(store, [part], 0) is part and merge_parts(store, [part, part], None) is part
    # A view does not mind what was committed.
    commit(store, [view], "one", table=VIEW)
    assert merge_parts(store, [view], None) is view
