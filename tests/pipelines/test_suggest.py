"""Files that nobody has described, as people have them: what is proposed, and that it reads them."""

import csv
import json

import pytest
import yaml

from prefcurate.pipelines.suggest import propose, render
from prefcurate.schemas.errors import WrongSetting
from tests.schemas.formats.reading import DATA

LONG = "some longer words of an answer that make it a text "


def rows_of(count, **cells):
    """Rows whose cells are made of their number."""
    return [{name.replace("_of_", " "): cell(number) for name, cell in cells.items()} for number in range(count)]


def text(mark):
    return lambda number: f"{LONG}{mark}{number}"


def ask(number):
    return f"What is {number}, and why is that?"


def one_of(*values):
    return lambda number: values[number % len(values)]


FILES = {
    "a spreadsheet of a team": (
        rows_of(
            9,
            ID=str,
            Question=ask,
            Answer_of_A=text("a"),
            Answer_of_B=text("b"),
            Better=one_of("A", "B", "Tie"),
            Reviewer=one_of("kim", "lee"),
            Comment=text("why"),
        ),
        {
            "prompt": "Question",
            "response_a": "Answer A",
            "response_b": "Answer B",
            "label": {"path": "Better", "values": {"A": "a", "B": "b", "Tie": "tie"}},
            "annotator": "Reviewer",
            "rationale": "Comment",
            "kind": "person",
            "row_id": "ID",
        },
    ),
    "the winner's name": (
        rows_of(
            9,
            prompt=ask,
            modelA=one_of("gpt"),
            modelB=one_of("llm"),
            outputA=text("a"),
            outputB=text("b"),
            winner=one_of("gpt", "llm", "tie"),
        ),
        {
            "prompt": "prompt",
            "response_a": "outputA",
            "response_b": "outputB",
            "model_a": "modelA",
            "model_b": "modelB",
            "label": {"path": "winner", "same_as": {"a": "modelA", "b": "modelB"}, "values": {"tie": "tie"}},
            "kind": "person",
        },
    ),
    "a column for each label": (
        rows_of(
            9,
            prompt=ask,
            response_a=text("a"),
            response_b=text("b"),
            winner_a=one_of(1, 0, 0),
            winner_b=one_of(0, 1, 0),
            winner_tie=one_of(0, 0, 1),
        ),
        {
            "prompt": "prompt",
            "response_a": "response_a",
            "response_b": "response_b",
            "label": {"columns": {"a": "winner_a", "b": "winner_b", "tie": "winner_tie"}},
            "kind": "person",
        },
    ),
    "two ratings": (
        rows_of(
            9, prompt=ask, output_1=text("a"), output_2=text("b"), score_1=one_of(1, 2, 3), score_2=one_of(2, 2, 1)
        ),
        {
            "prompt": "prompt",
            "response_a": "output_1",
            "response_b": "output_2",
            "label": {"path_a": "score_1", "path_b": "score_2"},
            "kind": "person",
        },
    ),
    "a signed strength": (
        rows_of(9, prompt=ask, answer1=text("a"), answer2=text("b"), preference=one_of(-2, 0, 3)),
        {
            "prompt": "prompt",
            "response_a": "answer1",
            "response_b": "answer2",
            "label": {"path": "preference", "positive": "a"},
            "kind": "person",
        },
    ),
    "votes in a list": (
        rows_of(
            9,
            question=ask,
            output_1=text("a"),
            output_2=text("b"),
            votes=lambda n: [{"vote": 1, "judge": "gpt-4"}, {"vote": 2, "judge": "claude"}],
        ),
        {
            "prompt": "question",
            "response_a": "output_1",
            "response_b": "output_2",
            "label": {
                "each": "votes",
                "path": "vote",
                "values": {"1": "a", "2": "b"},
                "annotator": "judge",
                "kind": "llm_judge",
            },
            "kind": "llm_judge",
        },
    ),
    "completions in a list": (
        rows_of(
            9,
            instruction=ask,
            completions=lambda n: [{"completion": f"{LONG}{n}{k}", "model": f"m{k}", "score": k} for k in range(3)],
        ),
        {
            "prompt": "instruction",
            "responses": {
                "each": "completions",
                "text": "completion",
                "model": "model",
                "ratings": [{"path": "score"}],
            },
            "kind": "person",
        },
    ),
    "ranks in columns": (
        rows_of(
            9,
            prompt=ask,
            response_1=text("a"),
            response_2=text("b"),
            response_3=text("c"),
            rank_1=one_of(1),
            rank_2=one_of(3),
            rank_3=one_of(2),
        ),
        {
            "prompt": "prompt",
            "responses": [{"text": f"response_{n}", "rank": f"rank_{n}"} for n in (1, 2, 3)],
            "kind": "person",
        },
    ),
    "one response a row": (
        rows_of(12, query=lambda n: ask(n // 3), reply=text("a"), quality=one_of(1, 4, 2), rater=one_of("r1")),
        {
            "prompt": "query",
            "responses": {"text": "reply", "ratings": [{"path": "quality"}]},
            "annotator": "rater",
            "kind": "person",
        },
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_described_and_read_with_the_description(name, tmp_path):
    rows, fields = FILES[name]
    path = tmp_path / "votes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = propose(str(path))
    assert found.settings["format"] == "mapping" and found.settings["fields"] == fields
    assert not found.report.mistakes and found.report.seen.given and not found.report.seen.unreadable
    pasted = yaml.safe_load(render(found).split("\n\n")[0])
    assert pasted == [dict(found.settings)]


def test_a_table_without_types_is_described_alike(tmp_path):
    rows, fields = FILES["a column for each label"]
    with (tmp_path / "votes.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert propose(str(tmp_path / "votes.csv")).settings["fields"] == fields


def test_chosen_and_rejected_under_other_names(tmp_path):
    rows = rows_of(
        5,
        text_chosen=lambda n: f"Human: {ask(n)}\n\nAssistant: yes",
        text_rejected=lambda n: f"Human: {ask(n)}\n\nAssistant: no",
    )
    (tmp_path / "x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = propose(str(tmp_path / "x.jsonl"))
    assert (found.settings["format"], found.settings["chosen"]) == (
        "hf_preference",
        "text_chosen",
    ) and found.report.seen.pairs == 5


@pytest.mark.parametrize(
    ("path", "format_"),
    [("finegrained-qa-feedback", "qa_feedback"), ("oasst-trees", "oasst")],
)
def test_a_known_format_is_recognised(path, format_):
    (file,) = (f for f in sorted((DATA / path).iterdir()) if "json" in f.name)
    assert propose(str(file)).settings["format"] == format_


def test_what_cannot_be_compared_is_said_with_what_is_there(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"city": "Rome", "inhabitants": 3}\n' * 3)
    with pytest.raises(WrongSetting, match="no two responses to one prompt .* it has 'city', 'inhabitants'"):
        propose(str(tmp_path / "x.jsonl"))
