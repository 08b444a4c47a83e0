"""The stage report: what makes it run again."""

from prefcurate.pipelines.config import parse_config
from prefcurate.pipelines.report import STAGE
from prefcurate.transforms.steps.context import StageContext
from prefcurate.transforms.store.store import Store

FIELDS = {"prompt": "q", "response_a": "x", "response_b": "y"}
VALUES = {"store": "s3://bucket/store", "sources": [{"name": "one", "path": "a.jsonl", "fields": FIELDS}]}


def config(**changed):
    return parse_config({**VALUES, **changed}, folder="/data")


def test_other_gold_makes_the_stage_run_again_and_a_budget_does_not():
    assert STAGE.fingerprint(config()) == STAGE.fingerprint(config(budget=3.0))
    assert STAGE.fingerprint(config()) != STAGE.fingerprint(config(gold={"sources": ["one"]}))


def test_it_comes_after_everything_that_it_tells_about():
    assert set(STAGE.after) == {"ingest", "screen", "rubrics", "annotate", "consensus", "route", "publish"}


def test_the_graph_is_built_without_the_store():
    context = StageContext(Store("/nowhere/at/all", 4), STAGE.name, "run", STAGE.reads, STAGE.writes, "ingest")
    assert STAGE.transform(config(gold={"sources": ["one"]}), context).gold.sources == ("one",)
