"""Named formats on rows laid out as their datasets are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from prefcurate.pipelines.config import ConfigError, load_config, parse_config
from prefcurate.schemas.formats.registry import READERS, named_formats, reader_settings
from prefcurate.transforms.ingest.benchmarks import read_benchmark
from prefcurate.transforms.ingest.options import SourceOptions
from tests.schemas.formats.mapping_helper import read_source
from tests.schemas.formats.reading import jsonl, labels_of, outcomes, pairs_of, read_bytes, text_of


def read(name: str, *rows: object, **settings: object):
    reader, told = reader_settings(name, settings)
    return read_bytes(reader.model_validate(told), "x.jsonl", jsonl(*rows))


def said(rows) -> Iterator[str]:
    """Each label as `first/second verdict attribute`."""
    for pair in pairs_of(rows):
        for label in pair.labels:
            yield f"{text_of(pair.first)[-1]}/{text_of(pair.second)[-1]} {label.verdict} {label.attribute}"


@pytest.mark.parametrize("name", sorted(named_formats()))
def test_each_is_a_reader_that_says_where_it_comes_from(name):
    source = SourceOptions(name="x", path="p", format=name)
    assert source.reader.title == name and source.reader.format in READERS
    text = (Path(__file__).parents[3] / "schemas" / "formats" / "named" / f"{name}.yaml").read_text()
    assert text.startswith("# ")


def test_ultrafeedback():
    def completion(text, overall, **aspects):
        ratings = {name: {"Rating": rating, "Rationale": f"{name} of {text}"} for name, rating in aspects.items()}
        return {
            "model": f"m-{text}",
            "response": text,
            "overall_score": overall,
            "critique": "…",
            "annotations": ratings,
        }

    row = {
        "source": "evol_instruct",
        "instruction": "Q",
        "models": ["m-A", "m-B", "m-C"],
        "completions": [
            completion("A", 7.5, honesty="5", helpfulness="N/A"),
            completion("B", 7.5, honesty="3", helpfulness="4"),
            completion("C", 3, honesty="4", helpfulness="2"),
        ],
    }
    rows = read("ultrafeedback", row)
    assert sorted(said(rows)) == [
        "A/B first honesty",
        "A/B tie overall",
        "A/C first honesty",
        "A/C first overall",
        "B/C first helpfulness",
        "B/C first overall",
        "B/C second honesty",
    ]
    assert {(label.annotator, label.kind) for label in labels_of(rows)} == {("gpt-4", "llm_judge")}
    assert sum(len(pair.ratings) for pair in pairs_of(rows)) == 8


def test_distilabel_in_two_spellings():
    new = {
        "instruction": "Q",
        "generations": ["A", "B"],
        "ratings": [4, 2],
        "rationales": ["r", "s"],
        "model_name": "judge",
    }
    old = {
        "input": "Q",
        "generations": ["A", "B"],
        "rating": [1, 2],
        "generation_model": ["m", "n"],
        "labelling_model": "gpt-4",
    }
    assert list(said(read("distilabel", new))) == ["A/B first overall"]
    (pair,) = pairs_of(read("distilabel", old))
    assert str(pair.labels[0].verdict) == "second" and pair.labels[0].annotator == "gpt-4"
    assert (pair.model_first, pair.model_second) == ("m", "n")


def test_nectar():
    answers = [
        {"answer": text, "model": f"m{text}", "rank": rank} for text, rank in (("A", 2.0), ("B", 1.0), ("C", 2.0))
    ]
    rows = read(
        "nectar", {"prompt": "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant: ", "answers": answers}
    )
    assert list(said(rows)) == ["A/B second overall", "A/C tie overall", "B/C first overall"]
    assert [message.role for message in pairs_of(rows)[0].prompt] == ["user", "assistant", "user"]
    assert text_of(pairs_of(rows)[0].prompt) == ["Hi", "Hello", "Why?"]


def test_helpsteer():
    def row(prompt, response, helpfulness, verbosity):
        return {
            "prompt": prompt,
            "response": response,
            "helpfulness": helpfulness,
            "correctness": 3,
            "coherence": 4,
            "complexity": 1,
            "verbosity": verbosity,
        }

    turns = "One?\n<extra_id_1>Assistant\nYes.\n<extra_id_1>User\nTwo?"
    rows = read("helpsteer", row("Q", "A", 4, 2), row("Q", "B", 3, 2), row(turns, "C", 1, 1), row(turns, "D", 2, 0))
    assert [type(row.outcome).__name__ for row in rows] == ["Auxiliary", "Pairs", "Auxiliary", "Pairs"]
    found = list(said(rows))
    assert (
        "A/B first overall" in found
        and "A/B tie verbosity" in found
        and "C/D second overall" in found
        and len(found) == 12
    )
    assert text_of(pairs_of(rows)[1].prompt) == ["One?", "Yes.", "Two?"]
    assert {(r.scale_min, r.scale_max) for pair in pairs_of(rows) for r in pair.ratings} == {(0, 4)}


def test_helpsteer2_preference():
    def opinion(strength):
        return {"statement": "@Response 1 is better", "elaboration": "It is.", "strength": strength}

    row = {"prompt": "Q", "response_1": "A", "response_2": "B", "preference_strength": -2}
    told = [opinion(-3), opinion(1), opinion(-100)]
    rows = read(
        "helpsteer2_preference", row | {"three_most_similar_preferences": told, "all_preferences_unprocessed": told * 2}
    )
    assert list(said(rows)) == ["A/B first overall", "A/B second overall", "A/B both_bad overall"]
    assert [label.strength for label in labels_of(rows)][:2] == [-3, 1] and labels_of(rows)[0].rationale == "It is."


def test_helpsteer3():
    context = [
        {"role": "user", "content": "Q"},
        {"role": "assistant", "content": "…"},
        {"role": "user", "content": "More"},
    ]
    votes = [{"score": -1, "reasoning": "r", "feedback1": "f", "feedback2": "g"}, {"score": 0, "reasoning": "s"}]
    rows = read("helpsteer3", {"context": context, "response1": "A", "response2": "B", "individual_preference": votes})
    assert list(said(rows)) == ["A/B first overall", "A/B tie overall"]
    assert len(pairs_of(rows)[0].prompt) == 3


def conversation(*turns):
    return [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(turns)]


def test_arena_votes_with_both_bad_and_turns_that_differ():
    row = {"model_a": "m", "model_b": "n", "judge": "arena_user_7", "turn": 1}
    both = {"conversation_a": conversation("Q", "A"), "conversation_b": conversation("Q", "B")}
    rows = read(
        "arena", *(row | both | {"winner": w} for w in ("model_a", "model_b", "tie", "tie (bothbad)", "both_bad", "?"))
    )
    assert outcomes(rows) == {"Pairs": 5, "unknown label": 1}
    assert [str(label.verdict) for label in labels_of(rows)] == ["first", "second", "tie", "both_bad", "both_bad"]
    assert {(label.annotator, label.order.value) for label in labels_of(rows)} == {("arena_user_7", "12")}
    two = {"conversation_a": conversation("Q", "A", "R", "B"), "conversation_b": conversation("Q", "X", "R", "Y")}
    (pair,) = pairs_of(read("arena", row | two | {"winner": "tie", "turn": 2}))
    assert (text_of(pair.prompt), text_of(pair.first), text_of(pair.second)) == (
        ["Q"],
        ["A", "R", "B"],
        ["X", "R", "Y"],
    )


def test_mt_bench_people_judge_the_first_turn_or_both():
    row = {
        "question_id": 81,
        "model_a": "m",
        "model_b": "n",
        "winner": "model_b",
        "judge": "expert_3",
        "conversation_a": conversation("Q", "A", "R", "B"),
        "conversation_b": conversation("Q", "X", "R", "Y"),
    }
    first, both = pairs_of(read("mt_bench_human", row | {"turn": 1}, row | {"turn": 2}))
    assert (text_of(first.first), text_of(first.second)) == (["A"], ["X"])
    assert (text_of(both.first), text_of(both.second)) == (["A", "R", "B"], ["X", "R", "Y"])
    assert first.labels[0].annotator == "expert_3"


def test_arena_55k_has_lists_in_cells():
    row = {
        "id": 7,
        "model_a": "m",
        "model_b": "n",
        "prompt": '["Q", "R"]',
        "winner_model_a": 0,
        "winner_model_b": 1,
        "winner_tie": 0,
    }
    rows = read("arena_55k", row | {"response_a": '["A", "B"]', "response_b": '["X", null]'})
    (pair,) = pairs_of(rows)
    assert text_of(pair.first) == ["A", "R", "B"] and str(pair.labels[0].verdict) == "second" and rows[0].row_id == "7"


def test_summaries():
    info = {"id": "t3_x", "post": "Text.", "title": "Title", "subreddit": "x", "site": None, "article": None}
    summaries = [{"text": "A", "policy": "sup1", "note": "n"}, {"text": "B", "policy": "ref"}]
    (pair,) = pairs_of(
        read("summarize_from_feedback", {"info": info, "summaries": summaries, "choice": 1, "worker": "w"})
    )
    assert text_of(pair.prompt) == ["Title\n\nText."] and str(pair.labels[0].verdict) == "second"
    assert (pair.labels[0].annotator, pair.model_first, pair.group_id) == ("w", "sup1", "t3_x")


def test_summaries_with_axes_are_gathered_by_their_post():
    info = {"id": "t3_x", "post": "Text.", "title": "Title", "article": None}

    def rated(text, worker, overall):
        axes = {"overall": overall, "accuracy": 7, "coverage": None}
        return {"info": info, "summary": {"text": text, "policy": "p", "axes": axes}, "worker": worker}

    rows = read("summarize_axes", rated("A", "w", 5), rated("B", "w", 6), rated("A", "v", 3), rated("B", "v", 2))
    assert [f"{label.annotator} {label.verdict} {label.attribute}" for label in labels_of(rows)] == [
        "w second overall",
        "w tie accuracy",
        "v first overall",
        "v tie accuracy",
    ]


def test_stack_exchange():
    answers = [
        {"text": text, "pm_score": score, "answer_id": n}
        for n, (text, score) in enumerate((("A", 3), ("B", 1), ("C", 1.5)))
    ]
    assert list(said(read("stack_exchange", {"qid": 1, "question": "Q", "answers": answers}))) == [
        "A/B first overall",
        "A/C first overall",
        "B/C tie overall",
    ]


REWARDBENCH = {
    "prompt": "Q",
    "chosen": "A",
    "rejected": "B",
    "chosen_model": "m",
    "rejected_model": "n",
    "subset": "s",
    "id": 1,
}


def test_benchmarks_of_reward_models_as_data():
    assert list(said(read("rewardbench", REWARDBENCH))) == ["A/B first overall"]
    many = {"id": "7", "prompt": "Q", "chosen": ["A", "C"], "rejected": ["X", "Y", "Z"]}
    for name in ("rewardbench2", "rm_bench"):
        rows = read(name, many)
        assert len(pairs_of(rows)) == 6 and {str(label.verdict) for label in labels_of(rows)} == {"first"}


def config(tmp_path, **more):
    (tmp_path / "bench.jsonl").write_bytes(jsonl(REWARDBENCH))
    (tmp_path / "data.jsonl").write_bytes(jsonl({"prompt": "P", "chosen": "A", "rejected": "B"}))
    bench = {"name": "rb", "format": "rewardbench", "path": "bench.jsonl"} | more
    data = {"name": "data", "format": "hf_preference", "path": "data.jsonl"}
    return {"store": "s", "sources": [bench, data]}


def test_a_benchmark_among_the_sources_is_measured_with_unless_told_otherwise(tmp_path):
    read_as_benchmark = parse_config(config(tmp_path), str(tmp_path))
    assert [source.name for source in read_as_benchmark.sources] == ["data"]
    (benchmark,) = read_as_benchmark.benchmarks
    assert [(text.benchmark, text.line, text.text) for text in read_benchmark(benchmark)] == [("rb", 1, "Q")]
    as_data = parse_config(config(tmp_path, use="data"), str(tmp_path))
    assert [source.name for source in as_data.sources] == ["rb", "data"] and not as_data.benchmarks


def test_any_source_can_be_a_benchmark(tmp_path):
    settings = config(tmp_path, use="data")
    settings["sources"][1]["use"] = "benchmark"
    read = parse_config(settings, str(tmp_path))
    assert [source.name for source in read.sources] == ["rb"]
    assert [text.text for text in read_benchmark(read.benchmarks[0])] == ["P"]


def test_a_mistake_in_a_benchmark_among_the_sources_is_told(tmp_path):
    with pytest.raises(ConfigError, match="zzz: there is no such key"):
        parse_config(config(tmp_path, zzz=1), str(tmp_path))


def test_fields_of_a_named_format_can_be_replaced_one_by_one(tmp_path):
    (tmp_path / "c.yaml").write_text(
        "store: s\nsources: [{name: n, format: nectar, path: x.jsonl, fields: {annotator: {constant: gpt-5}}}]"
    )
    (source,) = load_config(str(tmp_path / "c.yaml")).sources
    assert source.reader.fields.annotator.constant == "gpt-5" and source.reader.fields.responses


def test_a_dataset_of_the_hub_can_be_like_a_named_format(tmp_path):
    row = {
        "prompt": "Q",
        "response": "A",
        "helpfulness": 4,
        "correctness": 3,
        "coherence": 4,
        "complexity": 1,
        "verbosity": 2,
    }
    (tmp_path / "x.jsonl").write_bytes(jsonl(row, row | {"response": "B", "helpfulness": 2}))
    rows = read_source(f"[{{name: x, format: datasets, path: {tmp_path / 'x.jsonl'}, like: helpsteer}}]", tmp_path)
    assert next(said(rows)) == "A/B first overall"
    with pytest.raises(ConfigError, match="like: 'helpstear' is none of"):
        read_source("[{name: x, format: datasets, path: ./x.parquet, like: helpstear}]", tmp_path)
