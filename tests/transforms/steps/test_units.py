import pytest

from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.units import Unit, shard_units
from prefcurate.transforms.store.store import Store, StoreError
from tests.transforms.store.toys import FACT, commit, fact_part, new_store


def context(store: Store, **more) -> StageContext:
    told = {"stage": "toy", "run_id": "r", "reads": (FACT,), "writes": ("clusters",), "ingest_settings": "sources"}
    return StageContext(store, **told | more)


def test_a_pin_fixes_what_is_read_and_written_and_what_views_need(tmp_path):
    store = new_store(tmp_path)
    commit(store, [fact_part(store, ("p", "x"))], "one")
    pinned = context(store, fingerprints=("f",)).pin()
    assert dict(pinned.versions) == {FACT: 1, "clusters": 0, "occurrences": 0, "intakes": 0}
    assert (pinned.intakes, pinned.fingerprints, pinned.rubrics) == ((), ("f",), ())


def test_a_pin_finds_the_active_files_of_its_sources_and_the_newest_rubrics(tmp_path):
    store = new_store(tmp_path)
    for run, settings, intakes in (
        ("1", "sources", ["a"]),
        ("2", "other sources", ["b"]),
        ("3", "sources", ["a", "c"]),
    ):
        store.record("ingest", run, settings, {}, store.versions(["intakes"]), {"intakes": intakes})
    for run, rubrics in (("4", ["r"]), ("5", ["s"])):
        store.record("rubrics", run, "any", {}, store.versions(["rubrics"]), {"rubrics": rubrics})
    assert context(store).pin().intakes == ("a", "c")
    assert context(store).pin().rubrics == ("s",)
    assert context(store, ingest_settings="other sources").pin().intakes == ("b",)
    assert context(store, ingest_settings="never ran").pin().intakes == ()


@pytest.mark.parametrize("shards", [1, 4])
def test_one_unit_a_shard(tmp_path, shards):
    pinned = context(new_store(tmp_path, shards)).pin()
    assert list(shard_units(pinned)) == [Unit(pinned, shard) for shard in range(shards)]


def test_a_run_begins_with_what_stands_when_it_begins(tmp_path):
    store, outside = Store(str(tmp_path / "store"), 2), tmp_path / "outside"
    kept = context(store, run_id="", after=("ingest",), files=outside.read_text, makes=("f", "g"))
    outside.write_text("monday")
    with pytest.raises(StoreError, match="stage toy builds on ingest, which has not run with this configuration; .*"):
        kept.begin()
    store.record("ingest", "1", "sources", {}, store.versions(["intakes"]), {"intakes": ["a"]})
    monday = kept.begin()
    outside.write_text("tuesday")
    store.record("ingest", "2", "other sources", {}, store.versions(["intakes"]), {"intakes": ["x"]})
    store.record("ingest", "3", "sources", {}, store.versions(["intakes"]), {"intakes": ["a", "b"]})
    tuesday = kept.begin()
    assert (monday.intakes, tuesday.intakes) == (("a",), ("a", "b"))
    assert monday.run_id and tuesday.run_id and monday.run_id != tuesday.run_id
    one, two = dict(monday.inputs), dict(tuesday.inputs)
    assert (one["files"], two["files"], one["fingerprints"]) == ("monday", "tuesday", "f,g")
    assert two["ingest"] == store.latest("ingest", "sources").state != one["ingest"]


def test_a_kept_graph_meets_a_store_of_other_shards(tmp_path):
    new_store(tmp_path, 4)
    with pytest.raises(StoreError, match="has 4 shards, the configuration says shards: 8"):
        context(Store(str(tmp_path / "store"), 8)).begin()


def test_a_graph_can_be_built_before_the_store_is_there(tmp_path):
    assert context(Store(str(tmp_path / "none"), 4)).seed == 7
