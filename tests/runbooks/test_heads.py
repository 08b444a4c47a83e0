"""What runbooks/heads.md and runbooks/consensus.md tell people to type is understood, and its queries say what they promise."""

import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import yaml

from prefcurate.pipelines.config import ConfigError, parse_config
from prefcurate.schemas.tables import TABLES
from prefcurate.transforms.annotate.ordinal_head import OrdinalHead
from prefcurate.transforms.consensus.options import DynamicsOptions

RUNBOOKS = Path(__file__).parents[2] / "runbooks"
HEADS = (RUNBOOKS / "heads.md").read_text(encoding="utf-8")
CONSENSUS = (RUNBOOKS / "consensus.md").read_text(encoding="utf-8")
JUDGE = {"name": "cheap", "kind": "llm_judge", "endpoint": "http://localhost:8000/v1", "model": "m"}


def fenced(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def configured(**told):
    sources = [{"name": "votes", "format": "prd", "path": "votes"}]
    return {"store": "s", "sources": sources, "gold": {"sources": ["votes"]}} | told


def settings_of_heads():
    heads, agreements = (yaml.safe_load(block) for block in fenced(HEADS, "yaml"))
    return configured(annotators=[JUDGE, *heads["annotators"]], **agreements)


def test_settings_of_heads_are_understood():
    config = parse_config(settings_of_heads())
    assert [rule.rule for rule in config.consensus.agreement] == ["same", "same", "ranking"]
    assert {annotator.kind for annotator in config.annotators} == {"llm_judge", "reward_head", "ordinal_head"}


def test_settings_of_consensus_are_understood():
    (gated,) = re.findall(r"\n\n((?:    .*\n)+)", CONSENSUS[CONSENSUS.index("## Attributes that count") :])
    inline = re.findall(r"`(consensus: \{dynamics: .*?\})`|`(dynamics: \{truncate: .*?\})`", CONSENSUS)
    wanted = [yaml.safe_load(gated)["consensus"], *(yaml.safe_load(a or b) for a, b in inline)]
    wanted = [of.get("consensus", of) for of in wanted]
    assert [sorted(of) for of in wanted] == [["gated"], ["dynamics"], ["dynamics"]]
    for told in wanted:
        parse_config(configured(consensus=told))


@pytest.mark.parametrize("key", ["members", "levels", "learn_from", "min_labels", "generation", "folds", "max_pairs"])
def test_a_misspelt_setting_of_a_head_is_refused_with_the_right_one(key):
    settings = configured(annotators=[{"name": "head", "kind": "ordinal_head", f"{key}s": 1}])
    with pytest.raises(ConfigError, match=f"there is no such key; did you mean '{key}'"):
        parse_config(settings)


def test_what_stands_where_nothing_is_said_is_as_the_runbooks_say():
    (heads,) = re.findall(r"Settings and what stands.*?\n\n", HEADS, re.DOTALL)
    (dynamics,) = re.findall(r"Beside `epochs` there are .*?\.", CONSENSUS)
    for text, model, count in ((heads, OrdinalHead, 7), (dynamics, DynamicsOptions, 3)):
        told = re.findall(r"`(\w+): (\w+)`", text)
        assert len(told) == count
        assert {name: str(model.model_fields[name].default) for name, _ in told} == dict(told)


def row(table, **told):
    return pa.Table.from_pylist([told], schema=TABLES[table].schema)


def test_the_query_for_doubtful_labels_puts_those_first_that_heads_are_surely_against():
    doubted, sure = fenced(HEADS, "sql")
    labels = {"kept-b": "b", "wrong-b": "b", "kept-a": "a", "wrong-a": "a", "unsure": "b"}
    strengths = {
        "kept-b": (-3.0, 0.1),
        "wrong-b": (2.0, 0.1),
        "kept-a": (1.0, 0.1),
        "wrong-a": (-1.0, 0.1),
        "unsure": (1.0, 5.0),
    }
    consensus = pa.concat_tables(row("consensus", comparison_id=c, label_in=side) for c, side in labels.items())
    heads = pa.concat_tables(
        row("annotations", comparison_id=c, annotator="reward_head:head", strength=strength, spread=spread)
        for c, (strength, spread) in strengths.items()
    )
    with duckdb.connect() as connection:
        connection.register("consensus", consensus)
        connection.register("annotations", heads)
        assert [c for c, *_ in connection.sql(doubted).fetchall()] == [
            "wrong-b",
            "wrong-a",
            "unsure",
            "kept-a",
            "kept-b",
        ]
        assert connection.sql(sure).fetchall() == []
