"""The list `annotators` of the configuration, and what makes the stage annotate run again."""

import pytest

from prefcurate.pipelines.annotate import STAGE
from prefcurate.pipelines.config import Config, ConfigError, parse_config

JUDGE = {"name": "cheap", "kind": "llm_judge", "model": "some-model", "endpoint": "http://localhost:8000/v1"}
PRICED = {**JUDGE, "orders": "both", "concurrency": 256, "price": {"input": 0.15, "output": 0.60}, "budget": 20.00}


def config(*annotators: dict, **more) -> Config:
    source = {
        "name": "x",
        "path": "d",
        "format": "mapping",
        "fields": {"prompt": "p", "response_a": "a", "response_b": "b"},
    }
    return parse_config({"store": "s", "sources": [source], "annotators": list(annotators), **more})


def test_the_contracts_judge_is_understood():
    (judge,) = config(PRICED).annotators
    assert (judge.annotator, judge.orders, judge.concurrency, judge.budget) == ("llm_judge:cheap", "both", 256, 20.0)
    assert judge.price.usd(1_000_000, 1_000_000) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("annotators", "message"),
    [
        ([{**JUDGE, "order": "ab"}], "annotators.cheap.order: there is no such key; did you mean 'orders'?"),
        ([{**JUDGE, "kind": "llmjudge"}], "there is no kind 'llmjudge'; did you mean 'llm_judge'?"),
        ([{"name": "x"}], "annotators.x: the key 'kind' is required"),
        ([{"name": "x", "kind": "llm_judge"}], "annotators.x.model: this key is required"),
        ([{**JUDGE, "budget": 3}], "a cap in USD needs a price"),
        ([JUDGE, {**JUDGE, "name": "other"}], "'cheap' and 'other' are the same annotator under two names"),
        ([JUDGE, JUDGE], "the name 'cheap' is used twice"),
        ([{**JUDGE, "name": "a/b"}], "annotators.a/b.name"),
    ],
)
def test_mistakes_are_named_with_their_remedy(annotators, message):
    with pytest.raises(ConfigError) as caught:
        config(*annotators)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changed", "runs_again"),
    [
        ({"endpoint": "http://other/v1"}, False),
        ({"concurrency": 3, "timeout": 9, "tries": 2, "api_key_env": "K"}, False),
        ({"price": {"input": 9}}, False),
        ({"budget": 21.0}, True),
        ({"orders": "ab"}, True),
        ({"attempts": 5}, True),
        ({"model": "another"}, True),
    ],
)
def test_what_makes_the_stage_run_again(changed, runs_again):
    before, after = STAGE.fingerprint(config(PRICED)), STAGE.fingerprint(config({**PRICED, **changed}))
    assert (before != after) == runs_again


def test_a_raised_global_budget_makes_it_run_again():
    assert STAGE.fingerprint(config(PRICED, budget=1)) != STAGE.fingerprint(config(PRICED, budget=2))
