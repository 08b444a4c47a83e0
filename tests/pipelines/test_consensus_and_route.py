"""The two stages as the loop sees them: what they read, and which settings make them run again."""

from prefcurate.pipelines import consensus, route
from prefcurate.pipelines.config import parse_config
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.consensus.consensus import Consensus
from prefcurate.transforms.route.route import Route
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.store import Store


def config(folder, **more):
    sources = [{"name": "s", "format": "prd", "path": "data"}]
    return parse_config({"store": "store", "sources": sources} | more, str(folder))


def test_tables_exist_and_nothing_later_is_read():
    for stage in (consensus.STAGE, route.STAGE):
        assert set(stage.reads) | set(stage.writes) <= set(TABLES)
    assert not {"routes", "splits", "releases"} & set(consensus.STAGE.reads)
    assert "consensus" in route.STAGE.after


def test_settings_that_change_decisions_change_the_fingerprint(tmp_path):
    plain = consensus.STAGE.fingerprint(config(tmp_path))
    assert consensus.STAGE.fingerprint(config(tmp_path, budget=3.0)) == plain
    for more in (
        {"consensus": {"min_accuracy": 0.8}},
        {"gold": {"sources": ["s"]}},
        {"route": {"budget": {"items": 3}}},
    ):
        assert consensus.STAGE.fingerprint(config(tmp_path, **more)) != plain
    assert route.STAGE.fingerprint(config(tmp_path, route={"budget": {"usd": 3}})) != route.STAGE.fingerprint(
        config(tmp_path)
    )


def test_an_edited_overrides_file_is_another_input(tmp_path):
    path = tmp_path / "overrides.csv"
    found = set()
    for text in ("comparison_id,label,who,why\n", "comparison_id,label,who,why\nc,a,Ann,x\n"):
        path.write_text(text)
        found.add(consensus.STAGE.files(config(tmp_path, overrides="overrides.csv"))())
    assert len(found) == 2


def test_transforms_get_their_part_of_the_configuration(tmp_path):
    told = config(tmp_path, overrides="o.csv", route={"budget": {"items": 3}}, gold={"annotators": ["person:*/expert"]})
    store = Store(str(tmp_path / "none"), 1)
    about = StageContext(store, "consensus", (), (), "sources", run_id="run")
    made = consensus.STAGE.transform(told, about)
    assert isinstance(made, Consensus) and made.can_ask and made.overrides == str(tmp_path / "o.csv")
    assert made.gold.annotators == ("person:*/expert",)
    assert isinstance(route.STAGE.transform(told, about), Route)
