"""What a person who types the YAML wrong is told: exact messages, one mistake a line."""

import copy
from pathlib import Path
from typing import Any

import fsspec
import pytest

from prefcurate.pipelines.config import ConfigError, as_written, load_config, named_paths, parse_config
from prefcurate.pipelines.validate import validate_inputs
from prefcurate.schemas.formats.registry import READERS, named_formats

EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
FORMATS = ", ".join(sorted({*READERS, *named_formats()}))
JUDGE = {"name": "cheap", "kind": "llm_judge", "endpoint": "http://localhost:8000/v1", "model": "m"}
HEAD = {"name": "head", "kind": "reward_head"}
GOOD: dict[str, Any] = {
    "store": "store",
    "sources": [
        {
            "name": "votes",
            "format": "mapping",
            "path": "votes.jsonl",
            "fields": {
                "prompt": "q",
                "response_a": "one",
                "response_b": "two",
                "label": {"path": "vote", "values": {"1": "a", "2": "b"}},
            },
        }
    ],
    "benchmarks": [{"name": "bench", "path": "bench.jsonl", "text": "question"}],
    "gold": {"annotators": ["person:*"], "audit": 0.4},
    "annotators": [JUDGE],
}
GONE = object()


def changed(**changes: Any) -> dict[str, Any]:
    """The good settings with values at paths like ``sources__0__path``; `GONE` takes a key away."""
    settings = copy.deepcopy(GOOD)
    for path, value in changes.items():
        *steps, last = [int(step) if step.isdecimal() else step for step in path.split("__")]
        here: Any = settings
        for step in steps:
            here = here[step]
        if value is GONE:
            del here[last]
        else:
            here[last] = value
    return settings


def told(settings: dict[str, Any], folder: str = "/f") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_config(settings, folder)
    return str(caught.value).split("\n")


