"""What a stage sees: pinned versions, active files, the fingerprints and rubrics that the configuration names."""

import pyarrow as pa
import pytest

from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.store.parts import write_part
from prefcurate.transforms.store.snapshot import Snapshot
from prefcurate.transforms.store.store import Store
from tests.transforms.store.toys import FACT, commit, fact_part, facts, new_store


def add(store: Store, table: str, *rows: dict, shard: int = 0) -> None:
    given = [{"prompt_id": "p", **row} for row in rows]
    part = write_part(store.root, table, shard, [pa.Table.from_pylist(given, schema=TABLES[table].schema)])
    run = f"add {store.delta(table).version()}"
    store.commit(table, [part], base=store.delta(table).version(), replace=False, transaction=run, metadata={})


def snapshot(store: Store, intakes=(), fingerprints=(), rubrics=()) -> Snapshot:
    return Snapshot(store, tuple(sorted(store.versions().items())), tuple(intakes), tuple(fingerprints), tuple(rubrics))


def values(found: Snapshot, table: str, column: str, shard: int | None = None) -> list:
    return sorted(found.table(table, shard, [column])[column].to_pylist())


def occurrence(comparison: str, intake: str, number: int = 0, **more) -> dict:
    told = {"occurrence_id": f"o-{comparison}", "file": intake, "row_hash": f"h-{comparison}", "fingerprint": "reader"}
    return {"comparison_id": comparison, "intake_id": intake, "number": number} | told | more


def came(name: str, comparison: str, **more) -> dict:
    told = {"occurrence_id": f"o-{comparison}", "row_hash": f"h-{comparison}", "fingerprint": "reader"}
    return {"annotation_id": name, "comparison_id": comparison} | told | more


@pytest.fixture
def store(tmp_path) -> Store:
    """Two files that give comparison x, one that gives y; a probe; annotations that came and of ours."""
    store = new_store(tmp_path)
    add(
        store,
        "comparisons",
        *({"comparison_id": c, "origin": "data"} for c in "xy"),
        {"comparison_id": "z", "origin": "probe"},
    )
    add(store, "occurrences", occurrence("x", "f1"), occurrence("x", "f2"), occurrence("y", "f2"))
    add(store, "annotations", came("ax", "x"), came("ay", "y"))
    add(store, "annotations", *({"annotation_id": f"ours-{f}", "comparison_id": "x", "fingerprint": f} for f in "gh"))
    return store


@pytest.mark.parametrize(
    ("intakes", "comparisons", "annotations"),
    [
        ((), ["z"], []),
        (("f1",), ["x", "z"], ["ax"]),
        (("f2",), ["x", "y", "z"], ["ax", "ay"]),
        (("f1", "f2"), ["x", "y", "z"], ["ax", "ay"]),
        (("gone",), ["z"], []),
    ],
)
def test_only_active_files_take_part(store, intakes, comparisons, annotations):
    found = snapshot(store, intakes)
    assert values(found, "comparisons", "comparison_id") == comparisons
    assert values(found, "annotations", "annotation_id") == annotations
    assert set(values(found, "occurrences", "intake_id")) == set(intakes) - {"gone"}


@pytest.mark.parametrize("fingerprints", [(), ("g",), ("g", "h"), ("reader",)])
def test_only_named_fingerprints_of_ours_take_part(store, fingerprints):
    found = snapshot(store, ("f1",), fingerprints)
    ours = [f"ours-{f}" for f in fingerprints if f != "reader"]
    assert values(found, "annotations", "annotation_id") == ["ax", *ours]


def test_everything_is_there_unfiltered_too(store):
    with snapshot(store).connect(["annotations"]) as connection:
        assert connection.sql("SELECT count(*) FROM all_annotations").fetchall() == [(4,)]
        assert connection.sql("SELECT count(*) FROM annotations").fetchall() == [(0,)]


def test_a_corrected_row_stands_for_its_occurrence_once(tmp_path):
    store = new_store(tmp_path)
    add(store, "occurrences", occurrence("x", "f1", row_hash="old"), occurrence("x", "f2", row_hash="new"))
    add(store, "annotations", came("a", "x", row_hash="old", label="a"), came("a", "x", row_hash="new", label="b"))
    assert values(snapshot(store, ("f1", "f2")), "annotations", "label") == ["a"], "the first file in order stands"
    assert values(snapshot(store, ("f2",)), "annotations", "label") == ["b"]


def test_another_reading_of_the_same_row_is_not_mixed_in(tmp_path):
    store = new_store(tmp_path)
    add(store, "occurrences", occurrence("x", "i1"), occurrence("x", "i2", fingerprint="reader 2"))
    add(store, "annotations", came("a", "x", label="a"), came("a", "x", fingerprint="reader 2", label="b"))
    assert values(snapshot(store, ("i1",)), "annotations", "label") == ["a"]
    assert values(snapshot(store, ("i2",)), "annotations", "label") == ["b"]


