"""Published layouts as people keep them: in another kind of file, without columns of other releases, with values spelled otherwise."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prefcurate.transforms.ingest.options import SourceOptions
from tests.schemas.formats.reading import jsonl, labels_of, outcomes, pairs_of, read_bytes, text_of, verdicts


def parquet(*rows: dict) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), stream)
    return stream.getvalue()


def cells(*rows: dict) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode("utf-8-sig")


def read(name: str, data: bytes, format: str, **settings: object):
    source = SourceOptions.model_validate({"name": "x", "path": "p", "format": format, "use": "data", **settings})
    return read_bytes(source.reader, name, data)


def said(rows) -> list[tuple[str, ...]]:
    """Prompt, first, second and verdict of each label."""
    return [
        (*(text_of(side)[-1].strip() for side in (pair.prompt, pair.first, pair.second)), str(label.verdict))
        for pair in pairs_of(rows)
        for label in pair.labels
    ]


def talk(*turns: str) -> list[dict[str, str]]:
    return [{"role": "assistant" if n % 2 else "user", "content": text} for n, text in enumerate(turns)]


ARENA = {
    "model_a": "m",
    "model_b": "n",
    "winner": "model_b",
    "conversation_a": talk("Q", "A"),
    "conversation_b": talk("Q", "B"),
}


@pytest.mark.parametrize(
    "spelled",
    [
        dict,
        lambda row: (
            row | {"conversation_a": json.dumps(row["conversation_a"]), "conversation_b": str(row["conversation_b"])}
        ),
    ],
)
def test_arena_without_columns_of_other_releases_and_with_conversations_in_cells(spelled):
    rows = read("train.parquet", parquet(spelled(ARENA)), "arena")
    assert said(rows) == [("Q", "A", "B", "second")] and labels_of(rows)[0].annotator == "anonymous"
    rows = read("train.parquet", parquet(spelled(ARENA | {"judge_hash": "ab12", "turn": 1})), "arena")
    assert said(rows) == [("Q", "A", "B", "second")] and labels_of(rows)[0].annotator == "ab12"


def test_a_misspelt_column_of_a_named_format_is_still_told():
    rows = read("train.parquet", parquet(ARENA | {"judge_hash": "x"}), "arena", fields={"annotator": "judge_hsah"})
    assert "did you mean 'judge_hash'" in rows[0].outcome.detail


def test_distilabel_in_parquet_without_a_system_prompt():
    row = {"input": "Q", "generations": ["A", "B"], "rating": [None, 9.0], "labelling_model": "gpt-4"}
    rows = read("x.parquet", parquet(row, row | {"input": "R", "rating": [2.0, 2.0]}), "distilabel")
    assert said(rows) == [("R", "A", "B", "tie")] and len(pairs_of(rows)) == 2


def test_turns_that_are_lists_already_and_half_a_character_in_a_cell():
    row = {
        "id": 1,
        "prompt": ["Q"],
        "response_a": ["A"],
        "response_b": ["B"],
        "winner_model_a": 1.0,
        "winner_model_b": 0.0,
        "winner_tie": 0.0,
    }
    assert said(read("x.parquet", parquet(row), "arena_55k")) == [("Q", "A", "B", "first")]
    told = row | {name: json.dumps(row[name]) for name in ("prompt", "response_a", "response_b")}
    rows = read("x.csv", cells(told, told | {"prompt": '["\\ud83d"]'}, told | {"prompt": '["Q"'}), "arena_55k")
    assert outcomes(rows) == {"Pairs": 1, "not Unicode": 1, "bad JSON": 1}


def test_messages_in_cells_as_json_and_as_python_prints_them():
    chosen, rejected = talk("Q", "It's good."), talk("Q", 'Not "so".')
    rows = read(
        "x.csv",
        cells(
            {"chosen": json.dumps(chosen), "rejected": str(rejected)},
            {"chosen": "[1, 2] is a list", "rejected": "[1, 2] is none"},
        ),
        "hf_preference",
    )
    assert said(rows) == [("Q", "It's good.", 'Not "so".', "first"), ("[1, 2] is", "a list", "none", "first")]


def test_transcripts_with_line_ends_of_windows():
    row = {
        side: f"\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant: {side}".replace("\n", "\r\n")
        for side in ("chosen", "rejected")
    }
    rows = read("x.jsonl", jsonl(row), "hf_preference")
    assert said(rows) == [("Why?", "chosen", "rejected", "first")]


def test_shp_in_a_csv_and_with_numbers_of_pandas():
    row = {
        "history": "Q",
        "created_at_utc_A": 200,
        "created_at_utc_B": 100,
        "score_A": 20,
        "score_B": 5,
        "human_ref_A": "A",
        "human_ref_B": "B",
        "labels": 1,
    }
    assert said(read("x.csv", cells(row), "shp")) == [("Q", "A", "B", "first")]
    assert said(read("x.parquet", parquet(row | {"labels": 1.0, "score_A": 20.0}), "shp")) == [("Q", "A", "B", "first")]


def test_label_studio_in_a_csv():
    task = {
        "prompt": "Q",
        "one": "A",
        "two": "B",
        "better": '{"selected": "right"}',
        "annotator": 3,
        "annotation_id": 7,
    }
    rows = read(
        "x.csv",
        cells(task),
        "label_studio_project",
        prompt="prompt",
        response_a="one",
        response_b="two",
        question="better",
    )
    assert said(rows) == [("Q", "A", "B", "second")] and verdicts(labels_of(rows)) == {"second": 1}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "Q", "tool_calls": True},
        {"role": "user", "content": "Q", "tool_calls": 5},
        {"role": "user", "content": [{"type": {"image": 1}}]},
        {"role": "user", "content": [{"type": ["image"]}]},
    ],
)
def test_odd_pieces_of_a_message_cost_its_row_alone(message):
    row = {"prompt": [message], "chosen": "A", "rejected": "B"}
    assert outcomes(read("x.jsonl", jsonl(row, row | {"prompt": "Q"}), "hf_preference")) == {
        "wrong type": 1,
        "Pairs": 1,
    }


@pytest.mark.parametrize("cell", [json.dumps, str])
def test_lists_and_objects_in_cells_are_what_they_say(cell):
    answers = [
        {"response": text, "overall_score": score, "annotations": {"honesty": {"Rating": "N/A"}}}
        for text, score in (("A", 3), ("B", 4.5))
    ]
    row = {"instruction": "Q", "completions": cell(answers)}
    assert said(read("x.csv", cells(row), "ultrafeedback")) == [("Q", "A", "B", "second")]
    row = {
        "info": cell({"title": "T", "post": "P"}),
        "summaries": cell([{"text": "A"}, {"text": "B"}]),
        "choice": 1,
        "worker": "w",
    }
    assert said(read("x.csv", cells(row), "summarize_from_feedback")) == [("T\n\nP", "A", "B", "second")]
    row = {"prompt": "Q", "chosen": cell(["A"]), "rejected": cell(["B", "C"]), "id": 1}
    assert said(read("x.csv", cells(row), "rewardbench2")) == [("Q", "A", "B", "first"), ("Q", "A", "C", "first")]
    rows = [
        {"problem": "Q", "steps": cell(["x", text]), "final_answer_correct": cell(text == "A"), "label": label}
        for text, label in (("A", -1), ("B", 0))
    ]
    assert said(read("x.csv", cells(*rows), "prm")) == [("Q", "x\nA", "x\nB", "first")]
    assert outcomes(read("x.csv", cells(row | {"chosen": "[1"}), "rewardbench2")) == {"wrong type": 1}