def test_the_settings_that_the_others_spoil_are_good():
    assert parse_config(GOOD, "/f").store == "/f/store"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # A key that is wrong, at each level.
        ({"source": []}, "source: there is no such key; did you mean 'sources'?"),
        ({"sources__0__licens": "MIT"}, "sources.votes.licens: there is no such key; did you mean 'licence'?"),
        (
            {"sources__0__zzz": "red"},
            "sources.votes.zzz: there is no such key; keys here: columns, delimiter, encoding, fields, file_name, format, "
            "header, join, licence, name, path, quote, rows, sheet, type, use",
        ),
        (
            {"sources__0__fields__respons_a": "x"},
            "sources.votes.fields.respons_a: there is no such key; did you mean 'response_a'?",
        ),
        (
            {"sources__0__fields__label__valuess": {}},
            "sources.votes.fields.label.valuess: there is no such key; did you mean 'values'?",
        ),
        ({"gold__annotator": []}, "gold.annotator: there is no such key; did you mean 'annotators'?"),
        ({"benchmarks__0__txt": "q"}, "benchmarks.bench.txt: there is no such key; did you mean 'text'?"),
        ({"annotators__0__budgets": 3}, "annotators.cheap.budgets: there is no such key; did you mean 'budget'?"),
        (
            {"annotators__0__price": {"inputs": 1}},
            "annotators.cheap.price.inputs: there is no such key; did you mean 'input'?",
        ),
        ({"route": {"budget": {"item": 3}}}, "route.budget.item: there is no such key; did you mean 'items'?"),
        (
            {"consensus": {"min_acuracy": 0.7}},
            "consensus.min_acuracy: there is no such key; did you mean 'min_accuracy'?",
        ),
        # A key that is missing.
        ({"store": GONE}, "store: this key is required"),
        ({"sources": GONE}, "sources: this key is required"),
        ({"sources__0__path": GONE}, "sources.votes.path: this key is required"),
        ({"sources__0__name": GONE}, "sources.0.name: this key is required"),
        ({"sources__0__fields": GONE}, "sources.votes.fields: this key is required"),
        (
            {"sources__0__fields__response_b": GONE},
            "sources.votes.fields: response_b: this key is required, since a comparison has two responses",
        ),
        ({"sources": [{"name": "x", "path": "p"}]}, f"sources.x: format: this key is required; known: {FORMATS}"),
        (
            {"benchmarks__0__text": GONE},
            "benchmarks.bench: name `text`, the field path of the benchmark's text, or a `format` that reads its prompts",
        ),
        ({"annotators__0__kind": GONE}, "annotators.cheap: the key 'kind' is required; it says what the entry is"),
        # A value of another type.
        ({"sources": []}, "sources: name at least one; see examples/quickstart.yaml"),
        ({"sources": {"votes": {}}}, "sources: should be a list (found keys with values)"),
        ({"sources": None}, "sources: should be a list (found None)"),
        ({"sources": ["votes.csv"]}, "sources.0: should be keys with values (found 'votes.csv')"),
        ({"shards": "many"}, "shards: should be a whole number (found 'many')"),
        ({"budget": "ten"}, "budget: should be a number (found 'ten')"),
        ({"embed": None}, "embed: should be keys with values (found None)"),
        ({"overrides": 3}, "overrides: should be text (found 3)"),
        ({"gold__annotators": "person:*"}, "gold.annotators: should be a list (found 'person:*')"),
        (
            {"sources__0__path": 3},
            "sources.votes.path: should be a file, a folder, a pattern, or a list of them (found 3)",
        ),
        (
            {"sources__0__path": []},
            "sources.votes.path: should be a file, a folder, a pattern, or a list of them (found [])",
        ),
        (
            {"sources__0__fields__label__values": ["a", "b"]},
            "sources.votes.fields.label.values: should be keys with values (found a list)",
        ),
        # A value that is none of those possible.
        (
            {"sources__0__name": "my votes"},
            "sources.my votes.name: should be letters, digits, '_', '.' and '-' alone, with a letter or digit first "
            "(found 'my votes')",
        ),
        (
            {"sources__0__format": "mappings"},
            f"sources.votes: there is no format 'mappings'; did you mean 'mapping'? known: {FORMATS}",
        ),
        (
            {"sources__0__format": ["prd"]},
            f"sources.votes: there is no format ['prd']; did you mean 'prd'? known: {FORMATS}",
        ),
        (
            {"sources__0__fields__label__values__1": "left"},
            "sources.votes.fields.label.values.1: should be 'a', 'b', 'tie', 'both_bad', 'both_good', 'unratable' or 'skip' "
            "(found 'left')",
        ),
        ({"shards": 3}, "shards: shards must be a power of two from 1 to 65536, not 3"),
        ({"budget": -1}, "budget: should be greater than or equal to 0 (found -1)"),
        ({"gold__audit": 1.5}, "gold.audit: should be less than or equal to 1 (found 1.5)"),
        ({"gold__sources": ["vote"]}, "gold.sources: there is no source 'vote'; did you mean 'votes'? known: votes"),
        (
            {"annotators__0__kind": "llm_juge"},
            "annotators.cheap: there is no kind 'llm_juge'; did you mean 'llm_judge'? "
            "known: llm_judge, reward_head, ordinal_head, similarity, checks",
        ),
        ({"annotators__0__orders": "all"}, "annotators.cheap.orders: should be 'both', 'ab' or 'ba' (found 'all')"),
        (
            {"consensus": {"agreement": [{"name": "both", "rule": "same", "all": ["cheep", "person:votes/*"]}]}},
            "consensus.agreement.both: there is no annotator 'cheep'; did you mean 'cheap'? known: cheap; one that came with the data is "
            "named as in the table annotators, such as llm_judge:arena/gpt-4",
        ),
        (
            {"consensus": {"agreement": [{"name": "both", "rule": "same", "all": ["cheap"]}]}},
            "consensus.agreement.both: name two annotators at least in `all` and `any`; one always agrees with itself",
        ),
        (
            {"consensus": {"agreement": [{"name": "both", "rule": "sane", "all": ["cheap"]}]}},
            "consensus.agreement.both: there is no rule 'sane'; did you mean 'same'? known: same, ranking",
        ),
        (
            {"consensus": {"agreement": [{"name": "steady", "rule": "ranking", "of": ["cheap"]}]}},
            "consensus.agreement.steady: of: name two labellers at least, the oldest first",
        ),
        (
            {"consensus": {"agreement": [{"name": "x", "rule": "ranking", "of": ["cheap", "person:votes/b"]}] * 2}},
            "consensus.agreement: the name 'x' is used twice; every name must be its own",
        ),
        (
            {"consensus": {"agreement": [{"name": "x", "rule": "same", "all": ["cheap", "llm_judge:votse/gpt-4"]}]}},
            "consensus.agreement.x: 'llm_judge:votse/gpt-4' is none of `annotators`, and there is no source 'votse'; did you mean 'votes'? "
            "known: votes",
        ),
        (
            {"consensus": {"agreement": [{"name": "x", "rule": "same", "all": ["cheap"], "any": ["judge:votes/*"]}]}},
            "consensus.agreement.x: 'judge:votes/*' is none of `annotators`, and there is no kind 'judge'; did you mean 'llm_judge'? "
            "known: person, llm_judge, reward_model, program",
        ),
        (
            {"consensus": {"agreement": [{"name": "x", "rule": "same", "all": ["cheap", "reward_head:hed"]}]}},
            "consensus.agreement.x: there is no annotator 'reward_head:hed'; known: cheap; one that came with the data is named as in the "
            "table annotators, such as llm_judge:arena/gpt-4",
        ),
        (
            {"consensus": {"agreement": [{"name": "x", "rule": "ranking", "of": ["cheap", "llm_judge:cheap"]}]}},
            "consensus.agreement.x: 'llm_judge:cheap' is named twice; nobody agrees with anybody by agreeing with himself",
        ),
        (
            {"consensus": {"dynamics": {"confidence": 0.3}}},
            "consensus.dynamics: confidence: it is where labels are truncated; say what becomes of them: truncate: soften, or drop",
        ),
        (
            {"consensus": {"dynamics": {"min_labels": 200, "max_pairs": 200}}},
            "consensus.dynamics: min_labels: 200 published pairs are never there outside a fold of max_pairs 200 (about 160 are); lower it, "
            "or raise max_pairs",
        ),
        (
            {"consensus": {"policy": "mine"}},
            "consensus.policy: there is no policy 'mine'; known policies: borne-out, default, learned, learned-length, models, models-length, votes (of these versions: borne-out@1, learned-length@1, learned@1, models-length@1, models@1, votes@1)",
        ),
        (
            {"benchmarks__0__text": "a..b"},
            "benchmarks.bench.text: 'a..b' is no field path: at '..b'; write a.b[0] or [\"odd.key\"]",
        ),
        (
            {"benchmarks__0__text": 3},
            "benchmarks.bench.text: should be a field path, such as question or turns[0], or a list of them (found 3)",
        ),
        (
            {"annotators__0": {**HEAD, "folds": 2}},
            "annotators.head.folds: should be greater than or equal to 3 (found 2)",
        ),
        (
            {"annotators__0": {**HEAD, "level": 3}},
            "annotators.head.level: there is no such key; keys here: folds, generation, kind, learn_from, max_pairs, members, min_labels, name",
        ),
        (
            {
                "consensus": {
                    "agreement": [{"name": "x", "rule": "ranking", "of": ["cheap", "person:*"], "missing": "fails"}]
                }
            },
            "consensus.agreement.x.missing: there is no such key; keys here: measure, name, of, otherwise, rule",
        ),
        (
            {"consensus": {"agreement": [{"name": "x", "rule": "same", "all": []}]}},
            "consensus.agreement.x.all: should have 1 entry at least (found 0)",
        ),
        # Values that do not go together.
        (
            {"annotators__0": {**HEAD, "learn_from": "gold"}, "gold": {}},
            "annotators.head.learn_from: it would learn from gold, and nobody's labels are; say under `gold` whose are",
        ),
        (
            {"annotators__0": {**HEAD, "min_labels": 90, "max_pairs": 100}},
            "annotators.head: min_labels: 90 labelled pairs are never there outside a fold of max_pairs 100 (about 80 are); lower it, "
            "or raise max_pairs",
        ),
        (
            {"annotators__0": {**HEAD, "embed": {"model": "other"}}},
            "annotators.head: embed: it stands at the top of the configuration and holds for all annotators; remove it here",
        ),
        (
            {"annotators__0": {"name": "near", "kind": "similarity", "embed": {"model": "other"}}},
            "annotators.near: embed: it stands at the top of the configuration and holds for all annotators; remove it here",
        ),
        ({"sources": GOOD["sources"] * 2}, "sources: the name 'votes' is used twice; every name must be its own"),
        ({"annotators": [JUDGE, JUDGE]}, "annotators: the name 'cheap' is used twice; every name must be its own"),
        (
            {"annotators__0__budget": 5},
            "annotators.cheap: budget: a cap in USD needs a price; add price: {input: …, output: …} in USD per million tokens",
        ),
        (
            {"budget": 5, "annotators__0__endpoint": "https://api.openai.com/v1"},
            "annotators.cheap.price: this key is required beside `budget`, which could not hold without it; add price: "
            "{input: …, output: …} in USD per million tokens, of 0 where https://api.openai.com/v1 costs nothing",
        ),
    ],
)
def test_a_mistake_is_told_once_with_place_value_and_remedy(changes, message):
    assert told(changed(**changes)) == [message]


