"""The stage's settings: what is written into a manifest, and what makes the stage run again."""

import json

import pytest

from prefcurate.pipelines.config import ConfigError, parse_config
from prefcurate.pipelines.publish import STAGE, resolved
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.store import Store

VALUES = {
    "store": "s3://bucket/store",
    "sources": [
        {"name": "two", "path": "b.jsonl", "fields": {"prompt": "q", "response_a": "x", "response_b": "y"}},
        {"name": "one", "path": "http://me:pa55@host/a.jsonl", "licence": "MIT"}
        | {"fields": {"prompt": "q", "response_a": "x", "response_b": "y"}},
    ],
    "publish": {"splits": {"train": 0.5, "test": 0.5}, "exports": ["trl"]},
}


def config(**changed):
    return parse_config({**VALUES, **changed}, folder="/data")


def test_the_manifest_holds_every_setting_but_no_secret_and_no_place_of_the_store():
    told = json.loads(json.dumps(resolved(config())))
    assert [source["name"] for source in told["sources"]] == ["one", "two"]
    assert told["sources"][0]["reader"]["format"] == "mapping"
    assert told["sources"][0]["reader"]["fields"]["prompt"]
    assert told["publish"]["splits"] == {"train": 0.5, "validation": 0.0, "test": 0.5}
    assert told["gold"]["audit"] == 0.4
    assert "store" not in told
    assert "pa55" not in json.dumps(told)
    assert resolved(config(sources=VALUES["sources"][::-1], store="other")) == resolved(config())


def test_only_its_own_settings_make_the_stage_run_again():
    assert STAGE.fingerprint(config()) == STAGE.fingerprint(config(budget=3.0))
    assert STAGE.fingerprint(config()) != STAGE.fingerprint(config(publish={"exports": []}))
    assert STAGE.fingerprint(config()) != STAGE.fingerprint(config(seed=8))


def test_the_graph_is_built_without_the_store():
    store = Store("/nowhere/at/all", 4)
    context = StageContext(store, STAGE.name, STAGE.reads, STAGE.writes, "ingest", run_id="run")
    transform = STAGE.transform(config(), context)
    assert transform.options.exports == ("trl",)
    assert json.loads(transform.configuration)["seed"] == 7


@pytest.mark.parametrize(
    ("publish", "words"),
    [
        ({"splits": {"train": 0.9, "test": 0.2}}, "publish.splits: train \\+ validation \\+ test must be 1, not 1.1"),
        ({"splits": {"train": 0.9, "tests": 0.1}}, "did you mean 'test'"),
        ({"exports": ["csv"]}, "publish.exports.0"),
        ({"max_per_prompt": 0}, "publish.max_per_prompt"),
    ],
)
def test_mistakes_are_named_with_their_key(publish, words):
    with pytest.raises(ConfigError, match=words):
        config(publish=publish)
