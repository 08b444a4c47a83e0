"""The loop over the stages: what is skipped, what runs again, and what a changed configuration changes."""

import io
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from prefcurate.pipelines.config import Config, load_config
from prefcurate.pipelines.curate import STAGES, curate
from prefcurate.pipelines.progress import Progress
from prefcurate.pipelines.query import query_store
from prefcurate.schemas.errors import SpokenError
from prefcurate.transforms.store.store import Store, StoreError
from tests.e2e.line import contents

FIELDS = {"prompt": "q", "response_a": "x", "response_b": "y", "label": {"path": "vote", "values": {1: "a", 2: "b"}}}
CHEAP = ["ingest", "embed", "screen", "describe", "rubrics", "annotate", "consensus", "route"]
"""All but those that write files for people."""
ALONE = ["--direct_num_workers=1"]


Configured = Callable[..., Config]


def config_in(folder: Path, *names: str, **more) -> Config:
    sources = [{"name": name, "path": f"{name}.csv", "fields": FIELDS} for name in names or ("one",)]
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"store": "store", "shards": 2, "sources": sources} | more))
    return load_config(str(path))


@pytest.fixture(scope="module")
def calm(tmp_path_factory) -> Path:
    """A folder with two sources, whose first one has run."""
    folder = tmp_path_factory.mktemp("calm")
    for name in ("one", "two"):
        rows = [f"{name} question number {i}?,Yes {name} {i}.,No.,{1 + i % 2}" for i in range(6)]
        (folder / f"{name}.csv").write_text("\n".join(["q,x,y,vote", *rows, ""]))
    assert list(run(config_in(folder))) == CHEAP
    return folder


@pytest.fixture
def configured(calm, tmp_path) -> Configured:
    """Configurations of a store in which the source `one` has run, by the sources' names and what else they say."""
    shutil.copytree(calm, tmp_path, dirs_exist_ok=True)
    return partial(config_in, tmp_path)


@pytest.fixture
def unrun(configured, tmp_path) -> Configured:
    """The same of a store that there is not yet."""
    shutil.rmtree(tmp_path / "store")
    return configured


def run(config: Config, names=CHEAP) -> tuple[str, ...]:
    return curate(config, Progress(Console(file=io.StringIO())), names, ALONE).ran


def rows(config: Config, sql: str) -> list[dict]:
    return query_store(Store.open(config.store), sql).read_all().to_pylist()


def test_stages_build_only_on_earlier_ones():
    names = [stage.name for stage in STAGES]
    for place, stage in enumerate(STAGES):
        assert set(stage.after) <= set(names[:place])
    written = [table for stage in STAGES for table in stage.writes]
    assert {table for table in written if written.count(table) > 1} <= {"annotations", "calls"}


def test_an_unchanged_configuration_runs_nothing(calm):
    assert run(config_in(calm)) == ()


def test_a_setting_runs_its_stage_and_what_builds_on_a_change(configured):
    assert "consensus" in run(configured(consensus={"min_accuracy": 0.9}))
    # The seed goes into every stage; nothing else is read again because of it.
    assert run(configured(consensus={"min_accuracy": 0.9}, seed=8))[:1] == ("ingest",)


def test_a_source_that_is_configured_no_longer_leaves_every_view(configured):
    run(configured("two"))
    config = configured("two")
    assert rows(config, "SELECT DISTINCT source FROM occurrences") == [{"source": "two"}]
    assert rows(config, "SELECT count(*) AS n FROM consensus") == [{"n": 6}]
    assert rows(config, "SELECT count(*) AS n FROM all_comparisons") == [{"n": 12}]
    run(configured("one", "two"))
    assert run(configured("two", "one")) == (), "another place in the YAML changes nothing"
    assert rows(config, "SELECT count(*) AS n FROM consensus") == [{"n": 12}]


def test_an_annotator_that_is_configured_no_longer_leaves_every_view(configured):
    checks = {"name": "c", "kind": "checks"}
    config = configured(annotators=[checks])
    run(config)
    run(configured())
    assert rows(config, "SELECT count(*) AS n FROM annotations WHERE annotator = 'checks:c'") == [{"n": 0}]
    assert "consensus" in run(configured(annotators=[checks]))


def test_a_file_that_changed_is_read_again(configured, tmp_path):
    config = configured()
    with (tmp_path / "one.csv").open("a") as stream:
        stream.write("A new question?,Maybe.,Never.,1\n")
    assert run(configured())[0] == "ingest"
    assert rows(config, "SELECT count(*) AS n FROM comparisons") == [{"n": 7}]


def test_a_stage_alone_says_what_it_lacks(unrun):
    with pytest.raises(StoreError, match="stage consensus builds on screen|stage consensus builds on ingest"):
        run(unrun(), ["consensus"])


def test_the_resolved_configuration_is_kept_without_secrets(unrun, tmp_path):
    run(unrun(), ["ingest"])
    run(unrun(), ["ingest"])
    (written,) = (tmp_path / "store" / "_runs").iterdir()
    assert '"min_accuracy": 0.75' in written.read_text()


def test_what_a_dead_run_of_other_settings_left_is_made_again(configured, tmp_path, monkeypatch):
    """It died after its commit and before its ledger entry: the view holds its rows, and the ledger names the run before."""
    told = Progress(Console(file=io.StringIO()))
    curate(configured(), told, flags=ALONE)
    expected = contents(tmp_path / "store")
    with monkeypatch.context() as patched:
        patched.setattr(Store, "record", killed)
        with pytest.raises(SpokenError, match="killed"):
            curate(configured(consensus={"min_accuracy": 0.99}), told, ["consensus"], ALONE)
    assert contents(tmp_path / "store") != expected
    with pytest.raises(StoreError, match="stage route builds on consensus, which a run has begun and not ended"):
        curate(configured(), told, ["route"], ALONE)
    assert "consensus" in curate(configured(), told, flags=ALONE).ran
    assert contents(tmp_path / "store") == expected
    assert curate(configured(), told, flags=ALONE).ran == ()


def killed(*about):
    raise SpokenError("killed")