@pytest.mark.parametrize(
    "judge",
    [
        JUDGE,
        {**JUDGE, "endpoint": "https://h/v1", "price": {}},
        {**JUDGE, "endpoint": "https://h/v1", "price": {"input": 1}},
    ],
)
def test_a_budget_holds_where_a_price_is_told_or_the_endpoint_is_this_machine(judge):
    assert parse_config(changed(budget=5, annotators=[judge])).budget == 5


def test_every_mistake_is_told_in_one_go():
    settings = changed(
        shards=3,
        sed=4,
        gold__audit=7,
        sources__0__licens="x",
        sources__0__path=3,
        sources__0__fields__label__values={"1": "x"},
    )
    settings["sources"].append({"name": "other", "format": "prdd", "path": "x"})
    assert told(settings) == [
        "shards: shards must be a power of two from 1 to 65536, not 3",
        "sources.votes.path: should be a file, a folder, a pattern, or a list of them (found 3)",
        "sources.votes.fields.label.values.1: should be 'a', 'b', 'tie', 'both_bad', 'both_good', 'unratable' or 'skip' "
        "(found 'x')",
        "sources.votes.licens: there is no such key; did you mean 'licence'?",
        f"sources.other: there is no format 'prdd'; did you mean 'prd'? known: {FORMATS}",
        "gold.audit: should be less than or equal to 1 (found 7)",
        "sed: there is no such key; did you mean 'seed'?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{path} holds no settings; see examples/quickstart.yaml"),
        ("- store", "{path} holds no settings; see examples/quickstart.yaml"),
        ("store: x\nstore: y\n", "line 1: the key 'store' stands twice; only one could count"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path, text, message):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(str(path))
    assert str(caught.value) == message.format(path=path)


