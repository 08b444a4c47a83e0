import pytest

from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.steps.units import Unit, shard_units
from prefcurate.transforms.store.store import Store
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
        store.record("ingest", run, settings, {}, ["intakes"], {"intakes": intakes})
    for run, rubrics in (("4", ["r"]), ("5", ["s"])):
        store.record("rubrics", run, "any", {}, ["rubrics"], {"rubrics": rubrics})
    assert context(store).pin().intakes == ("a", "c")
    assert context(store).pin().rubrics == ("s",)
    assert context(store, ingest_settings="other sources").pin().intakes == ("b",)
    assert context(store, ingest_settings="never ran").pin().intakes == ()


@pytest.mark.parametrize("shards", [1, 4])
def test_one_unit_a_shard(tmp_path, shards):
    pinned = context(new_store(tmp_path, shards)).pin()
    assert list(shard_units(pinned)) == [Unit(pinned, shard) for shard in range(shards)]


def test_a_graph_can_be_built_before_the_store_is_there(tmp_path):
    assert context(Store(str(tmp_path / "none"), 4)).seed == 7