def test_ratings_spans_materials_quarantine_and_intakes_follow_their_file(store):
    for table, key in (("ratings", "rating_id"), ("spans", "span_id"), ("materials", "material_id")):
        told = {"occurrence_id": "o-y", "row_hash": "h-y", "fingerprint": "reader"}
        add(store, table, {key: "1"} | told)
        assert values(snapshot(store, ("f1",)), table, key) == []
        assert values(snapshot(store, ("f2",)), table, key) == ["1"]
    for table in ("quarantine", "intakes"):
        add(store, table, {"intake_id": "f1"}, {"intake_id": "f2"})
        assert values(snapshot(store, ("f1",)), table, "intake_id") == ["f1"]


def test_rubrics_are_those_of_the_newest_run_and_a_named_maker(tmp_path):
    store = new_store(tmp_path)
    add(store, "rubrics", *({"rubric_id": r, "fingerprint": f} for r in "rs" for f in "gh"))
    add(store, "criteria", *({"rubric_id": r, "criterion_id": "c", "fingerprint": "g"} for r in "rs"))
    found = snapshot(store, (), ("g",), ("s",))
    assert found.table("rubrics", columns=["rubric_id", "fingerprint"]).to_pylist() == [
        {"rubric_id": "s", "fingerprint": "g"}
    ]
    assert values(found, "criteria", "rubric_id") == ["s"]
    assert values(snapshot(store, (), (), ("s",)), "criteria", "rubric_id") == []


def test_embeddings_and_attributes_count_under_named_fingerprints(tmp_path):
    store = new_store(tmp_path)
    commit(
        store,
        [fact_part(store, ("p", "old")), write_part(store.root, FACT, 0, [facts(("p", "new"), fingerprint="g")])],
        "r",
    )
    add(store, "embeddings", *({"text_id": f, "role": "prompt", "fingerprint": f} for f in "fg"))
    found = snapshot(store, (), ("g",))
    assert values(found, FACT, "value") == ["new"] and values(found, "embeddings", "text_id") == ["g"]


def test_a_pinned_version_reads_the_same_after_a_later_commit(tmp_path):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    pinned = snapshot(store, (), ("f",))
    commit(store, [fact_part(store, ("q", "y"))], "two")
    assert values(pinned, FACT, "value") == ["x"]
    assert values(snapshot(store, (), ("f",)), FACT, "value") == ["x", "y"]


def test_a_table_that_was_not_pinned_is_an_error(tmp_path):
    store = new_store(tmp_path)
    found = Snapshot(store, (("attributes", 0),), (), ())
    with pytest.raises(KeyError, match="embeddings"):
        found.table("embeddings")


def test_rows_come_in_the_tables_order_by_shard_and_in_batches(tmp_path):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("c", "3"), ("b", "2")), fact_part(store, ("a", "1"), shard=1)], "one")
    commit(store, [fact_part(store, ("a", "0"))], "two")
    found = snapshot(store, (), ("f",))
    assert found.table(FACT, columns=["value"])["value"].to_pylist()[2:] == ["2", "3"]
    assert found.table(FACT, 0)["prompt_id"].to_pylist() == ["a", "b", "c"]
    assert found.table(FACT, 1)["value"].to_pylist() == ["1"]
    batches = list(found.batches(FACT, 0, ["value"], rows=2))
    assert [value for batch in batches for value in batch["value"].to_pylist()] == ["0", "2", "3"]
    assert found.table(FACT).schema.names == TABLES[FACT].schema.names


def test_ids_are_data_and_never_part_of_a_query(tmp_path):
    store = new_store(tmp_path)
    odd = "x') OR 1=1 --"
    commit(store, [fact_part(store, ("p", "x"))], "one")
    assert values(snapshot(store, (odd,), (odd,), (odd,)), FACT, "value") == []


@pytest.mark.parametrize("folder", ["plain", "what [a-z]* {is}? 'this'", "shard=7"])
def test_a_stores_folder_may_be_called_anything(tmp_path, folder):
    store = new_store(tmp_path / folder)
    add(store, "comparisons", {"comparison_id": "x", "origin": "data"}, {"comparison_id": "z", "origin": "probe"})
    add(store, "comparisons", {"comparison_id": "y", "origin": "data"}, shard=1)
    add(store, "occurrences", occurrence("x", "f1"))
    add(store, "occurrences", occurrence("y", "f1"), shard=1)
    found = snapshot(store, intakes=["f1"])
    assert values(found, "comparisons", "comparison_id") == ["x", "y", "z"]
    assert values(found, "comparisons", "comparison_id", shard=1) == ["y"]
    assert found.table("comparisons").schema.names == TABLES["comparisons"].schema.names