def test_a_file_that_is_no_yaml_or_not_there(tmp_path):
    (tmp_path / "c.yaml").write_text("store: [")
    with pytest.raises(ConfigError, match=r"c\.yaml is not valid YAML: .*\n.*\n.*line 1, column 9"):
        load_config(str(tmp_path / "c.yaml"))
    with pytest.raises(ConfigError) as caught:
        load_config(str(tmp_path / "d.yaml"))
    assert str(caught.value).startswith(f"cannot read the configuration {tmp_path}/d.yaml: [Errno 2] No such file")


def test_paths_are_relative_to_the_file():
    config = parse_config(changed(overrides="o.csv", sources__0__path=["a", "s3://b/c", "/d"]), "/f")
    assert (config.store, config.overrides, config.benchmarks[0].path) == ("/f/store", "/f/o.csv", "/f/bench.jsonl")
    assert config.sources[0].path == ("/f/a", "s3://b/c", "/d")


def test_the_quick_starts_inputs_are_all_there():
    validate_inputs(load_config(str(EXAMPLE)))


def wrong_inputs(tmp_path: Path, **changes: Any) -> list[str]:
    for name, content in (("votes.jsonl", "{}\n"), ("bench.jsonl", '{"question": "Why?"}\n')):
        (tmp_path / name).write_text(content)
    config = parse_config(changed(**changes), str(tmp_path))
    try:
        validate_inputs(config)
    except ConfigError as error:
        return str(error).replace(f"{tmp_path}/", "").split("\n")
    return []


def test_inputs_that_are_all_there(tmp_path):
    (tmp_path / "o.csv").write_text("comparison_id,label,who,why\nabc,drop,me,spam\n")
    assert wrong_inputs(tmp_path, overrides="o.csv") == []


def test_every_input_that_is_missing_is_named(tmp_path):
    more = GOOD["sources"][0] | {"name": "more", "path": ["votes.jsonl", "gone.jsonl"]}
    (tmp_path / "prd").mkdir()
    (tmp_path / "prd" / "x.jsonl").write_text("")
    other = {"name": "other", "format": "prd", "path": "prd"}
    given = {
        "sources": [GOOD["sources"][0] | {"path": "vote*.csv"}, more, other],
        "benchmarks": [{"name": "b", "path": "b.jsonl", "text": "q"}],
        "overrides": "o.csv",
    }
    assert wrong_inputs(tmp_path, **given) == [
        "source 'votes': no file at 'vote*.csv'; a path is a file, a folder or a pattern",
        "source 'more': no file at 'gone.jsonl'; a path is a file, a folder or a pattern",
        "source 'other' at 'prd': no file is named ratings-{who}/answer_{model1}-vs-answer_{model2}-{who}-reviewer….jsonl",
        "benchmark 'b': cannot read b.jsonl: [Errno 2] No such file or directory: 'b.jsonl'",
        "overrides: there is no file o.csv",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            '{"question": "Why?"}\nwhat\n',
            "benchmark 'bench': bench.jsonl, line 2: bad JSON (Expecting value at character 1); mend the file",
        ),
        ('{"prompt": "Why?"}\n', "benchmark 'bench': no row of bench.jsonl has a text at 'question'"),
    ],
)
def test_a_benchmark_that_cannot_be_used(tmp_path, content, message):
    config = parse_config(GOOD, str(tmp_path))
    (tmp_path / "votes.jsonl").write_text("{}\n")
    (tmp_path / "bench.jsonl").write_text(content)
    with pytest.raises(ConfigError) as caught:
        validate_inputs(config)
    assert str(caught.value).replace(f"{tmp_path}/", "") == message


def test_overrides_that_cannot_be_used(tmp_path):
    (tmp_path / "o.csv").write_text("comparison_id,label,who,why\nabc,c,me,spam\n")
    assert wrong_inputs(tmp_path, overrides="o.csv") == ["o.csv, line 2: label 'c' is none of a, b, drop"]


def test_a_configuration_behind_an_address_names_what_lies_beside_it():
    text = "{store: store, sources: [{name: a, format: hf_preference, path: ../in/a.jsonl}], overrides: /here/o.csv}"
    with fsspec.open("memory://bucket/conf/c.yaml", "w") as stream:
        stream.write(text)
    config = load_config("memory://bucket/conf/c.yaml")
    assert config.store == "memory://bucket/conf/store"
    assert dict(named_paths(config)) == {"sources.a.path": "memory://bucket/in/a.jsonl", "overrides": "/here/o.csv"}
    assert as_written(config).sources[0].path == "../in/a.jsonl"
    with pytest.raises(ConfigError, match=r"cannot read the configuration memory://bucket/none\.yaml"):
        load_config("memory://bucket/none.yaml")


def test_agreements_name_annotators_as_the_tables_do():
    rules = [
        {"name": "scir", "rule": "same", "all": ["cheap"], "any": ["llm_judge:votes/*"]},
        {"name": "cream", "rule": "ranking", "of": ["cheap", "reward_model:votes/old"]},
    ]
    config = parse_config(GOOD | {"consensus": {"agreement": rules}})
    same, ranking = config.consensus.agreement
    assert (same.all, same.any) == (("llm_judge:cheap",), ("llm_judge:votes/*",))
    assert ranking.of == ("llm_judge:cheap", "reward_model:votes/old")
